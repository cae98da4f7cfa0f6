//! A strategy with its type erased: what the door calls. Boxed here, at the crate's seam, so that
//! the door is compiled once for all kinds.

use crate::{
    Action, Cell, Column, Context, Destination, Hub, Names, Part, ProxyName, Question, Strategy,
    Subresource, gates, ratchet,
};
use api::{AnyObject, DecodeError};
use jiff::Timestamp;
use k8s_openapi::{api::autoscaling::v1::Scale, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use machinery::{apply::Resets, field::ErrorList, status::Status};

/// The law of some kind. Objects given to it must be of its kind; another kind's object is a
/// programming error, asserted in debug builds and left untouched otherwise.
pub trait Law: Send + Sync {
    /// API group; empty for the core group.
    fn group(&self) -> &'static str;
    /// API version, such as `v1`.
    fn version(&self) -> &'static str;
    /// Kind, such as `Pod`.
    fn kind(&self) -> &'static str;
    /// Names and scope.
    fn names(&self) -> Names;
    /// See [`Strategy::hub`].
    fn hub(&self) -> Option<&'static Hub>;
    /// Reads an object of this kind.
    ///
    /// # Errors
    /// See [`Object::decode`].
    fn decode(&self, json: &[u8]) -> Result<Box<dyn AnyObject>, DecodeError>;
    /// See [`Strategy::default`].
    fn default(&self, object: &mut dyn AnyObject);
    /// See [`Strategy::prepare_for_create`].
    fn prepare_for_create(&self, context: &Context<'_>, object: &mut dyn AnyObject);
    /// See [`Strategy::prepare_for_update`].
    fn prepare_for_update(
        &self,
        context: &Context<'_>,
        new: &mut dyn AnyObject,
        old: &dyn AnyObject,
    );
    /// See [`Strategy::validate`].
    fn validate(&self, object: &dyn AnyObject) -> ErrorList;
    /// See [`Strategy::validate_older`].
    fn validate_older(&self, object: &dyn AnyObject) -> ErrorList;
    /// See [`Strategy::validate_update`].
    fn validate_update(&self, new: &dyn AnyObject, old: &dyn AnyObject) -> ErrorList;
    /// See [`Strategy::name_errors`].
    fn name_errors(&self, name: &str) -> Vec<String>;
    /// See [`Strategy::warnings`].
    fn warnings(&self, new: &dyn AnyObject, old: Option<&dyn AnyObject>) -> Vec<String>;
    /// See [`Strategy::columns`].
    fn columns(&self) -> &'static [Column];
    /// See [`Strategy::row`].
    fn row(&self, object: &dyn AnyObject, now: Timestamp) -> Vec<Cell>;
    /// See [`Strategy::selectable_fields`].
    fn selectable_fields(&self, object: &dyn AnyObject) -> Vec<(&'static str, String)>;
    /// See [`Strategy::selectable_field_names`].
    fn selectable_field_names(&self) -> &'static [&'static str];
    /// See [`Strategy::subresources`].
    fn subresources(&self) -> &'static [Subresource];
    /// See [`Strategy::seen`].
    fn seen(&self, parts: &dyn Fn() -> Vec<Part>) -> Option<Vec<Box<dyn AnyObject>>>;
    /// See [`Strategy::resets`].
    fn resets(&self) -> Resets;
    /// See [`Strategy::prepare_for_subresource`].
    fn prepare_for_subresource(
        &self,
        subresource: &str,
        context: &Context<'_>,
        new: &mut dyn AnyObject,
        old: &dyn AnyObject,
    );
    /// See [`Strategy::validate_subresource`].
    fn validate_subresource(
        &self,
        subresource: &str,
        new: &dyn AnyObject,
        old: &dyn AnyObject,
    ) -> ErrorList;
    /// See [`Strategy::scale`].
    fn scale(&self, object: &dyn AnyObject) -> Option<Scale>;
    /// See [`Strategy::set_scale`].
    fn set_scale(&self, object: &mut dyn AnyObject, replicas: i32);
    /// See [`Strategy::act`].
    ///
    /// # Errors
    /// The Status for the client.
    fn act(
        &self,
        subresource: &str,
        context: &Context<'_>,
        object: &mut dyn AnyObject,
        body: &[u8],
    ) -> Result<Action, Status>;
    /// See [`Strategy::connect`].
    ///
    /// # Errors
    /// The Status for the client.
    fn connect(
        &self,
        subresource: &str,
        object: &dyn AnyObject,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status>;
    /// See [`Strategy::proxy`].
    ///
    /// # Errors
    /// The Status for the client.
    fn proxy(
        &self,
        object: &dyn AnyObject,
        name: &ProxyName,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status>;
    /// See [`Strategy::grace_seconds`].
    fn grace_seconds(&self, object: &dyn AnyObject, requested: Option<i64>) -> Option<i64>;
    /// See [`Strategy::begin_deletion`].
    fn begin_deletion(&self, object: &mut dyn AnyObject);
    /// See [`Strategy::holds_deletion`].
    fn holds_deletion(&self, object: &dyn AnyObject) -> bool;
    /// See [`Strategy::question`].
    ///
    /// # Errors
    /// The Status for the client.
    fn question(&self, object: &dyn AnyObject) -> Option<Result<Question, Status>>;
    /// See [`Strategy::orphans_by_default`].
    fn orphans_by_default(&self) -> bool;
    /// See [`Strategy::expires`].
    fn expires(&self) -> bool;
    /// See [`Strategy::create_on_update`].
    fn create_on_update(&self) -> bool;
    /// See [`Strategy::unconditional_update`].
    fn unconditional_update(&self) -> bool;
}

/// Runs `body` with the object as the strategy's type.
macro_rules! typed {
    ($object:expr, $type:ty, $otherwise:expr, |$name:ident| $body:expr) => {
        match $object.downcast_ref::<$type>() {
            Some($name) => $body,
            None => {
                debug_assert!(false, "an object of another kind reached this law");
                $otherwise
            }
        }
    };
}

macro_rules! typed_mut {
    ($object:expr, $type:ty, $otherwise:expr, |$name:ident| $body:expr) => {
        match $object.downcast_mut::<$type>() {
            Some($name) => $body,
            None => {
                debug_assert!(false, "an object of another kind reached this law");
                $otherwise
            }
        }
    };
}

impl<S: Strategy> Law for S {
    fn group(&self) -> &'static str {
        <S::Object as k8s_openapi::Resource>::GROUP
    }
    fn version(&self) -> &'static str {
        <S::Object as k8s_openapi::Resource>::VERSION
    }
    fn kind(&self) -> &'static str {
        <S::Object as k8s_openapi::Resource>::KIND
    }
    fn names(&self) -> Names {
        Strategy::names(self)
    }
    fn hub(&self) -> Option<&'static Hub> {
        Strategy::hub(self)
    }
    fn decode(&self, json: &[u8]) -> Result<Box<dyn AnyObject>, DecodeError> {
        Ok(Box::new(Strategy::read(self, json)?))
    }
    fn default(&self, object: &mut dyn AnyObject) {
        typed_mut!(object, S::Object, (), |it| Strategy::default(self, it));
    }
    fn prepare_for_create(&self, context: &Context<'_>, object: &mut dyn AnyObject) {
        typed_mut!(object, S::Object, (), |it| {
            drop_gated(self, it, None);
            Strategy::prepare_for_create(self, context, it);
        });
    }
    fn prepare_for_update(
        &self,
        context: &Context<'_>,
        new: &mut dyn AnyObject,
        old: &dyn AnyObject,
    ) {
        typed_mut!(new, S::Object, (), |new| typed!(
            old,
            S::Object,
            (),
            |old| {
                drop_gated(self, new, Some(old));
                Strategy::prepare_for_update(self, context, new, old);
            }
        ));
    }
    fn validate(&self, object: &dyn AnyObject) -> ErrorList {
        typed!(object, S::Object, foreign(), |it| Strategy::validate(
            self, it
        ))
    }
    fn validate_older(&self, object: &dyn AnyObject) -> ErrorList {
        typed!(object, S::Object, foreign(), |it| Strategy::validate_older(
            self, it
        ))
    }
    fn validate_update(&self, new: &dyn AnyObject, old: &dyn AnyObject) -> ErrorList {
        typed!(new, S::Object, foreign(), |new| typed!(
            old,
            S::Object,
            foreign(),
            |old| {
                let errors = Strategy::validate_update(self, new, old);
                ratchet::excuse(errors, || Strategy::validate(self, old))
            }
        ))
    }
    fn name_errors(&self, name: &str) -> Vec<String> {
        Strategy::name_errors(self, name)
    }
    fn warnings(&self, new: &dyn AnyObject, old: Option<&dyn AnyObject>) -> Vec<String> {
        let old = old.and_then(|old| old.downcast_ref());
        typed!(new, S::Object, Vec::new(), |new| Strategy::warnings(
            self, new, old
        ))
    }
    fn columns(&self) -> &'static [Column] {
        Strategy::columns(self)
    }
    fn row(&self, object: &dyn AnyObject, now: Timestamp) -> Vec<Cell> {
        typed!(object, S::Object, Vec::new(), |it| Strategy::row(
            self, it, now
        ))
    }
    fn selectable_fields(&self, object: &dyn AnyObject) -> Vec<(&'static str, String)> {
        typed!(object, S::Object, Vec::new(), |it| {
            Strategy::selectable_fields(self, it)
        })
    }
    fn selectable_field_names(&self) -> &'static [&'static str] {
        Strategy::selectable_field_names(self)
    }
    fn subresources(&self) -> &'static [Subresource] {
        Strategy::subresources(self)
    }
    fn seen(&self, parts: &dyn Fn() -> Vec<Part>) -> Option<Vec<Box<dyn AnyObject>>> {
        let seen = Strategy::seen(self, parts)?.into_iter();
        Some(seen.map(|object| Box::new(object) as _).collect())
    }
    fn resets(&self) -> Resets {
        Strategy::resets(self)
    }
    fn prepare_for_subresource(
        &self,
        subresource: &str,
        context: &Context<'_>,
        new: &mut dyn AnyObject,
        old: &dyn AnyObject,
    ) {
        let part = Law::subresources(self).iter();
        let mut part = part.filter(|part| part.name == subresource);
        if part.any(|part| part.resets == Resets::SPEC_AND_METADATA) {
            crate::prepare::same_metadata(new.metadata_mut(), old.metadata());
        }
        typed_mut!(new, S::Object, (), |new| typed!(
            old,
            S::Object,
            (),
            |old| {
                drop_gated(self, new, Some(old));
                Strategy::prepare_for_subresource(self, subresource, context, new, old);
            }
        ));
    }
    fn validate_subresource(
        &self,
        subresource: &str,
        new: &dyn AnyObject,
        old: &dyn AnyObject,
    ) -> ErrorList {
        typed!(new, S::Object, foreign(), |new| typed!(
            old,
            S::Object,
            foreign(),
            |old| {
                let errors = Strategy::validate_subresource(self, subresource, new, old);
                ratchet::excuse(errors, || Strategy::validate(self, old))
            }
        ))
    }
    fn scale(&self, object: &dyn AnyObject) -> Option<Scale> {
        typed!(object, S::Object, None, |it| Strategy::scale(self, it))
    }
    fn set_scale(&self, object: &mut dyn AnyObject, replicas: i32) {
        typed_mut!(object, S::Object, (), |it| Strategy::set_scale(
            self, it, replicas
        ));
    }
    fn act(
        &self,
        subresource: &str,
        context: &Context<'_>,
        object: &mut dyn AnyObject,
        body: &[u8],
    ) -> Result<Action, Status> {
        typed_mut!(
            object,
            S::Object,
            Err(Status::internal(&WRONG_KIND)),
            |it| { Strategy::act(self, subresource, context, it, body) }
        )
    }
    fn connect(
        &self,
        subresource: &str,
        object: &dyn AnyObject,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        typed!(
            object,
            S::Object,
            Err(Status::internal(&WRONG_KIND)),
            |it| { Strategy::connect(self, subresource, it, rest, query) }
        )
    }
    fn proxy(
        &self,
        object: &dyn AnyObject,
        name: &ProxyName,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        typed!(
            object,
            S::Object,
            Err(Status::internal(&WRONG_KIND)),
            |it| { Strategy::proxy(self, it, name, rest, query) }
        )
    }
    fn grace_seconds(&self, object: &dyn AnyObject, requested: Option<i64>) -> Option<i64> {
        typed!(object, S::Object, None, |it| Strategy::grace_seconds(
            self, it, requested
        ))
    }
    fn begin_deletion(&self, object: &mut dyn AnyObject) {
        typed_mut!(object, S::Object, (), |it| Strategy::begin_deletion(
            self, it
        ));
    }
    fn holds_deletion(&self, object: &dyn AnyObject) -> bool {
        typed!(object, S::Object, false, |it| Strategy::holds_deletion(
            self, it
        ))
    }
    fn question(&self, object: &dyn AnyObject) -> Option<Result<Question, Status>> {
        typed!(object, S::Object, None, |it| Strategy::question(self, it))
    }
    fn orphans_by_default(&self) -> bool {
        Strategy::orphans_by_default(self)
    }
    fn expires(&self) -> bool {
        Strategy::expires(self)
    }
    fn create_on_update(&self) -> bool {
        Strategy::create_on_update(self)
    }
    fn unconditional_update(&self) -> bool {
        Strategy::unconditional_update(self)
    }
}

