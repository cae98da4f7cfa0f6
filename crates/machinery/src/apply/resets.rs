//! Fields that a way of writing puts back to what they were, so that nobody owns them by it. Upstream:
//! `GetResetFields` and `GetResetFieldsFilter` of each strategy.

use super::{compare::Comparison, field_set::Set};

/// Paths of field names, from the object's root; `*` is any one step.
type Paths = &'static [&'static [&'static str]];

/// Which fields are put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resets {
    /// These, and what is below them.
    These(Paths),
    /// All but these and what is below them.
    AllBut(Paths),
}

impl Resets {
    /// Every field may be written.
    pub const NOTHING: Self = Self::These(&[]);
    /// What a status subresource puts back.
    pub const SPEC: Self = Self::These(&[&["spec"]]);
    /// What an object with a status subresource puts back.
    pub const STATUS: Self = Self::These(&[&["status"]]);
    /// What a status subresource puts back that leaves even labels and annotations alone.
    pub const SPEC_AND_METADATA: Self = Self::These(&[&["spec"], &["metadata"]]);

    /// Takes what is put back out of a set.
    pub(super) fn strip(self, set: &mut Set) {
        match self {
            Self::These(paths) => paths.iter().for_each(|path| set.remove_field(path)),
            Self::AllBut(paths) => set.keep(paths),
        }
    }

    /// Forgets what happened to fields that are put back.
    pub(super) fn exclude(self, changes: &mut Comparison) {
        let Comparison {
            added,
            modified,
            removed,
        } = changes;
        for set in [added, modified, removed] {
            self.strip(set);
        }
    }
}
