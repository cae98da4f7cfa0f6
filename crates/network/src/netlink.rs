//! Netlink itself: messages with nested attributes, and a socket that sends a batch and waits until the kernel has
//! answered for all of it. Links, packet rules and connection tracking all speak through this one module; the few
//! requests Sampan makes are not worth a library of every netlink family.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

pub(crate) const REQUEST: u16 = 0x1;
pub(crate) const ACK: u16 = 0x4;
pub(crate) const DUMP: u16 = 0x300;
pub(crate) const REPLACE: u16 = 0x100;
pub(crate) const EXCL: u16 = 0x200;
pub(crate) const CREATE: u16 = 0x400;
pub(crate) const APPEND: u16 = 0x800;

const NESTED: u16 = 0x8000;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The kernel answers before `send` returns; this only bounds a kernel that never does.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Room for one datagram of a dump; the kernel fills at most 32 KiB.
const DATAGRAM_BYTES: usize = 64 * 1024;

/// Requests to be sent in one datagram, so that the kernel sees all of them or none.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    start: usize,
    count: u32,
}

impl Batch {
    /// Begins a message; `flags` are added to `REQUEST`.
    pub(crate) fn message(&mut self, kind: u16, flags: u16, header: &[u8]) {
        self.finish();
        self.start = self.bytes.len();
        self.count += 1;
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes
            .extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&self.count.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(header);
        self.pad();
    }

    /// How many messages were begun; the first has number one.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Asks for an answer to the current message.
    pub(crate) fn acknowledge(&mut self) {
        if let Some(flags) = self.bytes.get_mut(self.start + 6) {
            *flags |= ACK as u8;
        }
    }

    pub(crate) fn attr(&mut self, kind: u16, value: &[u8]) {
        debug_assert!(value.len() + 4 <= usize::from(u16::MAX));
        self.bytes
            .extend_from_slice(&(value.len() as u16 + 4).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
    }

    pub(crate) fn text(&mut self, kind: u16, value: &str) {
        let mut terminated = value.as_bytes().to_vec();
        terminated.push(0);
        self.attr(kind, &terminated);
    }

    /// A number in the byte order of the network, as netfilter wants it.
    pub(crate) fn number(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_be_bytes());
    }

    /// A number in the byte order of the machine, as rtnetlink wants it.
    pub(crate) fn native(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_ne_bytes());
    }

    /// An attribute whose value is the attributes `fill` adds.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&(kind | NESTED).to_ne_bytes());
        fill(self);
        let length = self.bytes.len() - start;
        debug_assert!(length <= usize::from(u16::MAX));
        self.bytes[start..start + 2].copy_from_slice(&(length as u16).to_ne_bytes());
    }

    /// Raw bytes inside an attribute that carries a header before its own attributes.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(&mut self) {
        if self.count > 0 {
            let length = (self.bytes.len() - self.start) as u32;
            self.bytes[self.start..self.start + 4].copy_from_slice(&length.to_ne_bytes());
        }
    }
}

/// The kernel's refusal of one message of a batch.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Which message, counted from one; zero when the socket itself failed.
    pub(crate) message: u32,
    pub(crate) source: io::Error,
}

impl From<io::Error> for Refusal {
    fn from(source: io::Error) -> Self {
        Self { message: 0, source }
    }
}

impl From<rustix::io::Errno> for Refusal {
    fn from(source: rustix::io::Errno) -> Self {
        Self {
            message: 0,
            source: source.into(),
        }
    }
}

/// A socket in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// No protocol is rtnetlink, whose number is zero.
    pub(crate) fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, 0))?;
        sockopt::set_socket_timeout(&fd, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        Ok(Self { fd })
    }

    /// Sends the batch and waits for the answer to its message number `last`, which must ask for one. Any refusal
    /// before that is the result.
    pub(crate) fn transact(&self, batch: &mut Batch, last: u32) -> Result<(), Refusal> {
        self.send(batch)?;
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let length = self.receive(&mut buffer)?;
            for answer in Answers(&buffer[..length]) {
                if answer.kind != ERROR {
                    continue;
                }
                let code = answer.payload.get(..4).map_or(0, |code| {
                    i32::from_ne_bytes([code[0], code[1], code[2], code[3]])
                });
                if code != 0 {
                    return Err(Refusal {
                        message: answer.sequence,
                        source: io::Error::from_raw_os_error(-code),
                    });
                }
                if answer.sequence == last {
                    return Ok(());
                }
            }
        }
    }

    /// Sends one dump request and returns every message of the answer as kind and payload.
    pub(crate) fn dump(&self, batch: &mut Batch) -> io::Result<Vec<(u16, Vec<u8>)>> {
        self.send(batch).map_err(|refusal| refusal.source)?;
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut found = Vec::new();
        loop {
            let length = self
                .receive(&mut buffer)
                .map_err(|refusal| refusal.source)?;
            for answer in Answers(&buffer[..length]) {
                match answer.kind {
                    DONE => return Ok(found),
                    ERROR => {
                        let code = answer
                            .payload
                            .get(..4)
                            .map_or(0, |c| i32::from_ne_bytes([c[0], c[1], c[2], c[3]]));
                        return if code == 0 {
                            Ok(found)
                        } else {
                            Err(io::Error::from_raw_os_error(-code))
                        };
                    }
                    kind => found.push((kind, answer.payload.to_vec())),
                }
            }
        }
    }

    fn send(&self, batch: &mut Batch) -> Result<(), Refusal> {
        batch.finish();
        // The whole batch must fit the send buffer: the kernel takes it as one datagram.
        let wanted = (batch.bytes.len() * 2).max(64 * 1024);
        if sockopt::socket_send_buffer_size(&self.fd)? < wanted
            && sockopt::set_socket_send_buffer_size_force(&self.fd, wanted).is_err()
        {
            sockopt::set_socket_send_buffer_size(&self.fd, wanted)?;
        }
        let sent = rustix::net::sendto(
            &self.fd,
            &batch.bytes,
            SendFlags::empty(),
            &SocketAddrNetlink::new(0, 0),
        )?;
        if sent != batch.bytes.len() {
            return Err(io::Error::new(
                io::ErrorKind::WriteZero,
                "netlink took only part of a batch",
            )
            .into());
        }
        Ok(())
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        loop {
            match rustix::net::recv(&self.fd, &mut *buffer, RecvFlags::empty()) {
                Ok((length, _)) => return Ok(length),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Answer<'a> {
    kind: u16,
    sequence: u32,
    payload: &'a [u8],
}

struct Answers<'a>(&'a [u8]);

impl<'a> Iterator for Answers<'a> {
    type Item = Answer<'a>;

    fn next(&mut self) -> Option<Answer<'a>> {
        let header = self.0.get(..16)?;
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let payload = self.0.get(16..length)?;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        let sequence = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Answer {
            kind,
            sequence,
            payload,
        })
    }
}

/// The attributes in `bytes`, as kind (without flags) and value.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let header = bytes.get(..4)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}