const WRONG_KIND: &str = "an object of another kind reached this law";

/// Drops what belongs to features that are off.
fn drop_gated<S: Strategy>(law: &S, new: &mut S::Object, old: Option<&S::Object>) {
    gates::drop(law.gated(), new, || old.cloned());
    if let Some(spec) = law.pod_spec(new) {
        gates::drop(gates::POD_SPEC, spec, || {
            old.cloned()
                .and_then(|mut it| law.pod_spec(&mut it).cloned())
        });
    }
}

/// Refuses, so that a foreign object can never pass validation in a release build.
fn foreign() -> ErrorList {
    vec![machinery::field::Error {
        path: machinery::field::Path::new("kind"),
        fault: machinery::field::Fault::Internal,
        message: WRONG_KIND.to_owned(),
        ratchet: None,
    }]
}

/// Upstream's `NameIsDNSSubdomain`: messages for a malformed name, none when it is well formed.
#[must_use]
pub(crate) fn subdomain_errors(name: &str) -> Vec<String> {
    machinery::names::subdomain_errors(name)
}

/// The columns of a kind that declares none.
pub(crate) const NAME_AND_AGE: &[Column] = &[
    Column {
        name: "Name",
        kind: "string",
        format: "name",
        priority: 0,
        description: "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.",
    },
    Column {
        name: "Age",
        kind: "string",
        format: "",
        priority: 0,
        description: "Time since the object was created.",
    },
];

/// The cells of [`NAME_AND_AGE`].
pub(crate) fn name_and_age(metadata: &ObjectMeta, now: Timestamp) -> Vec<Cell> {
    let age =
        machinery::durations::age(metadata.creation_timestamp.as_ref().map(|time| time.0), now);
    vec![
        Cell::Text(metadata.name.clone().unwrap_or_default()),
        Cell::Text(age),
    ]
}
