//! Real containers on this machine. They need root and Debian's `busybox-static`; without, each test says
//! so and passes.

mod containers;
mod cost;
mod images;
mod machine;
mod streams;
