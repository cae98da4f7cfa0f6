//! Port-forward over a WebSocket without SPDY inside, as clients of other languages do it: each port of the query has
//! a channel for data and one for errors, and one connection is made to each. Upstream's `v4.channel.k8s.io`.

use super::super::{
    Dial, INPUT_QUEUE,
    websocket::{self, Socket},
};
use super::CHUNK_BYTES;
use bytes::Bytes;
use futures::{
    SinkExt as _, StreamExt as _,
    stream::{FuturesUnordered, SplitSink, SplitStream},
};
use std::io;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Mutex, mpsc},
};
use tokio_tungstenite::tungstenite::Message;

/// The subprotocols; a client that names none means the first.
pub(super) const PROTOCOLS: [&str; 2] = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"];
/// The most ports of one connection.
const PORTS: usize = 16;

/// The ports that a query's words name, one or several in each.
pub(super) fn ports(words: &[String]) -> Result<Vec<u16>, String> {
    if words.is_empty() {
        return Err("query parameter \"port\" is required".to_owned());
    }
    if words.iter().any(String::is_empty) {
        return Err("query parameter \"port\" cannot be empty".to_owned());
    }
    let parse = |word: &str| {
        let port = word.parse::<u16>();
        let port = port.map_err(|_| format!("unable to parse {word:?} as a port"))?;
        (port > 0)
            .then_some(port)
            .ok_or_else(|| format!("port {word:?} must be > 0"))
    };
    let ports = words.iter().flat_map(|word| word.split(','));
    let ports = ports.map(parse).collect::<Result<Vec<_>, _>>()?;
    if ports.len() > PORTS {
        return Err(format!("at most {PORTS} ports can be forwarded at once"));
    }
    Ok(ports)
}

/// One port's channels, by the number of that for data.
struct Pair<'a> {
    sink: &'a Mutex<SplitSink<Socket, Message>>,
    base64: bool,
    channel: u8,
    port: u16,
}

/// Connects every port; when one connection has ended all do, as upstream's.
pub(super) async fn serve(socket: Socket, base64: bool, ports: Vec<u16>, dial: Dial) {
    let (sink, stream) = socket.split();
    let sink = Mutex::new(sink);
    let (mut inputs, mut pairs) = (Vec::new(), FuturesUnordered::new());
    for (channel, port) in (0..).step_by(2).zip(ports) {
        let (sender, input) = mpsc::channel(INPUT_QUEUE);
        inputs.push(sender);
        let pair = Pair {
            sink: &sink,
            base64,
            channel,
            port,
        };
        pairs.push(pair.run(input, &dial));
    }
    tokio::select! {
        _ = pairs.next() => {}
        () = read(stream, base64, inputs) => {}
    }
    drop(pairs);
    websocket::close(&mut *sink.lock().await).await;
}

/// Takes the client's data apart until it goes away.
async fn read(mut stream: SplitStream<Socket>, base64: bool, inputs: Vec<mpsc::Sender<Bytes>>) {
    while let Some(Ok(message)) = stream.next().await {
        let Some((channel, data)) = websocket::take_apart(message, base64) else {
            continue;
        };
        let input = inputs.get(usize::from(channel / 2));
        if let Some(input) = input.filter(|_| channel % 2 == 0) {
            // A connection that has ended takes nothing more.
            let _ = input.send(data).await;
        }
    }
}

impl Pair<'_> {
    async fn send(&self, channel: u8, data: &[u8]) -> io::Result<()> {
        let message = websocket::put_together(channel, data, self.base64);
        let sent = self.sink.lock().await.send(message).await;
        sent.map_err(io::Error::other)
    }

    async fn run(self, input: mpsc::Receiver<Bytes>, dial: &Dial) {
        if let Err(why) = self.forward(input, dial).await {
            // A client that is gone needs no reason.
            let _ = self.send(self.channel + 1, why.as_bytes()).await;
        }
    }

    async fn forward(&self, mut input: mpsc::Receiver<Bytes>, dial: &Dial) -> Result<(), String> {
        let failed = |error: io::Error| format!("port {}: {error}", self.port);
        // Each channel begins with the port that it is for.
        for channel in [self.channel, self.channel + 1] {
            let port = self.port.to_le_bytes();
            self.send(channel, &port).await.map_err(failed)?;
        }
        let (mut reader, mut writer) = tokio::io::split(dial(self.port).await?);
        let inbound = async {
            while let Some(chunk) = input.recv().await {
                writer.write_all(&chunk).await?;
            }
            writer.shutdown().await
        };
        let outbound = async {
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                match reader.read(&mut buffer).await? {
                    0 => return Ok(()),
                    count => self.send(self.channel, &buffer[..count]).await?,
                }
            }
        };
        let copied: io::Result<()> = tokio::select! {
            // The pod's side ends the connection; the client's end alone does not.
            result = outbound => result,
            result = async { inbound.await?; std::future::pending().await } => result,
        };
        copied.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_query() {
        let of = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            ports(&words)
        };
        assert_eq!(of(&["80"]), Ok(vec![80]));
        assert_eq!(of(&["80,81", "82"]), Ok(vec![80, 81, 82]));
        for (word, why) in [
            ("", "query parameter \"port\" cannot be empty"),
            ("http", "unable to parse \"http\" as a port"),
            ("65536", "unable to parse \"65536\" as a port"),
            ("0", "port \"0\" must be > 0"),
        ] {
            assert_eq!(of(&[word]), Err(why.to_owned()));
        }
        assert_eq!(
            of(&[]),
            Err("query parameter \"port\" is required".to_owned())
        );
        assert!(of(&["1"; PORTS + 1]).is_err());
    }
}
