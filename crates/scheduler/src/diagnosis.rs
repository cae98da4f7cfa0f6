//! Why a pod fits nowhere, in upstream's words: `0/3 nodes are available: 1 Too many pods, 2 Insufficient cpu.`

use std::collections::BTreeMap;

/// The reasons of all nodes, counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    nodes: usize,
    reasons: BTreeMap<String, usize>,
    /// Names of the plugins that refused some node, to know which events may help.
    pub(crate) plugins: Vec<&'static str>,
}

impl Diagnosis {
    /// Counts a node refused by `plugin` for `reasons`.
    pub(crate) fn refuse(&mut self, plugin: &'static str, reasons: Vec<String>) {
        self.nodes += 1;
        for reason in reasons {
            *self.reasons.entry(reason).or_insert(0) += 1;
        }
        if !self.plugins.contains(&plugin) {
            self.plugins.push(plugin);
        }
    }

    /// The message of the event and of the pod's condition.
    pub(crate) fn message(&self) -> String {
        if self.nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let mut counted: Vec<_> = self
            .reasons
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        // Upstream sorts the texts with their counts.
        counted.sort();
        format!(
            "0/{} nodes are available: {}.",
            self.nodes,
            counted.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_count_reasons() {
        let mut diagnosis = Diagnosis::default();
        assert_eq!(diagnosis.message(), "no nodes available to schedule pods");
        diagnosis.refuse(
            "NodeResourcesFit",
            vec!["Insufficient cpu".into(), "Insufficient memory".into()],
        );
        diagnosis.refuse("NodeResourcesFit", vec!["Insufficient cpu".into()]);
        assert_eq!(
            diagnosis.message(),
            "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu."
        );
    }
}
