//! One line of a log in the container runtime interface's format: `TIME STREAM P|F CONTENT`. Pure.

use super::Options;
use jiff::Timestamp;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) time: &'a str,
    stream: &'a str,
    /// Whether the next line goes on with it.
    pub(super) partial: bool,
    pub(super) content: &'a [u8],
}

impl<'a> Line<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut parts = bytes.splitn(4, |byte| *byte == b' ');
        let mut word = || parts.next().and_then(|it| std::str::from_utf8(it).ok());
        let (time, stream, tags) = (word()?, word()?, word()?);
        let partial = tags.split(':').next() == Some("P");
        Some(Self {
            time,
            stream,
            partial,
            content: parts.next().unwrap_or_default(),
        })
    }

    pub(super) fn is_wanted(&self, options: &Options) -> bool {
        let late = options.since.is_none_or(|since| {
            self.time
                .parse::<Timestamp>()
                .is_ok_and(|time| time >= since)
        });
        late && options.stream.is_none_or(|stream| stream == self.stream)
    }
}
