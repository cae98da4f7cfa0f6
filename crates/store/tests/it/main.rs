//! What needs a process of its own: kill -9 under load, and a full disk.

#![allow(clippy::unwrap_used)]

mod full_disk;
mod kill;
