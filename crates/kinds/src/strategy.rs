//! What a kind's file says. Every method but `names` has a default, so that a file holds only what
//! is special about its kind. Upstream: the `strategy.go` and `printers` of each registry folder.

use crate::{Part, ProxyName, Question, gates::Gated};
use api::{AnyObject, DecodeError, Object};
use jiff::Timestamp;
use k8s_openapi::api::{autoscaling::v1::Scale, core::v1::PodSpec};
use machinery::{apply::Resets, field::ErrorList, status::Status};

/// Whether objects live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `/api/v1/namespaces/NAMESPACE/pods/NAME`.
    Namespaced,
    /// `/api/v1/nodes/NAME`.
    Cluster,
}

/// The names under which a kind is served and found.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Plural, as in paths: `deployments`.
    pub plural: &'static str,
    /// Singular: `deployment`.
    pub singular: &'static str,
    /// Short names: `deploy`.
    pub short: &'static [&'static str],
    /// Categories: `all`.
    pub categories: &'static [&'static str],
    /// Namespaced or not.
    pub scope: Scope,
    /// Verbs of the resource itself, as discovery lists them. Kinds that are only created
    /// (reviews, bindings) say `&["create"]`.
    pub verbs: &'static [&'static str],
    /// Whether a delete answers with the object as it last was, not with a Status (upstream:
    /// `ReturnDeletedObject`).
    pub returns_deleted: bool,
    /// What every answer warns of, when this version of the kind is deprecated.
    pub deprecated: Option<&'static str>,
}

impl Names {
    /// The verbs of a stored kind.
    pub const STORED: &'static [&'static str] = &[
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];

    /// A stored kind whose objects live in namespaces.
    #[must_use]
    pub const fn namespaced(plural: &'static str, singular: &'static str) -> Self {
        Self {
            plural,
            singular,
            short: &[],
            categories: &[],
            scope: Scope::Namespaced,
            verbs: Self::STORED,
            returns_deleted: false,
            deprecated: None,
        }
    }

    /// A stored kind whose objects live in no namespace.
    #[must_use]
    pub const fn cluster(plural: &'static str, singular: &'static str) -> Self {
        Self {
            scope: Scope::Cluster,
            ..Self::namespaced(plural, singular)
        }
    }

    /// With these short names.
    #[must_use]
    pub const fn short(self, short: &'static [&'static str]) -> Self {
        Self { short, ..self }
    }

    /// In these categories.
    #[must_use]
    pub const fn categories(self, categories: &'static [&'static str]) -> Self {
        Self { categories, ..self }
    }

    /// With these verbs only.
    #[must_use]
    pub const fn verbs(self, verbs: &'static [&'static str]) -> Self {
        Self { verbs, ..self }
    }

    /// A delete answers with the object as it last was.
    #[must_use]
    pub const fn returning_deleted(self) -> Self {
        Self {
            returns_deleted: true,
            ..self
        }
    }

    /// With this warning on every answer.
    #[must_use]
    pub const fn deprecated(self, warning: &'static str) -> Self {
        Self {
            deprecated: Some(warning),
            ..self
        }
    }
}

/// The stored form of a kind that is served in several forms (events in two groups, autoscalers in
/// two versions). The door decodes, defaults, prepares and validates a view by the view's own law, then
/// converts it; storage, field selectors and everything after it are the hub's. Pure and without loss
/// for what both forms can say.
#[derive(Clone, Copy, Debug)]
pub struct Hub {
    /// Group of the stored form.
    pub group: &'static str,
    /// Version of the stored form.
    pub version: &'static str,
    /// From the view to the stored form; `None` when given an object of another kind.
    pub to_hub: fn(&dyn AnyObject) -> Option<Box<dyn AnyObject>>,
    /// From the stored form to the view; `None` when given an object of another kind.
    pub from_hub: fn(&dyn AnyObject) -> Option<Box<dyn AnyObject>>,
    /// Fields to select by, in the view's spelling and in the stored form's; when empty, the stored form's own.
    pub fields: &'static [(&'static str, &'static str)],
}

/// Who asks, and when: all that the law may know besides the object.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The time of the request.
    pub now: Timestamp,
    /// Name, UID and groups of the user.
    pub user: &'a str,
    /// UID of the user, when the authenticator knows one.
    pub user_uid: &'a str,
    /// Groups of the user.
    pub groups: &'a [String],
}

