//! The pod network and the firewall on a real kernel, each test in network namespaces of its own. Needs root; says
//! so and passes otherwise.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod firewall;
mod machine;
mod pods;
mod scale;
