//! Keeps what libcontainer logs when it fails: its errors cross its processes as words without their causes.

use std::fmt::Write;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Marks a complaint in the result pipe; a newline ends it.
pub(super) const MARK: u8 = b'D';

/// Sends the first error that is logged in this process to a result pipe.
pub(super) struct Complaints {
    /// Write end, open for the life of every process that has this.
    result: RawFd,
    told: AtomicBool,
}

/// Starts listening in this process and those it forks.
pub(super) fn listen(result: RawFd) {
    let _ = tracing::subscriber::set_global_default(Complaints {
        result,
        told: AtomicBool::new(false),
    });
}

impl Subscriber for Complaints {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    #[allow(unsafe_code)]
    fn event(&self, event: &Event<'_>) {
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut words = Words(String::new());
        event.record(&mut words);
        let line = words.0.replace('\n', " ");
        // SAFETY: the pipe stays open, see the field.
        let result = unsafe { BorrowedFd::borrow_raw(self.result) };
        let bytes: Vec<u8> = [&[MARK], line.as_bytes(), b"\n"].concat();
        let _ = rustix::io::write(result, &bytes);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let separator = if self.0.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{separator}{value:?}"),
            name => write!(self.0, "{separator}{name} {value:?}"),
        };
    }
}
