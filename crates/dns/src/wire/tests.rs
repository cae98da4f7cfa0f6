//! Messages that are not.
