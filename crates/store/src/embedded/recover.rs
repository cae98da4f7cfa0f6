//! Opening a directory: replays the files of the log in order, cuts a torn tail, and refuses damage.
//!
//! A frame is written only after the one before it is durable. So a bad frame with a good one after
//! it had been durable and is damage; a bad frame with none after it is a commit that a crash cut off,
//! which nobody was told of.

use super::{
    failed,
    frame::{self, Operation},
    place::{Place, Volatile},
    segment::{self, BODY, Header, Segment},
    sync_directory,
};
use crate::{Error, Limits, Revision, index::Index};
use std::{os::unix::fs::FileExt, path::Path, sync::Arc};
use stdx::random::Random;

/// A directory as found.
pub(super) struct Recovered {
    pub(super) index: Index<Place>,
    /// The file to append to, and where.
    pub(super) active: (Arc<Segment>, u64),
    /// The files before it, and their bytes.
    pub(super) sealed: (Vec<Arc<Segment>>, u64),
}

/// Reads the directory. Invariant: the caller holds its lock.
pub(super) fn open(
    directory: &Path,
    limits: Limits,
    volatile: &Volatile,
) -> Result<Recovered, Error> {
    let mut segments = existing(directory)?;
    if segments.is_empty() {
        let header = Header {
            number: 1,
            salt: salt(directory)?,
            after: 1,
            replaces_until: None,
        };
        let first = Segment::draft(directory, header)?.publish(directory)?;
        segments.push(Arc::new(first));
    }
    drop_replaced(directory, &mut segments)?;
    let first = &segments[0].header;
    if first.replaces_until.is_none() && first.after != 1 {
        return Err(gap(&segments[0], 1));
    }
    let index = Index::new(first.replaces_until.unwrap_or(1), first.after, limits);
    let mut replay = Replay {
        index,
        volatile,
        ceiling: 0,
    };
    let mut sealed_bytes = 0;
    let mut end = BODY;
    for (i, segment) in segments.iter().enumerate() {
        if i > 0 {
            sealed_bytes += end;
        }
        if i > 0 && segment.header.number > segments[i - 1].header.number + 2 {
            return Err(gap(segment, replay.index.revision()));
        }
        end = replay.file(segment, i + 1 == segments.len())?;
    }
    let active = segments.pop().filter(|s| s.header.replaces_until.is_none());
    let active = active.ok_or_else(|| Error::Corrupt {
        path: directory.to_owned(),
        offset: 0,
        reason: "the newest file of the log is missing".into(),
    })?;
    Ok(Recovered {
        index: replay.finish(),
        active: (active, end),
        sealed: (segments, sealed_bytes),
    })
}

/// A number to salt a new file's checksums with.
pub(super) fn salt(directory: &Path) -> Result<u64, Error> {
    let random = Random::from_kernel();
    Ok(random.map_err(failed("salt", directory))?.next())
}

/// The files of the log in order; unfinished ones are removed.
fn existing(directory: &Path) -> Result<Vec<Arc<Segment>>, Error> {
    let list = std::fs::read_dir(directory).map_err(failed("list", directory))?;
    let mut numbers = Vec::new();
    for entry in list {
        let entry = entry.map_err(failed("list", directory))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        numbers.extend(segment::number(&name));
        if name.ends_with(".tmp") {
            segment::remove_draft(&entry.path());
        }
    }
    numbers.sort_unstable();
    let open = |number| Ok(Arc::new(Segment::open(directory, number)?));
    numbers.into_iter().map(open).collect()
}

/// Removes the files that a rewritten one replaces: a crash came between its naming and this.
fn drop_replaced(directory: &Path, segments: &mut Vec<Arc<Segment>>) -> Result<(), Error> {
    let rewritten = segments
        .iter()
        .rposition(|segment| segment.header.replaces_until.is_some());
    let Some(first) = rewritten.filter(|first| *first > 0) else {
        return Ok(());
    };
    for old in segments.drain(..first) {
        std::fs::remove_file(&old.path).map_err(failed("remove", &old.path))?;
    }
    sync_directory(directory)
}

/// What the files read so far have told.
struct Replay<'a> {
    index: Index<Place>,
    volatile: &'a Volatile,
    /// Revisions up to this one may have gone to volatile commits.
    ceiling: Revision,
}

