//! Why a pod fits nowhere, in upstream's words: `0/3 nodes are available: 1 Too many pods, 2 Insufficient cpu.`

use crate::plugins::Verdict;
use std::collections::BTreeMap;

/// The reasons of all nodes, counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    nodes: usize,
    reasons: BTreeMap<String, usize>,
    /// Nodes that would do if pods left them.
    pub(crate) crowded: Vec<String>,
    /// What preemption says of it, if it was asked.
    pub(crate) preemption: String,
    /// Names of the plugins that refused some node, to know which events may help.
    pub(crate) plugins: Vec<&'static str>,
}

impl Diagnosis {
    /// Counts `node`, refused by `plugin`.
    pub(crate) fn refuse(&mut self, node: &str, plugin: &'static str, verdict: Verdict) {
        let reasons = match verdict {
            Verdict::Fits => return,
            Verdict::Never(reasons) => reasons,
            Verdict::Unfit(reasons) => {
                self.crowded.push(node.to_owned());
                reasons
            }
        };
        self.nodes += 1;
        for reason in reasons {
            *self.reasons.entry(reason).or_insert(0) += 1;
        }
        if !self.plugins.contains(&plugin) {
            self.plugins.push(plugin);
        }
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    /// Counts `count` nodes refused for one reason, by no plugin.
    pub(crate) fn rest(&mut self, count: usize, reason: &str) {
        self.nodes += count;
        if count > 0 {
            *self.reasons.entry(reason.to_owned()).or_insert(0) += count;
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
        let counted = counted.join(", ");
        let message = format!("0/{} nodes are available: {counted}.", self.nodes);
        match self.preemption.as_str() {
            "" => message,
            said => format!("{message} preemption: {said}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_count_reasons() {
        let mut diagnosis = Diagnosis::default();
        assert_eq!(diagnosis.message(), "no nodes available to schedule pods");
        let lacks = |what: &[&str]| what.iter().map(|it| format!("Insufficient {it}")).collect();
        let both = Verdict::Never(lacks(&["cpu", "memory"]));
        diagnosis.refuse("a", "NodeResourcesFit", both);
        diagnosis.refuse("b", "NodeResourcesFit", Verdict::Unfit(lacks(&["cpu"])));
        assert_eq!(diagnosis.crowded, ["b"]);
        assert_eq!(
            diagnosis.message(),
            "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu."
        );
    }
}
