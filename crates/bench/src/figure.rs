//! One figure, one line.

use serde_json::{Map, Value};

/// A figure being made; printed when done.
pub(crate) struct Figure(Map<String, Value>);

impl Figure {
    /// Names a figure.
    pub(crate) fn new(name: &str, value: f64, unit: &str) -> Self {
        let figure = Self(Map::new()).with("figure", name);
        figure.with("value", rounded(value)).with("unit", unit)
    }

    /// Adds how it was measured.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// Adds how it was measured, if known.
    pub(crate) fn with_number(self, key: &str, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with(key, rounded(value)),
            None => self,
        }
    }

    /// Adds somebody else's value, measured in the same run.
    pub(crate) fn with_rival(self, name: &str, value: Option<f64>, how: &str) -> Self {
        match value {
            Some(value) => self.with(
                "rival",
                serde_json::json!({"name": name, "value": rounded(value), "how": how}),
            ),
            None => self,
        }
    }

    /// Prints the line.
    pub(crate) fn print(self) {
        println!("{}", Value::Object(self.0));
    }
}

/// Four significant digits: more would be noise.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits.clamp(0, 12));
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_what_was_measured() {
        let cases = [
            (0.0, 0.0),
            (123_456.7, 123_457.0),
            (1.23456, 1.235),
            (0.000_123_456, 0.000_123_5),
        ];
        for (value, wanted) in cases {
            assert_eq!(rounded(value), wanted);
        }
    }
}