impl Replay<'_> {
    /// The latest revision that may have been given away.
    fn reach(&self) -> Revision {
        self.index.revision().max(self.ceiling)
    }

    /// Applies the frames of one file and returns where they end.
    fn file(&mut self, segment: &Arc<Segment>, last: bool) -> Result<u64, Error> {
        let header = segment.header;
        if header.replaces_until.is_none() {
            let have = self.index.revision();
            if !(have..=self.reach()).contains(&header.after) {
                return Err(gap(segment, have));
            }
            self.index.advance(header.after);
        }
        let mut window = Window::new(segment)?;
        let mut offset = BODY;
        let mut sealed = false;
        while let Some(body) = window.frame(offset)? {
            sealed = body.is_empty();
            let end = offset + (frame::HEADER + body.len()) as u64;
            self.frame(segment, offset, body)?;
            offset = end;
        }
        match header.replaces_until {
            Some(_) if sealed => {}
            Some(_) => return Err(damage(segment, offset, "a frame is missing or bad")),
            None => window.check_tail(offset, last)?,
        }
        Ok(offset)
    }

    fn frame(&mut self, segment: &Arc<Segment>, offset: u64, body: &[u8]) -> Result<(), Error> {
        let rewritten = segment.header.replaces_until.is_some();
        for operation in frame::operations(body) {
            let operation =
                operation.map_err(|_| damage(segment, offset, "an operation cannot be read"))?;
            let (revision, key, value) = match operation {
                Operation::Ceiling(revision) => {
                    self.ceiling = self.ceiling.max(revision);
                    continue;
                }
                Operation::Write {
                    revision,
                    key,
                    value,
                } => (revision, key, value),
            };
            let at = self.index.revision();
            if !rewritten && !(at..=self.reach() + 1).contains(&revision) {
                let reason = format!("revision {revision} follows {at}");
                return Err(damage(segment, offset, reason));
            }
            // Written when the key was not volatile yet.
            if self.volatile.covers(key) {
                self.index.advance(revision);
                continue;
            }
            let start = offset + frame::HEADER as u64;
            let place = value.map(|(at, length)| Place::in_log(segment, start + at as u64, length));
            let known = self.index.latest(key);
            let key = known.map_or_else(|| Arc::from(key), |(key, ..)| Arc::clone(key));
            self.index.apply(revision, &key, place);
        }
        self.index.bound_history();
        Ok(())
    }

    /// The index, above all that was given away. History that volatile commits may have been part of
    /// has holes now and is forgotten.
    fn finish(mut self) -> Index<Place> {
        self.index.advance(self.ceiling);
        if self.ceiling > 0 || !self.volatile.is_empty() {
            self.index.compact(self.index.revision());
        }
        self.index
    }
}

/// A file read in steps.
struct Window<'a> {
    segment: &'a Segment,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

const WINDOW: usize = 1 << 20;

impl<'a> Window<'a> {
    fn new(segment: &'a Segment) -> Result<Self, Error> {
        let metadata = segment.file.metadata();
        let length = metadata.map_err(failed("read", &segment.path))?.len();
        Ok(Self {
            segment,
            length,
            start: 0,
            bytes: Vec::new(),
        })
    }

    /// `length` bytes at `offset`, or `None` past the end of the file.
    fn read(&mut self, offset: u64, length: usize) -> Result<Option<&[u8]>, Error> {
        if offset + length as u64 > self.length {
            return Ok(None);
        }
        let held = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + length as u64 > held {
            let rest = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
            self.bytes.resize(length.max(WINDOW).min(rest), 0);
            self.start = offset;
            let read = self.segment.file.read_exact_at(&mut self.bytes, offset);
            read.map_err(failed("read", &self.segment.path))?;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..from + length))
    }

    /// The body of the valid frame at `offset`, if there is one.
    fn frame(&mut self, offset: u64) -> Result<Option<&[u8]>, Error> {
        let salt = self.segment.header.salt;
        let Some(length) = self
            .read(offset, frame::HEADER)?
            .and_then(frame::body_length)
        else {
            return Ok(None);
        };
        let whole = self.read(offset, frame::HEADER + length)?;
        Ok(whole
            .map(|bytes| bytes.split_at(frame::HEADER))
            .filter(|(header, body)| frame::is_valid(header, body, salt, offset))
            .map(|(_, body)| body))
    }

    /// Judges what follows the last good frame: nothing, a torn commit to cut, or damage.
    fn check_tail(&mut self, end: u64, may_be_torn: bool) -> Result<(), Error> {
        let written = self.written_after(end)?;
        if written == 0 {
            return Ok(());
        }
        if !may_be_torn || self.frame_after(end)? {
            let reason = "a frame that had been durable does not match its checksum";
            return Err(damage(self.segment, end, reason));
        }
        let (file, path) = (&self.segment.file, &self.segment.path);
        tracing::warn!(path = %path.display(), offset = end, bytes = written,
            "cut an unfinished commit off the log; it had not been acknowledged");
        file.set_len(end)
            .and_then(|()| file.sync_all())
            .map_err(failed("truncate", path))
    }

    /// How many bytes after `end` are not just reserved zeros.
    fn written_after(&mut self, end: u64) -> Result<u64, Error> {
        let mut written = 0;
        let mut offset = end;
        while offset < self.length {
            let step = usize::try_from(self.length - offset).map_or(WINDOW, |n| n.min(WINDOW));
            let bytes = self.read(offset, step)?.unwrap_or_default();
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                written = offset - end + last as u64 + 1;
            }
            offset += step as u64;
        }
        Ok(written)
    }

    /// Whether a valid frame begins anywhere after `bad`.
    fn frame_after(&mut self, bad: u64) -> Result<bool, Error> {
        let mut offset = bad + 1;
        while offset < self.length {
            let step = usize::try_from(self.length - offset).map_or(WINDOW, |n| n.min(WINDOW));
            let bytes = self.read(offset, step)?.unwrap_or_default();
            // A value may hold the magic number many times over: each step is read once, however many it has.
            let candidates = frame::beginnings(bytes).map(|at| offset + at as u64);
            for candidate in candidates.collect::<Vec<_>>() {
                if self.frame(candidate)?.is_some() {
                    return Ok(true);
                }
            }
            // A magic number may lie across the end of this step.
            offset += (step - 3.min(step - 1)) as u64;
        }
        Ok(false)
    }
}

fn damage(segment: &Segment, offset: u64, reason: impl Into<String>) -> Error {
    Error::Corrupt {
        path: segment.path.clone(),
        offset,
        reason: reason.into(),
    }
}

fn gap(segment: &Segment, have: Revision) -> Error {
    let reason = format!(
        "it continues after revision {} but the files before it end at {have}; a file is missing",
        segment.header.after
    );
    damage(segment, 0, reason)
}
