//! What is left in a namespace that is being deleted, and the five conditions that say so. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{NamespaceCondition, NamespaceStatus};
use machinery::conditions::{self, Condition as _, FALSE, TRUE};
use std::collections::BTreeMap;

/// What is left after everything was told to go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remaining {
    /// Resource (`pods.`) to how many.
    pub(super) counts: BTreeMap<String, usize>,
    /// Finalizer to how many objects wait for it.
    pub(super) finalizers: BTreeMap<String, usize>,
    /// Why resources could not be emptied.
    pub(super) content_failures: Vec<String>,
    /// Why the server could not be asked what it serves at all.
    pub(super) discovery_failed: Option<String>,
    /// Group versions that did not answer, and why.
    pub(super) discovery_failures: Vec<String>,
    /// Names of group versions that cannot be read.
    pub(super) parsing_failures: Vec<String>,
}

impl Remaining {
    /// Whether the namespace is known to be empty.
    pub(super) fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    fn discovery(&self) -> Option<String> {
        let failures = &self.discovery_failures;
        let some = (!failures.is_empty()).then(|| {
            format!(
                "Discovery failed for some groups, {} failing: unable to retrieve the complete list of server APIs: {}",
                failures.len(),
                failures.join(", ")
            )
        });
        self.discovery_failed.clone().or(some)
    }

    fn parsing(&self) -> Option<String> {
        let failures = &self.parsing_failures;
        (!failures.is_empty()).then(|| failures.join(", "))
    }

    fn deletion(&self) -> Option<String> {
        let failures = &self.content_failures;
        (!failures.is_empty()).then(|| {
            let (count, list) = (failures.len(), failures.join(", "));
            format!("Failed to delete all resource types, {count} remaining: {list}")
        })
    }

    fn content(&self) -> Option<String> {
        let list = counted(&self.counts, "has")?;
        Some(format!("Some resources are remaining: {list}"))
    }

    fn held(&self) -> Option<String> {
        let list = counted(&self.finalizers, "in")?;
        Some(format!(
            "Some content in the namespace has finalizers remaining: {list}"
        ))
    }
}

fn counted(counts: &BTreeMap<String, usize>, what: &str) -> Option<String> {
    let list: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{name} {what} {count} resource instances"))
        .collect();
    (!list.is_empty()).then(|| list.join(", "))
}

/// Sets all five conditions; whether one changed.
pub(super) fn set(status: &mut NamespaceStatus, remaining: &Remaining, now: Timestamp) -> bool {
    let mut changed = false;
    for condition in conditions(remaining) {
        changed |= conditions::set(&mut status.conditions, condition, now);
    }
    changed
}

/// Type, reason and message when all is well, reason when it is not, and what is not.
type Row = (
    &'static str,
    (&'static str, &'static str),
    &'static str,
    Option<String>,
);

fn conditions(remaining: &Remaining) -> [NamespaceCondition; 5] {
    let table: [Row; 5] = [
        (
            "NamespaceDeletionDiscoveryFailure",
            (
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            "DiscoveryFailed",
            remaining.discovery(),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            (
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            "GroupVersionParsingFailed",
            remaining.parsing(),
        ),
        (
            "NamespaceDeletionContentFailure",
            (
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            "ContentDeletionFailed",
            remaining.deletion(),
        ),
        (
            "NamespaceContentRemaining",
            ("ContentRemoved", "All content successfully removed"),
            "SomeResourcesRemain",
            remaining.content(),
        ),
        (
            "NamespaceFinalizersRemaining",
            (
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            ),
            "SomeFinalizersRemain",
            remaining.held(),
        ),
    ];
    table.map(|(kind, fine, reason, trouble)| match trouble {
        Some(message) => NamespaceCondition::make(kind, TRUE, reason, &message),
        None => NamespaceCondition::make(kind, FALSE, fine.0, fine.1),
    })
}

#[cfg(test)]
mod tests;
