//! Requests to the API over any transport. A component cannot tell whether the server is in its
//! process or behind TLS: it holds a [`Client`], and whoever wires it chooses the transport.
//!
//! Methods are thin and typed; the work below them is compiled once for all kinds.

mod error;
mod path;
mod request;
mod typed;
mod watch;

pub use error::Error;
pub use path::Path;
pub use request::{Client, Form, Patch};
pub use typed::{DeleteOptions, ListOptions, Listed};
pub use watch::{Frame, WatchEvent, WatchStream};
