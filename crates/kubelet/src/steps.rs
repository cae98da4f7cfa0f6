//! The steps of a pod's life, in order: volumes, sandbox, images, containers. Each can be repeated.

pub mod containers;
pub mod credentials;
pub mod hooks;
pub mod images;
pub mod sandbox;
pub mod volumes;

/// Why a container could not be started, as `state.waiting` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `ErrImagePull`, `CreateContainerConfigError` …
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl Failure {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}
