//! Versions that Kubernetes no longer serves: which they are, and how an object written in one becomes the
//! current form and back. One place for the door, which accepts and answers them, and for the command
//! line, which converts manifests before it sends them. Upstream: the conversions, defaults and
//! `prerelease-lifecycle` marks of the old `pkg/apis` packages.
//!
//! Everything works on trees. A version differs from the current one in a few fields, named in its
//! family's file; what the current law says of the rest holds for all versions.

mod admissionregistration;
mod apiextensions;
mod apps;
mod autoscaling;
mod certificates;
mod discovery;
mod gone;
mod networking;
mod node;
mod notes;
mod policy;
mod rbac;
mod renamed;
mod same;
mod scale;
mod tree;

pub use gone::Gone;
use notes::Notes;

use api::schema::{self, Schemas, TypeRef};
use serde_json::Value;

/// A kind in a version that is no longer served.
#[derive(Clone, Copy, Debug)]
pub struct Older {
    /// Its group.
    pub group: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its kind; the current one has the same.
    pub kind: &'static str,
    /// Group and version of the current form.
    pub current: (&'static str, &'static str),
    /// The 1.x releases that deprecated it and that no longer served it.
    releases: (u8, u8),
    shape: Shape,
}

/// What a version says otherwise than the current one.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Fills the version's own defaults, where they differ, and moves what has moved.
    upgrade: fn(&mut Value, &mut Notes),
    /// Moves it back.
    downgrade: fn(&mut Value),
}

impl Shape {
    /// The current form under an older name.
    const SAME: Self = Self {
        upgrade: |_, _| {},
        downgrade: |_| {},
    };
}

impl Older {
    /// `extensions/v1beta1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        joined((self.group, self.version))
    }

    /// `apps/v1`.
    #[must_use]
    pub fn current_api_version(&self) -> String {
        joined(self.current)
    }

    /// Upstream's warning about a deprecated version.
    #[must_use]
    pub fn warning(&self) -> String {
        let (deprecated, removed) = self.releases;
        format!(
            "{} {kind} is deprecated in v1.{deprecated}+, unavailable in v1.{removed}+; use {} {kind}",
            self.api_version(),
            self.current_api_version(),
            kind = self.kind,
        )
    }

    /// Turns an object of this version into the current form; a text that shows what became of it, when
    /// more than its version changed. What has the wrong type is left for the decoder to refuse.
    pub fn upgrade(&self, object: &mut Value) -> Option<String> {
        let mut notes = Notes::default();
        (self.shape.upgrade)(object, &mut notes);
        self.name(object, self.current);
        notes.text(&self.current_api_version(), self.kind)
    }

    /// Turns an object of the current form into this version.
    pub fn downgrade(&self, object: &mut Value) {
        (self.shape.downgrade)(object);
        self.name(object, (self.group, self.version));
    }

    /// The type of the version, and the arena that it is in.
    #[must_use]
    pub fn schema(&self) -> Option<(&'static Schemas, TypeRef)> {
        let schemas = schema::builtin();
        let of = schemas.kind(self.group, self.version, self.kind)?;
        Some((schemas, of))
    }

    /// The Scale of workloads of this version, where that was not autoscaling/v1's.
    #[must_use]
    pub fn scale(&self) -> Option<&'static Older> {
        let version = (self.group, self.version);
        scale::ROWS
            .iter()
            .find(|it| (it.group, it.version) == version)
    }

    fn name(&self, object: &mut Value, version: (&str, &str)) {
        if let Some(object) = object.as_object_mut() {
            object.insert("apiVersion".to_owned(), joined(version).into());
            object.insert("kind".to_owned(), self.kind.into());
        }
    }
}

fn joined((group, version): (&str, &str)) -> String {
    format!("{group}/{version}")
}

/// Every older version that has a current form.
pub fn older() -> impl Iterator<Item = &'static Older> {
    FAMILIES.iter().copied().flatten()
}

/// The older version that an `apiVersion` and kind name.
#[must_use]
pub fn find_older(api_version: &str, kind: &str) -> Option<&'static Older> {
    let (group, version) = api_version.split_once('/')?;
    older().find(|it| it.kind == kind && it.group == group && it.version == version)
}

/// A kind that has no current form, by its `apiVersion` and its kind or plural name.
#[must_use]
pub fn find_gone(api_version: &str, name: &str) -> Option<&'static Gone> {
    gone::LIST
        .iter()
        .find(|it| it.versions.contains(&api_version) && (it.kind == name || it.plural == name))
}

static FAMILIES: &[&[Older]] = &[
    admissionregistration::ROWS,
    apiextensions::ROWS,
    apps::ROWS,
    autoscaling::ROWS,
    certificates::ROWS,
    discovery::ROWS,
    networking::ROWS,
    node::ROWS,
    policy::ROWS,
    rbac::ROWS,
    renamed::ROWS,
    same::ROWS,
];

#[cfg(test)]
mod tests;
