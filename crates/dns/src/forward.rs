//! Asking the host's name servers about everything that is not the cluster's: relayed as bytes, remembered briefly.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::wire::{self, Query};

/// How long one server is given.
const PATIENCE: Duration = Duration::from_secs(2);
/// Times every server is asked.
const ROUNDS: usize = 2;
/// Questions underway; further ones are answered with a failure at once.
const MOST_UNDERWAY: usize = 1000;
/// Replies remembered.
const MOST_REMEMBERED: usize = 10_000;
/// How long a reply is remembered at most.
const MOST_TTL_SECONDS: u32 = 30;
/// Name servers taken from resolv.conf, as the C library does.
const MOST_SERVERS: usize = 3;

/// The host's name servers and what they said lately.
#[derive(Debug)]
pub struct Upstream {
    servers: Vec<SocketAddr>,
    underway: Semaphore,
    remembered: Mutex<HashMap<Question, Remembered>>,
}

/// Name, kind, whether over TCP (replies may be longer) and the circumstances.
type Question = (Vec<u8>, u16, bool, Vec<u8>);

#[derive(Debug)]
struct Remembered {
    message: Vec<u8>,
    times: Vec<usize>,
    since: Instant,
    until: Instant,
}

impl Upstream {
    /// Asks these servers in order; with none, every question fails.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            underway: Semaphore::new(MOST_UNDERWAY),
            remembered: Mutex::default(),
        }
    }

    /// The servers of a resolv.conf.
    #[must_use]
    pub fn servers_of(resolv_conf: &str) -> Vec<SocketAddr> {
        let server = |line: &str| {
            let mut words = line.split_whitespace();
            let address = words
                .next()
                .filter(|word| *word == "nameserver")
                .and_then(|_| words.next())?;
            Some(SocketAddr::new(address.parse().ok()?, 53))
        };
        resolv_conf
            .lines()
            .filter_map(server)
            .take(MOST_SERVERS)
            .collect()
    }

    /// The reply to a query's message, under the query's own number; none if no server gave one.
    pub(crate) async fn ask(&self, query: &Query, message: &[u8], by_tcp: bool) -> Option<Vec<u8>> {
        let question = (
            query.name.clone(),
            query.kind,
            by_tcp,
            query.circumstances(message),
        );
        if let Some(reply) = self.recall(&question, query) {
            return Some(reply);
        }
        let _permit = self.underway.try_acquire().ok()?;
        for server in std::iter::repeat_n(&self.servers, ROUNDS).flatten() {
            match timeout(PATIENCE, exchange(*server, query, message, by_tcp)).await {
                Ok(Ok(mut reply)) => {
                    reply[..2].copy_from_slice(&query.id.to_be_bytes());
                    self.remember(question, &reply);
                    return Some(reply);
                }
                Ok(Err(error)) => tracing::debug!(%server, %error, "name server"),
                Err(_) => tracing::debug!(%server, "name server does not answer"),
            }
        }
        None
    }

    fn recall(&self, question: &Question, query: &Query) -> Option<Vec<u8>> {
        let remembered = self.remembered.lock();
        let known = remembered
            .get(question)
            .filter(|known| known.until > Instant::now())?;
        let mut reply = known.message.clone();
        // Clients spell names as they like and compare what comes back.
        if !query.is_answered_by(&reply) {
            return None;
        }
        query.put_question(&mut reply);
        let age = u32::try_from(known.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        for at in &known.times {
            let field = reply.get_mut(*at..*at + 4)?;
            let ttl = u32::from_be_bytes([field[0], field[1], field[2], field[3]]);
            field.copy_from_slice(&ttl.saturating_sub(age).to_be_bytes());
        }
        Some(reply)
    }

    fn remember(&self, question: Question, reply: &[u8]) {
        // Only answers and "no such name"; what was cut short or failed is asked again.
        let (cut, code) = (reply[2] & 2 != 0, reply[3] & 15);
        let Some(times) = wire::ttl_positions(reply).filter(|_| !cut && (code == 0 || code == 3))
        else {
            return;
        };
        let ttl = |at: &usize| {
            reply
                .get(*at..*at + 4)
                .map(|ttl| u32::from_be_bytes([ttl[0], ttl[1], ttl[2], ttl[3]]))
        };
        let shortest = times
            .iter()
            .filter_map(ttl)
            .min()
            .unwrap_or(0)
            .min(MOST_TTL_SECONDS);
        if shortest == 0 {
            return;
        }
        let since = Instant::now();
        let until = since + Duration::from_secs(shortest.into());
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.retain(|_, known| known.until > since);
            if remembered.len() >= MOST_REMEMBERED {
                remembered.clear();
            }
        }
        remembered.insert(
            question,
            Remembered {
                message: reply.to_vec(),
                times,
                since,
                until,
            },
        );
    }
}

/// A socket of its own for every question: its random port is what a forger would have to guess.
async fn exchange(
    server: SocketAddr,
    query: &Query,
    message: &[u8],
    by_tcp: bool,
) -> io::Result<Vec<u8>> {
    if by_tcp {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        stream
            .write_all(&[&length.to_be_bytes()[..], message].concat())
            .await?;
        let mut reply = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut reply).await?;
        return match query.is_answered_by(&reply) {
            true => Ok(reply),
            false => Err(io::ErrorKind::InvalidData.into()),
        };
    }
    let any = if server.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    socket.send(message).await?;
    let mut reply = vec![0; 4096];
    loop {
        let length = socket.recv(&mut reply).await?;
        if reply[..length].starts_with(&message[..2]) && query.is_answered_by(&reply[..length]) {
            reply.truncate(length);
            return Ok(reply);
        }
    }
}
