//! What the standard library lacks, and nothing of Kubernetes: clock, seeded randomness, backoff,
//! supervised tasks, certificates.

pub mod backoff;
pub mod certificates;
pub mod clock;
pub mod random;
pub mod tasks;
