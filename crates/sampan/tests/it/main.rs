//! End to end: the real binary, real containers, stock kubectl. Needs root and the tools that `make test`
//! installs; without them each test says what it lacks and passes.

#![allow(clippy::unwrap_used)] // tests
mod cluster;
mod first_look;
mod kill;
mod node_features;
mod streams;
mod uninstall;
