//! Rewriting: copies what can still be read into one new file and removes the files it came from.
//! Runs beside the writer, on the files that are no longer written.

use super::{
    failed, frame,
    place::{Place, Volatile},
    recover,
    segment::{BODY, Header, Segment, remove_draft},
    sync_directory,
};
use crate::{Error, Revision, index::Value, ledger::Ledger, limits};
use std::{
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// The files before the active one now, and their bytes, or why they are as they were.
pub(super) type Rewritten = (Vec<Arc<Segment>>, Result<u64, Error>);

/// A rewrite under way.
pub(super) struct Rewrite {
    thread: JoinHandle<Rewritten>,
    stop: Arc<AtomicBool>,
}

impl Rewrite {
    /// Rewrites `old`, which hold everything up to `until`, into the file `number`.
    pub(super) fn start(
        directory: PathBuf,
        (ledger, volatile): (Arc<Ledger<Place>>, Volatile),
        old: Vec<Arc<Segment>>,
        number: u64,
        until: Revision,
    ) -> Result<Self, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let job = Job {
            directory: directory.clone(),
            ledger,
            volatile,
            number,
            until,
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new()
            .name("store-rewrite".into())
            .spawn(move || job.run(old))
            .map_err(failed("start a rewrite of", &directory))?;
        Ok(Self { thread, stop })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// The result; waits for it.
    pub(super) fn join(self) -> Rewritten {
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| (Vec::new(), Err(Error::Closed)))
    }

    /// Gives up; the files stay as they were.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Err(error) = self.join().1 {
            tracing::debug!(%error, "a rewrite of the log was given up");
        }
    }
}

struct Job {
    directory: PathBuf,
    ledger: Arc<Ledger<Place>>,
    volatile: Volatile,
    number: u64,
    until: Revision,
    stop: Arc<AtomicBool>,
}

/// A version as it was found, and where its copy lies.
struct Moved {
    key: Arc<str>,
    revision: Revision,
    place: Place,
}

type Version = (Revision, Arc<str>, Option<Place>);

impl Job {
    fn run(self, old: Vec<Arc<Segment>>) -> Rewritten {
        let (versions, oldest) = self.collect();
        let (segment, end, moved) = match self.copy(versions, oldest) {
            Ok(copied) => copied,
            Err(error) => return (old, Err(error)),
        };
        // From here the new file stands for the old ones, whatever else happens: opening prefers it.
        self.relocate(moved);
        for replaced in old {
            if let Err(error) = std::fs::remove_file(&replaced.path) {
                tracing::warn!(path = %replaced.path.display(), %error, "cannot remove a replaced file");
            }
        }
        let result = sync_directory(&self.directory).map(|()| end);
        (vec![segment], result)
    }

    /// Every durable version up to `until` that can still be read, in revision order, and the revision that
    /// history begins with. It is read last: what was forgotten meanwhile lies before it.
    fn collect(&self) -> (Vec<Version>, Revision) {
        let mut versions = Vec::new();
        let mut last: Option<Arc<str>> = None;
        loop {
            let index = self.ledger.index().read();
            last = index.versions(last.as_deref(), limits::REWRITE_KEYS, &mut versions);
            if last.is_none() {
                let oldest = index.oldest();
                drop(index);
                versions.retain(|(revision, key, _)| {
                    *revision <= self.until && !self.volatile.covers(key)
                });
                versions.sort_unstable_by_key(|(revision, ..)| *revision);
                return (versions, oldest);
            }
        }
    }

    fn copy(
        &self,
        versions: Vec<Version>,
        oldest: Revision,
    ) -> Result<(Arc<Segment>, u64, Vec<Moved>), Error> {
        let header = Header {
            number: self.number,
            salt: recover::salt(&self.directory)?,
            after: oldest,
            replaces_until: Some(self.until),
        };
        let draft = Segment::draft(&self.directory, header)?;
        let path = draft.path.clone();
        let written = self.fill(&draft, versions).and_then(|(end, moved)| {
            let segment = draft.publish(&self.directory)?;
            Ok((segment, end, moved))
        });
        match written {
            Ok((segment, end, moved)) => {
                let segment = Arc::new(segment);
                let moved = moved
                    .into_iter()
                    .map(|(revision, key, offset, length)| Moved {
                        key,
                        revision,
                        place: Place::in_log(&segment, offset, length),
                    })
                    .collect();
                Ok((segment, end, moved))
            }
            Err(error) => {
                remove_draft(&path);
                Err(error)
            }
        }
    }

    /// Writes the versions as frames and the seal; returns where they end and where the values went.
    #[expect(clippy::type_complexity, reason = "one caller, read in place")]
    fn fill(
        &self,
        draft: &Segment,
        versions: Vec<Version>,
    ) -> Result<(u64, Vec<(Revision, Arc<str>, u64, usize)>), Error> {
        let mut output = Output {
            draft,
            offset: BODY,
            frame: frame::Builder::default(),
        };
        output.frame.clear();
        let mut moved = Vec::with_capacity(versions.len());
        for (revision, key, place) in versions {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::Closed);
            }
            let value = place.map(|place| place.load()).transpose()?;
            let at = output.frame.push(revision, &key, value.as_deref());
            if let Some(value) = value {
                moved.push((revision, key, output.offset + at as u64, value.len()));
            }
            if output.frame.len() >= limits::REWRITE_STEP_BYTES {
                output.flush()?;
            }
        }
        if output.frame.len() > frame::HEADER {
            output.flush()?;
        }
        output.flush()?;
        Ok((output.offset, moved))
    }

    fn relocate(&self, moved: Vec<Moved>) {
        let mut moved = moved.into_iter().peekable();
        while moved.peek().is_some() {
            let mut index = self.ledger.index().write();
            for moved in moved.by_ref().take(limits::REWRITE_KEYS) {
                index.relocate(&moved.key, moved.revision, moved.place);
            }
        }
    }
}

struct Output<'a> {
    draft: &'a Segment,
    offset: u64,
    frame: frame::Builder,
}

impl Output<'_> {
    /// Makes the frame durable (an empty one is the seal) and begins the next.
    fn flush(&mut self) -> Result<(), Error> {
        let bytes = self.frame.finish(self.draft.header.salt, self.offset);
        let file = &self.draft.file;
        file.write_all_at(bytes, self.offset)
            .and_then(|()| file.sync_data())
            .map_err(failed("rewrite", &self.draft.path))?;
        self.offset += self.frame.len() as u64;
        self.frame.clear();
        Ok(())
    }
}
