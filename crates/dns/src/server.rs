//! The sockets: UDP and TCP on every address given, answers from the index at once, the rest in the background.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::answer::{Answer, answer};
use crate::forward::Upstream;
use crate::index::Index;
use crate::wire::{self, Code, Query};

/// The longest query looked at over UDP.
const UDP_QUERY_BYTES: usize = 4096;
/// TCP connections at one time over all addresses.
const MOST_CONNECTIONS: usize = 256;
/// How long a TCP connection may say nothing.
const IDLE: Duration = Duration::from_secs(10);
/// Tasks that read one UDP socket; more would not help the few cores a node gives to names.
const UDP_READERS: usize = 2;
/// UDP questions relayed at one time from each reader.
const MOST_RELAYED: usize = 512;

/// Bound sockets, not yet served.
pub struct Server {
    udp: Vec<Arc<UdpSocket>>,
    tcp: Vec<TcpListener>,
}

/// What every socket answers from.
#[derive(Clone)]
pub struct Sources {
    /// The cluster's names.
    pub index: Arc<RwLock<Index>>,
    /// Who is asked about others.
    pub upstream: Arc<Upstream>,
}

impl Server {
    /// Binds UDP and TCP on every address.
    pub async fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let mut server = Self {
            udp: Vec::new(),
            tcp: Vec::new(),
        };
        for address in addresses {
            let named = |error: io::Error| {
                io::Error::new(
                    error.kind(),
                    format!("DNS cannot listen on {address}: {error}"),
                )
            };
            let tcp = TcpListener::bind(address).await.map_err(named)?;
            let udp = UdpSocket::bind(tcp.local_addr().map_err(named)?)
                .await
                .map_err(named)?;
            server.tcp.push(tcp);
            server.udp.push(Arc::new(udp));
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// Answers until dropped.
    pub async fn serve(self, sources: Sources) {
        let mut tasks = JoinSet::new();
        for socket in self.udp {
            for _ in 0..UDP_READERS {
                tasks.spawn(serve_udp(Arc::clone(&socket), sources.clone()));
            }
        }
        let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        for listener in self.tcp {
            tasks.spawn(serve_tcp(
                listener,
                sources.clone(),
                Arc::clone(&connections),
            ));
        }
        while tasks.join_next().await.is_some() {}
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, sources: Sources) {
    let mut buffer = vec![0; UDP_QUERY_BYTES];
    let mut relayed = JoinSet::new();
    loop {
        while relayed.try_join_next().is_some() {}
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // A client that is gone is reported on the socket; there is nothing to do about it.
            Err(_) => {
                tokio::task::yield_now().await;
                continue;
            }
        };
        let message = &buffer[..length];
        let query = match wire::parse(message) {
            None => continue,
            Some(Err(refusal)) => {
                let _ = socket.try_send_to(&refusal, client);
                continue;
            }
            Some(Ok(query)) => query,
        };
        let decided = answer(&sources.index.read(), &query, query.udp_limit());
        if let Answer::Reply(reply) = decided {
            // A full send buffer loses the answer, as the network may; clients ask again.
            let _ = socket.try_send_to(&reply, client);
        } else if relayed.len() < MOST_RELAYED {
            let (socket, sources, message) =
                (Arc::clone(&socket), sources.clone(), message.to_vec());
            relayed.spawn(async move {
                let limit = query.udp_limit();
                let reply = elsewhere(&sources, &query, &message, decided, limit, false).await;
                let _ = socket.send_to(&reply, client).await;
            });
        }
    }
}

async fn serve_tcp(listener: TcpListener, sources: Sources, connections: Arc<Semaphore>) {
    let mut served = JoinSet::new();
    loop {
        while served.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let sources = sources.clone();
                served.spawn(async move {
                    // A client that breaks off has its answer.
                    let _ = serve_connection(stream, &sources).await;
                    drop(permit);
                });
            }
            // Out of descriptors, most likely; others may close theirs.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_connection(mut stream: TcpStream, sources: &Sources) -> io::Result<()> {
    loop {
        let mut message = vec![0; usize::from(timeout(IDLE, stream.read_u16()).await??)];
        timeout(IDLE, stream.read_exact(&mut message)).await??;
        let reply = match wire::parse(&message) {
            None => return Ok(()),
            Some(Err(refusal)) => refusal,
            Some(Ok(query)) => {
                let limit = usize::from(u16::MAX);
                let decided = answer(&sources.index.read(), &query, limit);
                elsewhere(sources, &query, &message, decided, limit, true).await
            }
        };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        timeout(
            IDLE,
            stream.write_all(&[&length.to_be_bytes()[..], &reply].concat()),
        )
        .await??;
    }
}

/// The reply where the index alone does not have it.
async fn elsewhere(
    sources: &Sources,
    query: &Query,
    message: &[u8],
    decided: Answer,
    limit: usize,
    tcp: bool,
) -> Vec<u8> {
    match decided {
        Answer::Reply(reply) => reply,
        Answer::Forward => match sources.upstream.ask(query, message, tcp).await {
            Some(reply) => reply,
            None => query.reply(Code::ServerFailure, false, &[], &[], limit),
        },
        Answer::Alias {
            mut records,
            target,
        } => {
            let question = Query::ask(&target, query.kind, query.id);
            let asked = match wire::parse(&question) {
                Some(Ok(asked)) => sources.upstream.ask(&asked, &question, tcp).await,
                _ => None,
            };
            records.extend(
                asked
                    .and_then(|reply| wire::addresses(&reply))
                    .unwrap_or_default(),
            );
            query.reply(Code::NoError, true, &records, &[], limit)
        }
    }
}
