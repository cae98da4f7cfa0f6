//! End to end: the real binary, real containers, stock kubectl. Needs root and the tools that `make test`
//! installs; without them each test says what it lacks and passes.

#![allow(clippy::unwrap_used)] // tests
mod clients;
mod cluster;
mod control_plane;
mod first_look;
mod kill;
mod namespace;
mod node_features;
mod profile;
mod serving;
mod streams;
mod uninstall;
