//! Header blocks: names and values, compressed in one zlib stream for the whole connection that begins with the
//! dictionary of the SPDY/3 specification.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::io;

/// The largest block of headers, unpacked.
pub(super) const BLOCK_LIMIT_BYTES: usize = 64 << 10;

/// Words of the dictionary, each written with its length before it.
const WORDS: &[&str] = &[
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
];
/// What follows the words.
const TAIL: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 \
Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not \
Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov \
Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,\
application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859\
-1,utf-,*,enq=0.";

fn dictionary() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1423);
    for word in WORDS {
        bytes.extend_from_slice(&u32::try_from(word.len()).unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(word.as_bytes());
    }
    bytes.extend_from_slice(TAIL.as_bytes());
    bytes
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("SPDY headers: {why}"))
}

/// Reads the client's blocks, in the order of their arrival.
pub(super) struct Decompressor(Decompress);

impl Decompressor {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Names (in lower case) and values; of several values the first.
    pub(super) fn headers(&mut self, block: &[u8]) -> io::Result<Vec<(String, String)>> {
        let plain = self.inflate(block)?;
        let mut rest = plain.as_slice();
        let count = number(&mut rest)?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let name = text(&mut rest)?.to_lowercase();
            let values = text(&mut rest)?;
            let value = values.split('\0').next().unwrap_or_default().to_owned();
            headers.push((name, value));
        }
        Ok(headers)
    }

    fn inflate(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::with_capacity(1024);
        let mut rest = block;
        loop {
            let before = (self.0.total_in(), plain.len());
            let result = self
                .0
                .decompress_vec(rest, &mut plain, FlushDecompress::Sync);
            let read = usize::try_from(self.0.total_in() - before.0).unwrap_or(rest.len());
            rest = rest.get(read..).unwrap_or_default();
            match result {
                Err(error) if error.needs_dictionary().is_some() => {
                    let set = self.0.set_dictionary(&dictionary());
                    set.map_err(|_| malformed("another dictionary"))?;
                    continue;
                }
                Err(_) => return Err(malformed("not compressed as the connection began")),
                Ok(Status::Ok | Status::BufError | Status::StreamEnd) => {}
            }
            if plain.len() > BLOCK_LIMIT_BYTES {
                return Err(malformed("a block is too large"));
            }
            let stuck = read == 0 && plain.len() == before.1;
            if plain.len() == plain.capacity() {
                plain.reserve(1024);
            } else if rest.is_empty() || stuck {
                return Ok(plain);
            }
        }
    }
}

fn number(rest: &mut &[u8]) -> io::Result<usize> {
    let (head, tail) = rest
        .split_first_chunk::<4>()
        .ok_or_else(|| malformed("a block is too short"))?;
    *rest = tail;
    let number = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    if number > BLOCK_LIMIT_BYTES {
        return Err(malformed("a length is too large"));
    }
    Ok(number)
}

fn text<'a>(rest: &mut &'a [u8]) -> io::Result<&'a str> {
    let length = number(rest)?;
    let (text, tail) = rest
        .split_at_checked(length)
        .ok_or_else(|| malformed("a block is too short"))?;
    *rest = tail;
    std::str::from_utf8(text).map_err(|_| malformed("not UTF-8"))
}

/// Writes our blocks, in the order of their frames.
pub(super) struct Compressor {
    stream: Compress,
    begun: bool,
}

impl Compressor {
    pub(super) fn new() -> Self {
        Self {
            stream: Compress::new(Compression::fast(), true),
            begun: false,
        }
    }

    pub(super) fn headers(&mut self, headers: &[(&str, &str)]) -> io::Result<Vec<u8>> {
        if !self.begun {
            let set = self.stream.set_dictionary(&dictionary());
            set.map_err(|_| malformed("the dictionary cannot be used"))?;
            self.begun = true;
        }
        let mut plain = Vec::new();
        let mut put = |length: usize| {
            plain.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_be_bytes())
        };
        put(headers.len());
        for text in headers.iter().flat_map(|(name, value)| [*name, *value]) {
            plain.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
            plain.extend_from_slice(text.as_bytes());
        }
        let mut packed = Vec::with_capacity(plain.len() + 256);
        self.stream
            .compress_vec(&plain, &mut packed, FlushCompress::Sync)
            .map_err(|_| malformed("cannot be compressed"))?;
        Ok(packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_the_specifications() {
        let bytes = dictionary();
        assert_eq!(bytes.len(), 1423);
        let (mut a, mut b) = (1u32, 0u32);
        for byte in &bytes {
            a = (a + u32::from(*byte)) % 65521;
            b = (b + a) % 65521;
        }
        assert_eq!(b << 16 | a, 0xe3c6_a7c2);
    }

    #[test]
    fn blocks_share_one_stream() {
        let (mut pack, mut unpack) = (Compressor::new(), Decompressor::new());
        for round in 0..3 {
            let value = format!("value {round}");
            let block = pack
                .headers(&[("streamtype", "stdout"), ("port", &value)])
                .unwrap();
            let headers = unpack.headers(&block).unwrap();
            assert_eq!(headers[1], ("port".to_owned(), value));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..256)) {
            let _ = Decompressor::new().headers(&bytes);
        }
    }
}
