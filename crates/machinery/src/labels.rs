//! Label selectors, as text (`a=b,c in (d,e),!f`) and as the `LabelSelector` type, and what they
//! match: upstream's `apimachinery/pkg/labels` with its texts.

mod parse;
#[cfg(test)]
mod tests;
mod validate;

pub use validate::{Operators, validate, validate_labels, validate_requirement, validate_values};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A malformed selector; the text is upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub(crate) String);

/// What a requirement asks of its key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `a=b`
    Equals,
    /// `a==b`
    DoubleEquals,
    /// `a!=b`; true also when the key is absent.
    NotEquals,
    /// `a in (b,c)`
    In,
    /// `a notin (b,c)`; true also when the key is absent.
    NotIn,
    /// `a`
    Exists,
    /// `!a`
    DoesNotExist,
    /// `a>1`
    GreaterThan,
    /// `a<1`
    LessThan,
}

/// One term of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// Relation.
    pub operator: Operator,
    /// Values, sorted; empty for the existence operators.
    pub values: BTreeSet<String>,
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = || self.values.first().and_then(|text| number(text));
        match self.operator {
            Operator::Equals | Operator::DoubleEquals | Operator::In => {
                value.is_some_and(|value| self.values.contains(value))
            }
            Operator::NotEquals | Operator::NotIn => {
                value.is_none_or(|value| !self.values.contains(value))
            }
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => value
                .and_then(number)
                .zip(bound())
                .is_some_and(|(value, bound)| value > bound),
            Operator::LessThan => value
                .and_then(number)
                .zip(bound())
                .is_some_and(|(value, bound)| value < bound),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = || {
            self.values
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(",")
        };
        let key = &self.key;
        match self.operator {
            Operator::Equals => write!(f, "{key}={}", joined()),
            Operator::DoubleEquals => write!(f, "{key}=={}", joined()),
            Operator::NotEquals => write!(f, "{key}!={}", joined()),
            Operator::In => write!(f, "{key} in ({})", joined()),
            Operator::NotIn => write!(f, "{key} notin ({})", joined()),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{}", joined()),
            Operator::LessThan => write!(f, "{key}<{}", joined()),
        }
    }
}

/// A conjunction of requirements. `Display` is upstream's canonical form, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

impl Selector {
    /// Matches every object.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Matches no object.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            requirements: Vec::new(),
            nothing: true,
        }
    }

    /// A conjunction of `requirements`, sorted by key as upstream keeps them.
    #[must_use]
    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self {
            requirements,
            nothing: false,
        }
    }

    /// Reads the text of a `labelSelector` query parameter.
    ///
    /// # Errors
    /// When it is malformed or a key or value is not a label's.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text)
    }

    /// Every pair must be present; the form of `spec.selector` of Services.
    #[must_use]
    pub fn from_map(labels: &BTreeMap<String, String>) -> Self {
        Self::new(
            labels
                .iter()
                .map(|(key, value)| Requirement {
                    key: key.clone(),
                    operator: Operator::Equals,
                    values: BTreeSet::from([value.clone()]),
                })
                .collect(),
        )
    }

    /// The typed form: absent matches nothing, empty matches everything.
    ///
    /// # Errors
    /// When an operator is unknown or a key or value is not a label's.
    pub fn from_typed(selector: Option<&LabelSelector>) -> Result<Self, Error> {
        let Some(selector) = selector else {
            return Ok(Self::nothing());
        };
        let mut requirements =
            Self::from_map(&selector.match_labels.clone().unwrap_or_default()).requirements;
        for requirement in &requirements {
            parse::check(requirement)?;
        }
        for expression in selector.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(Error(format!(
                        "{other:?} is not a valid label selector operator"
                    )));
                }
            };
            let requirement = Requirement {
                key: expression.key.clone(),
                operator,
                values: expression.values.iter().flatten().cloned().collect(),
            };
            parse::check(&requirement)?;
            requirements.push(requirement);
        }
        Ok(Self::new(requirements))
    }

    /// Whether labels (as `metadata.labels.as_ref()` gives them) satisfy every requirement.
    #[must_use]
    pub fn matches(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        self.matches_by(&|key| labels?.get(key).map(String::as_str))
    }

    /// Whether the labels that `get` looks up satisfy every requirement.
    #[must_use]
    pub fn matches_by<'a>(&self, get: &dyn Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing
            && self
                .requirements
                .iter()
                .all(|requirement| requirement.matches(get(&requirement.key)))
    }

    /// Whether there is nothing to satisfy.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    /// The terms, sorted by key.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

/// The typed form as kubectl prints it: `app=web,tier in (a,b)`; `<none>` when empty or absent.
#[must_use]
pub fn describe(selector: Option<&LabelSelector>) -> String {
    match Selector::from_typed(selector) {
        Ok(selector) if selector.requirements.is_empty() => "<none>".to_owned(),
        Ok(selector) => selector.to_string(),
        Err(_) => "<error>".to_owned(),
    }
}
