//! Real containers on this machine. They need root and Debian's `busybox-static`; without, each test says
//! so and passes.

#![allow(clippy::unwrap_used)]

mod containers;
mod cost;
mod edges;
mod images;
mod machine;
mod streams;
