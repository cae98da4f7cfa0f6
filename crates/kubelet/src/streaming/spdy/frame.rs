//! The frames of SPDY/3.1 as bytes. Pure.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use std::io;

/// The largest frame taken; clients copy in much smaller pieces.
pub(super) const LIMIT_BYTES: usize = 4 << 20;
const HEADER_BYTES: usize = 8;
const CONTROL_BIT: u8 = 0x80;
const VERSION: u16 = 3;
const FLAG_FIN: u8 = 1;
/// Status of a reset: nothing was done with the stream.
pub(super) const REFUSED_STREAM: u32 = 3;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Data {
        stream: u32,
        data: Bytes,
        last: bool,
    },
    Control(Control),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// A new stream with its compressed headers.
    SynStream {
        stream: u32,
        headers: Bytes,
        last: bool,
    },
    /// More headers of a stream.
    Headers {
        headers: Bytes,
    },
    Reset {
        stream: u32,
    },
    Ping {
        id: u32,
    },
    GoAway,
    /// Settings, windows, replies: nothing to do.
    Other,
}

/// Takes one frame off the front of `buffer`; nothing while it is incomplete.
///
/// # Errors
/// When the bytes are no frame, or one that is too large.
pub(super) fn parse(buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
    let Some(header) = buffer.first_chunk::<HEADER_BYTES>().copied() else {
        return Ok(None);
    };
    let length =
        usize::from(header[5]) << 16 | usize::from(header[6]) << 8 | usize::from(header[7]);
    if length > LIMIT_BYTES {
        return Err(malformed("a frame is too large"));
    }
    if buffer.len() < HEADER_BYTES + length {
        buffer.reserve(HEADER_BYTES + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    let body = buffer.split_to(length).freeze();
    let last = header[4] & FLAG_FIN != 0;
    if header[0] & CONTROL_BIT == 0 {
        let stream = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        return Ok(Some(Frame::Data {
            stream,
            data: body,
            last,
        }));
    }
    if u16::from_be_bytes([header[0] & !CONTROL_BIT, header[1]]) != VERSION {
        return Err(malformed("a frame is of another version"));
    }
    control(u16::from_be_bytes([header[2], header[3]]), body, last)
        .map(|control| Some(Frame::Control(control)))
}

fn control(kind: u16, mut body: Bytes, last: bool) -> io::Result<Control> {
    let number = |body: &mut Bytes| {
        body.try_get_u32()
            .map_err(|_| malformed("a frame is too short"))
    };
    Ok(match kind {
        SYN_STREAM => {
            let stream = number(&mut body)? & 0x7fff_ffff;
            number(&mut body)?;
            body.try_get_u16()
                .map_err(|_| malformed("a frame is too short"))?;
            Control::SynStream {
                stream,
                headers: body,
                last,
            }
        }
        HEADERS => {
            number(&mut body)?;
            Control::Headers { headers: body }
        }
        RST_STREAM => Control::Reset {
            stream: number(&mut body)? & 0x7fff_ffff,
        },
        PING => Control::Ping {
            id: number(&mut body)?,
        },
        GOAWAY => Control::GoAway,
        _ => Control::Other,
    })
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// A data frame; its data must be shorter than 16 MiB.
pub(super) fn data(stream: u32, data: &[u8], last: bool) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES + data.len());
    frame.put_u32(stream & 0x7fff_ffff);
    put_flags_and_length(&mut frame, last, data.len());
    frame.put_slice(data);
    frame.freeze()
}

/// Accepts a stream.
pub(super) fn syn_reply(stream: u32, headers: &[u8]) -> Bytes {
    control_frame(SYN_REPLY, stream, headers)
}

/// Ends a stream.
pub(super) fn reset(stream: u32, status: u32) -> Bytes {
    control_frame(RST_STREAM, stream, &status.to_be_bytes())
}

/// Answers a ping.
pub(super) fn ping(id: u32) -> Bytes {
    control_frame(PING, id, &[])
}

fn control_frame(kind: u16, number: u32, rest: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER_BYTES + 4 + rest.len());
    frame.put_u8(CONTROL_BIT);
    frame.put_u8(3);
    frame.put_u16(kind);
    put_flags_and_length(&mut frame, false, 4 + rest.len());
    frame.put_u32(number);
    frame.put_slice(rest);
    frame.freeze()
}

fn put_flags_and_length(frame: &mut BytesMut, last: bool, length: usize) {
    // Invariant: callers write far less than the 24 bits of a length.
    debug_assert!(length < 1 << 24);
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    frame.put_u8(u8::from(last) * FLAG_FIN);
    frame.put_slice(&length[1..]);
}
