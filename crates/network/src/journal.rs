//! What Sampan changed on the host, written down before the change is made, so that uninstalling puts back exactly
//! what was there. One JSON object a line, appended and flushed to disk; the first note about a thing wins, because
//! it holds the value from before Sampan.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{link, nft, sysctl};

/// One change of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A kernel setting was written.
    Sysctl {
        /// Below /proc/sys, with slashes.
        path: String,
        /// What it was before.
        former: String,
    },
    /// A link was made; addresses, routes and settings of it go with it.
    Link {
        /// Its name.
        name: String,
    },
    /// Links named so and with twelve hexadecimal digits were made, one a pod.
    PodLinks {
        /// The prefix.
        prefix: String,
    },
    /// An nftables table was made.
    Table {
        /// Its name, in the families ip and ip6.
        name: String,
    },
}

/// The list of changes made so far.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    state: Mutex<(File, Vec<Change>)>,
}

/// Why a change could not be noted or undone.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be read or written.
    #[error("network journal {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line of the file is not a change.
    #[error("network journal {path}, line {line}: {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A change could not be taken back.
    #[error("taking back {change:?}: {reason}")]
    Undo {
        /// Which.
        change: Change,
        /// Why not.
        reason: String,
    },
}

impl Journal {
    /// Opens the journal, creating it (0600) if it is not there.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::File {
            path: path.to_owned(),
            source,
        };
        let changes = read(path)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let text = std::fs::read(path).map_err(failed)?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new((file, changes)),
        })
    }

    /// Notes a change that is about to be made; returns once the note is on disk. A second note about the same
    /// thing is not taken.
    pub fn note(&self, change: Change) -> Result<(), JournalError> {
        let mut state = self.state.lock();
        if state.1.iter().any(|known| known.is_about(&change)) {
            return Ok(());
        }
        let failed = |source| JournalError::File {
            path: self.path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(&change).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        state.0.write_all(&line).map_err(failed)?;
        state.0.sync_data().map_err(failed)?;
        state.1.push(change);
        Ok(())
    }
}

impl Change {
    fn is_about(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sysctl { path, .. }, Self::Sysctl { path: other, .. }) => path == other,
            (this, other) => this == other,
        }
    }

    fn undo(&self) -> Result<(), String> {
        match self {
            Self::Sysctl { path, former } => match sysctl::write(path, former) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result.map_err(|error| error.to_string()),
            },
            Self::Link { name } => link::delete(name).map_err(|error| error.to_string()),
            Self::PodLinks { prefix } => {
                link::delete_all(prefix).map_err(|error| error.to_string())
            }
            Self::Table { name } => nft::delete_table(name).map_err(|error| error.to_string()),
        }
    }
}

/// Takes every noted change back, the last one first, and removes the journal. Blocks; may be repeated. What cannot
/// be taken back is reported after everything else was tried, and the journal is then kept.
pub fn undo_all(path: &Path) -> Result<(), Vec<JournalError>> {
    let changes = read(path).map_err(|error| vec![error])?;
    let undo = |change: &Change| {
        change.undo().err().map(|reason| JournalError::Undo {
            change: change.clone(),
            reason,
        })
    };
    let failures: Vec<_> = changes.iter().rev().filter_map(undo).collect();
    if !failures.is_empty() {
        return Err(failures);
    }
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(vec![JournalError::File {
            path: path.to_owned(),
            source,
        }]),
        _ => Ok(()),
    }
}

/// Every whole line; a last line without its end was never acted on, because acting follows the flush.
fn read(path: &Path) -> Result<Vec<Change>, JournalError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(JournalError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(index, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|source| JournalError::Line {
            path: path.to_owned(),
            line: index + 1,
            source,
        })
    };
    whole.lines().enumerate().map(parse).collect()
}
