//! Sets of completion indexes and their text, such as `1,3-5,7`. Pure.

use k8s_openapi::api::core::v1::Pod;
use std::{collections::BTreeSet, fmt};

/// Annotation and label with a pod's completion index.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Completion indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(pub(super) BTreeSet<i32>);

impl Indexes {
    /// Reads the text of a status or rule; indexes past `completions` and what is no number are dropped,
    /// because completions may have been lowered since.
    pub(super) fn parse(text: &str, completions: i32) -> Self {
        let mut set = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            if let (Ok(first), Ok(last)) = (first.trim().parse::<i32>(), last.trim().parse::<i32>())
            {
                set.extend(first.max(0)..=last.min(completions - 1));
            }
        }
        Self(set)
    }

    /// How many there are.
    pub(super) fn total(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.iter().copied().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if(|next| *next == last + 1) {
                last = next;
            }
            write!(f, "{separator}{first}")?;
            match last - first {
                0 => {}
                1 => write!(f, ",{last}")?,
                _ => write!(f, "-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

/// The completion index of a pod, when it has one below `completions`.
pub(super) fn index(pod: &Pod, completions: i32) -> Option<i32> {
    machinery::workloads::annotation(&pod.metadata, INDEX)?
        .parse()
        .ok()
        .filter(|index| (0..completions).contains(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let table = [
            ("", 5, ""),
            ("0,2-4,6", 10, "0,2-4,6"),
            ("0,1,2", 10, "0-2"),
            ("3,4", 10, "3,4"),
            ("0,2-4,6", 4, "0,2,3"),
            ("x,1", 4, "1"),
        ];
        for (text, completions, shown) in table {
            assert_eq!(
                Indexes::parse(text, completions).to_string(),
                shown,
                "{text}"
            );
        }
    }
}
