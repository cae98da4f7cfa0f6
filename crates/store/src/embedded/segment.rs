//! One file of the log: a fixed header, then frames, then perhaps room reserved as zeros.

use super::{failed, sync_directory};
use crate::{Error, Revision};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Where frames begin.
pub(super) const BODY: u64 = 64;
const MAGIC: &[u8; 8] = b"SMPNLOG1";
const CHECKSUM_AT: usize = 60;

/// What a file of the log says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its place in the order of files; also its name.
    pub(super) number: u64,
    /// Makes its checksums its own.
    pub(super) salt: u64,
    /// The revision before its first. For a rewritten file: where history begins, which may be later
    /// than all it holds.
    pub(super) after: Revision,
    /// For a rewritten file, the last revision of the files it replaces: all with lower numbers.
    pub(super) replaces_until: Option<Revision>,
}

/// An open file of the log. It stays readable while any value in it is referred to, even after it has
/// been replaced and its name removed.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) header: Header,
}

/// The name of a file of the log.
pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016x}.log"))
}

/// The number in a name of a file of the log.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log").filter(|d| d.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}

impl Segment {
    /// Creates an empty file under a temporary name: its header is there before its name is.
    pub(super) fn draft(directory: &Path, header: Header) -> Result<Self, Error> {
        let path = path(directory, header.number).with_extension("tmp");
        let write = || -> io::Result<File> {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all_at(&header.encode(), 0)?;
            Ok(file)
        };
        match write() {
            Ok(file) => Ok(Self { path, file, header }),
            Err(error) => {
                remove_draft(&path);
                Err(failed("create", &path)(error))
            }
        }
    }

    /// Makes a draft durable under its own name.
    pub(super) fn publish(mut self, directory: &Path) -> Result<Self, Error> {
        let name = path(directory, self.header.number);
        self.file
            .sync_all()
            .and_then(|()| std::fs::rename(&self.path, &name))
            .map_err(failed("create", &name))?;
        self.path = name;
        sync_directory(directory)?;
        Ok(self)
    }

    /// Opens an existing file and reads its header.
    pub(super) fn open(directory: &Path, number: u64) -> Result<Self, Error> {
        let path = path(directory, number);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        let mut bytes = [0; BODY as usize];
        let read = file.read_exact_at(&mut bytes, 0);
        let header = read.ok().and_then(|()| Header::decode(&bytes));
        let header = header.filter(|header| header.number == number);
        let header = header.ok_or_else(|| Error::Corrupt {
            path: path.clone(),
            offset: 0,
            reason: "the file's header is not one".into(),
        })?;
        Ok(Self { path, file, header })
    }
}

/// Removes what could not be finished. Failing to is harmless: opening removes drafts too.
pub(super) fn remove_draft(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "cannot remove an unfinished file");
    }
}

impl Header {
    fn encode(&self) -> [u8; BODY as usize] {
        let mut bytes = [0; BODY as usize];
        bytes[..8].copy_from_slice(MAGIC);
        let numbers = [
            self.number,
            self.salt,
            self.after,
            self.replaces_until.unwrap_or(0),
        ];
        for (place, number) in bytes[8..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; BODY as usize]) -> Option<Self> {
        let checksum = u32::from_le_bytes(bytes[CHECKSUM_AT..].try_into().ok()?);
        if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..CHECKSUM_AT]) != checksum {
            return None;
        }
        let at = |at: usize| Some(u64::from_le_bytes(bytes[at..at + 8].try_into().ok()?));
        Some(Self {
            number: at(8)?,
            salt: at(16)?,
            after: at(24)?,
            replaces_until: at(32).filter(|revision| *revision != 0),
        })
    }
}
