//! What the standard library lacks, and nothing of Kubernetes: clock, seeded randomness, backoff,
//! supervised tasks, certificates, private files.

pub mod backoff;
pub mod certificates;
pub mod clock;
pub mod private_file;
pub mod random;
pub mod tasks;
