//! SPDY/3.1, the server's side, as far as Kubernetes' clients use it: streams opened by the client with headers, data
//! both ways, half-closing, resets, pings. Go's implementation on the other side neither sends nor heeds flow-control
//! windows, so what waits is bounded by queues here: a stream that is not read stops the connection's reader.

mod frame;
mod headers;

use bytes::{Buf as _, Bytes, BytesMut};
use frame::{Control, Frame};
use headers::{Compressor, Decompressor};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

/// Streams open at once on a connection.
const STREAMS: usize = 1024;
/// Chunks that wait for the reader of one stream.
const STREAM_QUEUE: usize = 16;
/// Frames that wait to be written.
const WRITE_QUEUE: usize = 64;
/// Data of one frame that is written, and of one chunk that is read.
const DATA_BYTES: usize = 32 << 10;

/// A stream that the client opened.
pub(super) struct Stream {
    /// Its headers, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// What the client sends, until it half-closes.
    pub(super) input: mpsc::Receiver<Bytes>,
    /// The way back.
    pub(super) output: Writer,
}

impl Stream {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Writes to one stream.
#[derive(Clone)]
pub(super) struct Writer {
    id: u32,
    frames: mpsc::Sender<Bytes>,
    gone: CancellationToken,
}

impl Writer {
    /// Sends data; waits while the client does not read.
    pub(super) async fn write(&self, mut data: Bytes) -> io::Result<()> {
        while data.has_remaining() {
            let chunk = data.split_to(data.len().min(DATA_BYTES));
            self.send(frame::data(self.id, &chunk, false)).await?;
        }
        Ok(())
    }

    /// Says that nothing follows.
    pub(super) async fn finish(&self) -> io::Result<()> {
        self.send(frame::data(self.id, &[], true)).await
    }

    /// Returns when the connection is gone.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    async fn send(&self, frame: Bytes) -> io::Result<()> {
        self.frames
            .send(frame)
            .await
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Serves a connection; each stream that the client opens is handed out once it is accepted. Everything ends when the
/// connection does, or when `stop` fires and what is queued is written.
pub(super) fn serve(
    io: impl AsyncRead + AsyncWrite + Send + 'static,
    stop: CancellationToken,
) -> mpsc::Receiver<Stream> {
    let (reader, writer) = tokio::io::split(io);
    let (frames, queued) = mpsc::channel(WRITE_QUEUE);
    let (accepted, streams) = mpsc::channel(STREAM_QUEUE);
    let gone = CancellationToken::new();
    let (ended, stopping) = (gone.clone(), stop);
    tokio::spawn(async move {
        let mut connection = Connection {
            streams: HashMap::new(),
            decompressor: Decompressor::new(),
            compressor: Arc::new(Mutex::new(Compressor::new())),
            frames,
            accepted,
            gone: ended.clone(),
        };
        tokio::select! {
            result = connection.read(reader) => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a SPDY connection broke");
                }
            }
            () = stopping.cancelled() => {}
        }
        ended.cancel();
    });
    tokio::spawn(write(writer, queued, gone));
    streams
}

async fn write<W: AsyncWrite>(
    mut writer: WriteHalf<W>,
    mut frames: mpsc::Receiver<Bytes>,
    gone: CancellationToken,
) {
    while let Some(frame) = frames.recv().await {
        if writer.write_all(&frame).await.is_err() || writer.flush().await.is_err() {
            break;
        }
    }
    let _ = writer.shutdown().await;
    gone.cancel();
}

struct Connection {
    streams: HashMap<u32, mpsc::Sender<Bytes>>,
    decompressor: Decompressor,
    compressor: Arc<Mutex<Compressor>>,
    frames: mpsc::Sender<Bytes>,
    accepted: mpsc::Sender<Stream>,
    gone: CancellationToken,
}

impl Connection {
    async fn read<R: AsyncRead>(&mut self, mut reader: ReadHalf<R>) -> io::Result<()> {
        let mut buffer = BytesMut::with_capacity(DATA_BYTES);
        loop {
            while let Some(frame) = frame::parse(&mut buffer)? {
                if !self.take(frame).await? {
                    return Ok(());
                }
            }
            if reader.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Acts on a frame; false ends the connection.
    async fn take(&mut self, frame: Frame) -> io::Result<bool> {
        match frame {
            Frame::Data { stream, data, last } => {
                if let Some(sender) = self.streams.get(&stream) {
                    feed(sender, data).await;
                }
                if last {
                    self.streams.remove(&stream);
                }
            }
            Frame::Control(Control::SynStream {
                stream,
                headers,
                last,
            }) => self.open(stream, &headers, last).await?,
            Frame::Control(Control::Headers { headers }) => {
                // Read for the sake of the compression context that all header blocks share.
                self.decompressor.headers(&headers)?;
            }
            Frame::Control(Control::Reset { stream }) => {
                self.streams.remove(&stream);
            }
            Frame::Control(Control::Ping { id }) => self.queue(frame::ping(id)).await?,
            Frame::Control(Control::GoAway) => return Ok(false),
            Frame::Control(Control::Other) => {}
        }
        Ok(true)
    }

    async fn open(&mut self, stream: u32, block: &[u8], last: bool) -> io::Result<()> {
        let headers = self.decompressor.headers(block)?;
        if self.streams.len() >= STREAMS {
            return self
                .queue(frame::reset(stream, frame::REFUSED_STREAM))
                .await;
        }
        let reply = {
            let mut compressor = self
                .compressor
                .lock()
                .map_err(|_| io::Error::other("poisoned"))?;
            frame::syn_reply(stream, &compressor.headers(&[])?)
        };
        self.queue(reply).await?;
        let (sender, input) = mpsc::channel(STREAM_QUEUE);
        if !last {
            self.streams.insert(stream, sender);
        }
        let output = Writer {
            id: stream,
            frames: self.frames.clone(),
            gone: self.gone.clone(),
        };
        self.accepted
            .send(Stream {
                headers,
                input,
                output,
            })
            .await
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    async fn queue(&self, frame: Bytes) -> io::Result<()> {
        self.frames
            .send(frame)
            .await
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// In small chunks, so that the queue's limit is one of bytes. A stream whose reader is gone takes no more.
async fn feed(stream: &mpsc::Sender<Bytes>, mut data: Bytes) {
    while data.has_remaining() {
        let chunk = data.split_to(data.len().min(DATA_BYTES));
        if stream.send(chunk).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