/// A column of `kubectl get`. Priority 0 is always shown, 1 with `-o wide`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading as in upstream's table definition: `Ready`, `Node`, `Nominated Node`.
    pub name: &'static str,
    /// OpenAPI type: `string`, `integer`, `date`, `boolean`.
    pub kind: &'static str,
    /// OpenAPI format; `name` for the first column.
    pub format: &'static str,
    /// 0 or 1.
    pub priority: i32,
    /// Help text.
    pub description: &'static str,
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// Number.
    Number(i64),
    /// Truth.
    Truth(bool),
}

impl From<Cell> for serde_json::Value {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Text(text) => text.into(),
            Cell::Number(number) => number.into(),
            Cell::Truth(truth) => truth.into(),
        }
    }
}

/// A subresource, as discovery lists it (`pods/log`) and as the door serves it.
#[derive(Clone, Copy, Debug)]
pub struct Subresource {
    /// `status`, `scale`, `log` …
    pub name: &'static str,
    /// Group of the kind it exchanges, when not the parent's (`autoscaling` for `scale`).
    pub group: &'static str,
    /// Version of the kind it exchanges, when not the parent's.
    pub version: &'static str,
    /// Kind it exchanges: `Scale`, `Eviction`, `PodExecOptions` …
    pub kind: &'static str,
    /// Verbs: `get`, `patch`, `update`, `create`, `delete`.
    pub verbs: &'static [&'static str],
    /// How the door serves it.
    pub serves: SubresourceKind,
    /// What a write through it puts back. Whatever it is, [`Strategy::prepare_for_subresource`] does it.
    pub resets: Resets,
}

/// The closed list of ways a subresource is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubresourceKind {
    /// The object itself, of which only `.status` (and what belongs to it) may change.
    Status,
    /// An autoscaling/v1 Scale projected from the object.
    Scale,
    /// The object itself, of which only some part may change (`ephemeralcontainers`, `resize`,
    /// `approval`, namespaces' `finalize`).
    Part,
    /// A posted object of another kind changes this one (`binding`).
    Action,
    /// A posted Eviction deletes the object if its disruption budgets allow.
    Eviction,
    /// A posted TokenRequest is signed.
    Token,
    /// A stream or request passed on to where [`Strategy::connect`] says.
    Connect,
}

impl Subresource {
    /// Verbs of a part.
    pub const PART_VERBS: &'static [&'static str] = &["get", "patch", "update"];
    /// Verbs of a proxy.
    pub const PROXY_VERBS: &'static [&'static str] =
        &["create", "delete", "get", "patch", "update"];
    /// `scale`.
    pub const SCALE: Self = Self {
        name: "scale",
        group: "autoscaling",
        version: "v1",
        kind: "Scale",
        verbs: Self::PART_VERBS,
        serves: SubresourceKind::Scale,
        resets: Resets::NOTHING,
    };

    const fn of(
        name: &'static str,
        kind: &'static str,
        verbs: &'static [&'static str],
        serves: SubresourceKind,
    ) -> Self {
        Self {
            name,
            group: "",
            version: "",
            kind,
            verbs,
            serves,
            resets: Resets::NOTHING,
        }
    }

    /// `status` of a kind.
    #[must_use]
    pub const fn status(kind: &'static str) -> Self {
        Self::of("status", kind, Self::PART_VERBS, SubresourceKind::Status).resetting(Resets::SPEC)
    }

    /// Puts back other fields.
    #[must_use]
    pub const fn resetting(self, resets: Resets) -> Self {
        Self { resets, ..self }
    }

    /// A part of the object.
    #[must_use]
    pub const fn part(
        name: &'static str,
        kind: &'static str,
        verbs: &'static [&'static str],
    ) -> Self {
        Self::of(name, kind, verbs, SubresourceKind::Part)
    }

    /// An action posted as an object of `kind`.
    #[must_use]
    pub const fn action(name: &'static str, kind: &'static str) -> Self {
        Self::of(name, kind, &["create"], SubresourceKind::Action)
    }

    /// A connection.
    #[must_use]
    pub const fn connect(
        name: &'static str,
        kind: &'static str,
        verbs: &'static [&'static str],
    ) -> Self {
        Self::of(name, kind, verbs, SubresourceKind::Connect)
    }
}

/// What a posted action does.
#[derive(Debug)]
pub enum Action {
    /// The object was changed in place; store it.
    Changed,
}

