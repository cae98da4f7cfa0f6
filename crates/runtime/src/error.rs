//! The one error that crosses the runtime's seam: what was tried, on what, and why it failed.

use std::path::{Path, PathBuf};

/// Result of a runtime verb.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sandbox, container or image named does not exist.
    #[error("{kind} {id:?} not found")]
    NotFound {
        /// `sandbox`, `container` or `image`.
        kind: &'static str,
        /// Its id or name.
        id: String,
    },
    /// The verb does not fit the state of its object (exec into an exited container).
    #[error("{kind} {id:?} {reason}")]
    State {
        /// `sandbox`, `container` or `image`.
        kind: &'static str,
        /// Its id or name.
        id: String,
        /// What is in the way.
        reason: String,
    },
    /// The request can never work (upstream: `CreateContainerConfigError`).
    #[error("{field}: {reason}")]
    Invalid {
        /// The field of the configuration.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A container's process could not be started (upstream: `RunContainerError`, `StartError`).
    #[error("failed to start container {id:?}: {reason}")]
    Start {
        /// The container.
        id: String,
        /// What the kernel or the runtime said.
        reason: String,
    },
    /// A command in a container ran longer than allowed.
    #[error("command {command:?} timed out")]
    Timeout {
        /// The command.
        command: String,
    },
    /// An image could not be fetched, imported or read.
    #[error("image {reference:?}: {reason}")]
    Image {
        /// The image's name, or the archive's path.
        reference: String,
        /// What is wrong.
        reason: String,
    },
    /// This machine lacks something containers need.
    #[error("{what}; {remedy}")]
    Machine {
        /// What is missing.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// A helper process of the runtime failed.
    #[error("{operation} {object:?}: {reason}")]
    Helper {
        /// What it was to do.
        operation: &'static str,
        /// On which object.
        object: String,
        /// What it said.
        reason: String,
    },
    /// The operating system refused.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the object of the verb does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::NotFound { .. })
    }

    pub(crate) fn io<E: Into<std::io::Error>>(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io {
            operation,
            path,
            source: source.into(),
        }
    }
}

/// An error with its causes: the outermost often tells only that something failed.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
