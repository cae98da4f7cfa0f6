//! Authorizers with one answer, for test rigs. Upstream: `AlwaysAllow` and `AlwaysDeny` of
//! `--authorization-mode`.

use super::{Attributes, Authorize, Decision};
use crate::Door;

/// Everybody who is authenticated may do everything.
pub struct AlwaysAllow;

/// Nobody may do anything that others do not allow.
pub struct AlwaysDeny;

impl Authorize for AlwaysAllow {
    fn authorize(&self, _: &Door, _: &Attributes<'_>) -> Decision {
        Decision::Allow
    }
}

impl Authorize for AlwaysDeny {
    fn authorize(&self, _: &Door, _: &Attributes<'_>) -> Decision {
        Decision::NoOpinion("Everything is forbidden.".to_owned())
    }
}
