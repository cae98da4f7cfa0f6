//! The door over a memory store, called as its in-process clients call it.

#![allow(clippy::unwrap_used)]

mod admission;
mod apply;
mod bad_input;
mod codecs;
mod component_statuses;
mod door;
mod forms;
mod fuzzing;
mod hostile_frames;
mod hostile_wire;
mod nulls;
mod objects;
mod older;
mod openapi;
mod options;
mod ownership;
mod paging;
mod pods;
mod proxied;
mod quantities;
mod quotas;
mod reviews;
mod service_addresses;
mod watches;
mod wire;
mod zeros;