/// Where a connection to an object's subresource goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Who answers.
    pub route: Route,
    /// Path and query there; the remainder of the request's path is already in it.
    pub path_and_query: String,
}

/// Who answers a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The kubelet of this node.
    Kubelet {
        /// Node name.
        node: String,
    },
    /// An address and port reached directly (pods and nodes under `proxy`).
    Address {
        /// Host or IP.
        host: String,
        /// Port number.
        port: u16,
        /// Whether it is spoken to in TLS.
        tls: bool,
    },
    /// A ready endpoint of this service's port.
    Service {
        /// Namespace.
        namespace: String,
        /// Service name.
        name: String,
        /// Port name or number; empty for the only port.
        port: String,
        /// Whether it is spoken to in TLS.
        tls: bool,
    },
}

/// The law of one kind.
pub trait Strategy: Send + Sync + 'static {
    /// The kind's type: the storage version is the hub.
    type Object: Object;

    /// Names and scope.
    fn names(&self) -> Names;

    /// The stored form, when this kind is but a view of it.
    fn hub(&self) -> Option<&'static Hub> {
        None
    }

    /// Reads an object. A kind whose type cannot hold what its rules ask for (whether an empty struct was
    /// given) looks at the JSON again.
    ///
    /// # Errors
    /// See [`Object::decode`].
    fn read(&self, json: &[u8]) -> Result<Self::Object, DecodeError> {
        Object::decode(json)
    }

    /// Fills defaults; idempotent.
    fn default(&self, object: &mut Self::Object) {
        let _ = object;
    }

    /// Its parts that belong to features which are off. They are dropped before it is prepared.
    fn gated(&self) -> &'static [Gated<Self::Object>] {
        &[]
    }

    /// The spec of the pods that it is, or makes: some of its parts are gated as well.
    fn pod_spec<'a>(&self, object: &'a mut Self::Object) -> Option<&'a mut PodSpec> {
        let _ = object;
        None
    }

    /// Clears what a creator may not set (status), sets what the system owns (generation).
    fn prepare_for_create(&self, context: &Context<'_>, object: &mut Self::Object) {
        let _ = (context, object);
    }

    /// Puts back what an updater may not change (status), bumps generation when the spec changed.
    fn prepare_for_update(
        &self,
        context: &Context<'_>,
        new: &mut Self::Object,
        old: &Self::Object,
    ) {
        let _ = (context, new, old);
    }

    /// Errors of a new object. Metadata is validated by the door already (names by [`Self::name_errors`]).
    fn validate(&self, object: &Self::Object) -> ErrorList {
        let _ = object;
        ErrorList::new()
    }

    /// Errors of a new object that was written in a version that is no longer served.
    fn validate_older(&self, object: &Self::Object) -> ErrorList {
        self.validate(object)
    }

    /// Errors of a changed object; upstream's `ValidateUpdate`, immutable fields included. Those of rules that
    /// the old object broke already, and that came later than it may have, are taken away: see `ratchet`.
    fn validate_update(&self, new: &Self::Object, old: &Self::Object) -> ErrorList {
        let _ = old;
        self.validate(new)
    }

    /// Messages for `metadata.name` (each becomes `metadata.name: Invalid value`). Default: an RFC 1123 subdomain.
    fn name_errors(&self, name: &str) -> Vec<String> {
        crate::law::subdomain_errors(name)
    }

    /// Texts for `Warning` headers. `old` is absent on create.
    fn warnings(&self, new: &Self::Object, old: Option<&Self::Object>) -> Vec<String> {
        let _ = (new, old);
        Vec::new()
    }

    /// Columns of `get`; the default is Name and Age.
    fn columns(&self) -> &'static [Column] {
        crate::law::NAME_AND_AGE
    }

    /// The cells of one object, one for each column.
    fn row(&self, object: &Self::Object, now: Timestamp) -> Vec<Cell> {
        crate::law::name_and_age(k8s_openapi::Metadata::metadata(object), now)
    }

    /// Field selectors besides `metadata.name` and `metadata.namespace`: label and value.
    fn selectable_fields(&self, object: &Self::Object) -> Vec<(&'static str, String)> {
        let _ = object;
        Vec::new()
    }

    /// The names [`Self::selectable_fields`] gives, known without an object.
    fn selectable_field_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// Subresources, in discovery's order (alphabetic).
    fn subresources(&self) -> &'static [Subresource] {
        &[]
    }

    /// The objects of a kind that is not stored, but seen in the server's own parts.
    fn seen(&self, _parts: &dyn Fn() -> Vec<Part>) -> Option<Vec<Self::Object>> {
        None
    }

    /// What a write of the object itself puts back; [`Self::prepare_for_update`] does it.
    fn resets(&self) -> Resets {
        let mut parts = self.subresources().iter();
        match parts.any(|part| part.serves == SubresourceKind::Status) {
            true => Resets::STATUS,
            false => Resets::NOTHING,
        }
    }

    /// `Part` and `Status`: takes from `new` only what `subresource` may change, puts the rest back from `old`.
    fn prepare_for_subresource(
        &self,
        subresource: &str,
        context: &Context<'_>,
        new: &mut Self::Object,
        old: &Self::Object,
    ) {
        let _ = (subresource, context, new, old);
    }

    /// `Part` and `Status`: errors of a change through `subresource`.
    fn validate_subresource(
        &self,
        subresource: &str,
        new: &Self::Object,
        old: &Self::Object,
    ) -> ErrorList {
        let _ = (subresource, new, old);
        ErrorList::new()
    }

    /// The object seen as a Scale.
    fn scale(&self, object: &Self::Object) -> Option<Scale> {
        let _ = object;
        None
    }

    /// Takes the replica count of a Scale.
    fn set_scale(&self, object: &mut Self::Object, replicas: i32) {
        let _ = (object, replicas);
    }

    /// `Action`: what the posted `body` (JSON of the subresource's kind) does to `object`.
    ///
    /// # Errors
    /// The Status that the client gets when it cannot be done.
    fn act(
        &self,
        subresource: &str,
        context: &Context<'_>,
        object: &mut Self::Object,
        body: &[u8],
    ) -> Result<Action, Status> {
        let _ = (context, object, body);
        Err(Status::failure(
            405,
            "MethodNotAllowed",
            format!("{subresource} cannot be posted to"),
        ))
    }

    /// `Connect`: where the stream goes. `rest` is the path after the subresource, `query` the raw query.
    /// Default: to where the object is proxied by its plain name.
    ///
    /// # Errors
    /// The Status that the client gets when the object cannot be connected to (no node yet, no such container).
    fn connect(
        &self,
        subresource: &str,
        object: &Self::Object,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        let _ = subresource;
        let metadata = k8s_openapi::Metadata::metadata(object);
        let name = ProxyName::plain(metadata.name.as_deref().unwrap_or_default());
        self.proxy(object, &name, rest, query)
    }

    /// `proxy`: where a proxied request goes. `name` carries the scheme and port of the path.
    ///
    /// # Errors
    /// The Status that the client gets when the object has no address to be reached at.
    fn proxy(
        &self,
        object: &Self::Object,
        name: &ProxyName,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        let _ = (object, name, rest, query);
        Err(Status::failure(
            405,
            "MethodNotAllowed",
            "this kind cannot be proxied to",
        ))
    }

    /// Seconds of grace a delete gives when the client names none; `None` deletes at once. The door
    /// stamps `deletionTimestamp` and `deletionGracePeriodSeconds`; `requested` is the client's wish.
    fn grace_seconds(&self, object: &Self::Object, requested: Option<i64>) -> Option<i64> {
        let _ = (object, requested);
        None
    }

    /// What beginning a deletion does besides stamping metadata (namespaces turn `Terminating`).
    fn begin_deletion(&self, object: &mut Self::Object) {
        let _ = object;
    }

    /// Whether something besides `metadata.finalizers` holds the object back (namespaces' `spec.finalizers`).
    fn holds_deletion(&self, object: &Self::Object) -> bool {
        let _ = object;
        false
    }

    /// What creating the object asks; none when it does not ask but makes something.
    ///
    /// # Errors
    /// When the question lacks what it is about.
    fn question(&self, object: &Self::Object) -> Option<Result<Question, Status>> {
        let _ = object;
        None
    }

    /// Whether dependents are orphaned when a delete names no propagation policy (upstream: old
    /// `ReplicationController`-era kinds); default background.
    fn orphans_by_default(&self) -> bool {
        false
    }

    /// Whether objects go by themselves a while after they were last written (events).
    fn expires(&self) -> bool {
        false
    }

    /// Whether PUT of an absent name creates (Lease, Event and a few others).
    fn create_on_update(&self) -> bool {
        false
    }

    /// Whether PUT without `resourceVersion` overwrites; most kinds allow it.
    fn unconditional_update(&self) -> bool {
        true
    }
}
