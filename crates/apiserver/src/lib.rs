//! The Door: the only way to the ledger. One straight path (`serve`) from bytes of a request to bytes
//! of an answer: route, authn, fairness, authz, verbs, admission, law, store, watch cache.

// A Status is the answer to a request that failed; boxing it everywhere would buy nothing.
#![allow(clippy::result_large_err)]

pub mod admission;
mod answer;
pub mod authn;
pub mod authz;
pub mod bootstrap;
mod config;
mod connect;
mod decode;
mod discovery;
mod expiry;
mod fairness;
mod forms;
mod frames;
mod greeting;
mod health;
mod idle;
mod listen;
mod metrics;
mod negotiate;
mod openapi;
mod own_requests;
mod query;
mod resources;
mod reviews;
mod route;
mod serve;
mod shelf;
mod socket;
mod stall;
pub mod tokens;
mod turns;
mod user;
mod verbs;
mod watch_cache;

pub use answer::Body;
pub use config::{Config, Parts, ServiceNetwork};
pub use connect::{DialError, NodeDialer, Stream};
pub use listen::{Listening, Serving};
pub use serve::Door;
pub use tokens::Tokens;
pub use user::User;

/// An error of whatever kind, as bodies carry it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
