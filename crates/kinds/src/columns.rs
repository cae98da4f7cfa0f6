//! What printed kinds have in common: the Name and Age columns, and cells made from labels,
//! selectors, containers and lists.

use crate::{Cell, Column};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::PodSpec,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use std::collections::BTreeMap;

/// What kubectl shows for nothing.
pub(crate) const NONE: &str = "<none>";
/// What kubectl shows for a field that was never set.
pub(crate) const UNSET: &str = "<unset>";
/// How many addresses, hosts or ports a cell lists before it counts the rest.
const LISTED_ITEMS: usize = 3;

impl Column {
    /// The object's name, the first column of nearly every kind.
    pub(crate) const NAME: Self = Self {
        format: "name",
        ..Self::text(
            "Name",
            "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
        )
    };
    /// The object's age.
    pub(crate) const AGE: Self = Self::text("Age", CREATED);
    /// When the object was made, for kinds without a printer of their own.
    pub(crate) const CREATED_AT: Self = Self {
        kind: "date",
        ..Self::text("Created At", CREATED)
    };
    /// Container names of a pod template.
    pub(crate) const CONTAINERS: Self =
        Self::text("Containers", "Names of each container in the template.").wide();
    /// Container images of a pod template.
    pub(crate) const IMAGES: Self = Self::text(
        "Images",
        "Images referenced by each container in the template.",
    )
    .wide();

    /// A column of text.
    pub(crate) const fn text(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            kind: "string",
            format: "",
            priority: 0,
            description,
        }
    }

    /// A column of whole numbers.
    pub(crate) const fn number(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: "integer",
            ..Self::text(name, description)
        }
    }

    /// Shown with `-o wide` only.
    pub(crate) const fn wide(self) -> Self {
        Self {
            priority: 1,
            ..self
        }
    }
}

const CREATED: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}
impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
impl From<Option<i32>> for Cell {
    fn from(number: Option<i32>) -> Self {
        Self::Number(number.unwrap_or(0).into())
    }
}

/// A text or `otherwise`.
pub(crate) fn or(text: Option<&String>, otherwise: &str) -> Cell {
    match text {
        Some(text) if !text.is_empty() => Cell::Text(text.clone()),
        _ => Cell::Text(otherwise.to_owned()),
    }
}

/// The name cell.
pub(crate) fn name(metadata: &ObjectMeta) -> Cell {
    Cell::Text(metadata.name.clone().unwrap_or_default())
}

/// The age cell.
pub(crate) fn age(metadata: &ObjectMeta, now: Timestamp) -> Cell {
    Cell::Text(since(metadata.creation_timestamp.as_ref(), now))
}

/// The `Created At` cell.
pub(crate) fn created_at(metadata: &ObjectMeta) -> Cell {
    let time = metadata.creation_timestamp.as_ref();
    Cell::Text(time.map_or_else(String::new, |time| machinery::durations::rfc3339(time.0)))
}

/// The time since, as kubectl shows it.
pub(crate) fn since(time: Option<&Time>, now: Timestamp) -> String {
    machinery::durations::age(time.map(|time| time.0), now)
}

/// `a=1,b=2`, or `<none>`.
pub(crate) fn labels(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<_> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    joined_or_none(&pairs)
}

/// Items joined by commas, or `<none>`.
pub(crate) fn joined_or_none(items: &[String]) -> String {
    if items.is_empty() {
        NONE.to_owned()
    } else {
        items.join(",")
    }
}

/// The first few items, and how many more there are.
pub(crate) fn some_of(items: &[String]) -> String {
    if items.len() > LISTED_ITEMS {
        let more = items.len() - LISTED_ITEMS;
        format!("{} + {more} more...", items[..LISTED_ITEMS].join(","))
    } else {
        items.join(",")
    }
}

/// The cells of [`Column::CONTAINERS`] and [`Column::IMAGES`].
pub(crate) fn containers_and_images(spec: Option<&PodSpec>) -> [Cell; 2] {
    let containers = || spec.into_iter().flat_map(|spec| &spec.containers);
    let names: Vec<_> = containers().map(|it| it.name.clone()).collect();
    let images: Vec<_> = containers()
        .map(|it| it.image.clone().unwrap_or_default())
        .collect();
    [names.join(",").into(), images.join(",").into()]
}

/// `True`, `False` or `<unset>`.
pub(crate) fn truth(value: Option<bool>) -> Cell {
    Cell::from(match value {
        Some(true) => "True",
        Some(false) => "False",
        None => UNSET,
    })
}

/// Access modes in their short form: `RWO,ROX`.
pub(crate) fn access_modes(modes: Option<&Vec<String>>) -> String {
    let known = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| modes.is_some_and(|it| it.iter().any(|it| it == mode));
    let short: Vec<_> = known
        .iter()
        .filter(|(mode, _)| has(mode))
        .map(|it| it.1)
        .collect();
    short.join(",")
}
