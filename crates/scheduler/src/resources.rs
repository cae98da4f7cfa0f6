//! Amounts of resources as whole numbers, so that fitting a pod is additions and comparisons.

use machinery::quantity::Amounts;
use std::collections::BTreeMap;

/// Requested or allocatable amounts: CPU in thousandths of a core, the rest in the resource's unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resources {
    pub(crate) cpu_milli: i64,
    pub(crate) memory_bytes: i64,
    pub(crate) ephemeral_bytes: i64,
    pub(crate) extended: BTreeMap<String, i64>,
}

impl Resources {
    /// From quantities; `pods` is counted apart and left out.
    pub(crate) fn new(amounts: &Amounts) -> Self {
        let mut all = Self::default();
        for (name, quantity) in amounts {
            match name.as_str() {
                "cpu" => all.cpu_milli = quantity.milli_value(),
                "memory" => all.memory_bytes = quantity.value(),
                "ephemeral-storage" => all.ephemeral_bytes = quantity.value(),
                "pods" => {}
                other => {
                    all.extended.insert(other.to_owned(), quantity.value());
                }
            }
        }
        all
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.apply(other, 1);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.apply(other, -1);
    }

    fn apply(&mut self, other: &Self, sign: i64) {
        self.cpu_milli += sign * other.cpu_milli;
        self.memory_bytes += sign * other.memory_bytes;
        self.ephemeral_bytes += sign * other.ephemeral_bytes;
        for (name, amount) in &other.extended {
            *self.extended.entry(name.clone()).or_insert(0) += sign * amount;
        }
    }
}
