//! A whole cluster in one process: the real door over a memory store, the real controllers, scheduler
//! and kubelets, on a runtime and a network that only remember. It starts in milliseconds, runs from
//! one seed, and its time is tokio's: with `#[tokio::test(start_paused = true)]` hours pass as soon as
//! nobody has anything to do.
//!
//! Whatever happens in it is written down by the `chronicle`, and [`Cluster::stop`] judges it:
//! watches gapless and ordered, one running pod for each identity, nothing left behind.

mod chronicle;
mod cluster;
mod nodes;
mod objects;
mod wait;

pub use cluster::Cluster;
