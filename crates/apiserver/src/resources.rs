//! What the door serves: one entry for each kind and version, made from the law's closed list.

use bytes::Bytes;
use kinds::{Hub, Law, Names, Older, Scope, Subresource, SubresourceKind};
use machinery::status::{self, Status};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use api::{
    AnyObject, DecodeError,
    schema::{self, Schemas, TypeRef},
};

/// Index of a stored resource in the watch cache.
pub(crate) type Slot = usize;

/// A type, and the arena that it is in.
type Typed = (&'static Schemas, TypeRef);

/// What the path of a request names: group, version, plural.
type Path = (&'static str, &'static str, &'static str);

/// A kind in one version, as it is served.
pub(crate) struct Resource {
    /// The law of the served form; for an older version, that of the current one.
    pub(crate) law: &'static dyn Law,
    /// The version that it is served in, when Kubernetes no longer serves that.
    pub(crate) older: Option<&'static Older>,
    pub(crate) names: Names,
    /// Where its objects live in the watch cache (that of the hub, for a view).
    pub(crate) slot: Slot,
    /// The law of the stored form.
    pub(crate) stored: &'static dyn Law,
    pub(crate) hub: Option<&'static Hub>,
    /// Key prefix in the store, ending in `/`.
    pub(crate) prefix: Arc<str>,
    /// The types of the served and of the stored form: every write asks for them several times.
    types: OnceLock<[Option<Typed>; 2]>,
}

impl Resource {
    pub(crate) fn group(&self) -> &'static str {
        self.older.map_or_else(|| self.law.group(), |it| it.group)
    }

    pub(crate) fn version(&self) -> &'static str {
        self.older
            .map_or_else(|| self.law.version(), |it| it.version)
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.law.kind()
    }

    pub(crate) fn api_version(&self) -> String {
        api_version(self.group(), self.version())
    }

    pub(crate) fn namespaced(&self) -> bool {
        self.names.scope == Scope::Namespaced
    }

    fn path(&self) -> Path {
        (self.group(), self.version(), self.names.plural)
    }

    /// For messages: `deployments.apps`.
    pub(crate) fn named(&self) -> status::Resource<'static> {
        status::Resource {
            group: self.group(),
            plural: self.names.plural,
        }
    }

    /// For messages of `Invalid`, which name the kind.
    pub(crate) fn kind_named(&self) -> status::Resource<'static> {
        status::Resource {
            group: self.group(),
            plural: self.kind(),
        }
    }

    /// The key of an object in the store.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> String {
        format!("{}{}", self.prefix, local_key(namespace, name))
    }

    /// Group and version of the kind that a subresource exchanges.
    pub(crate) fn exchanged(&self, sub: &Subresource) -> (&'static str, &'static str) {
        let scales = sub.serves == SubresourceKind::Scale;
        let older = self.older.filter(|_| scales).and_then(Older::scale);
        match (older, sub.version) {
            (Some(older), _) => (older.group, older.version),
            (None, "") => (self.group(), self.version()),
            (None, version) => (sub.group, version),
        }
    }

    pub(crate) fn subresource(&self, name: &str) -> Option<&'static Subresource> {
        self.law.subresources().iter().find(|it| it.name == name)
    }

    /// Whether it shows objects that are stored in another form.
    pub(crate) fn is_view(&self) -> bool {
        self.hub.is_some()
    }

    /// Whether its objects are only posted, never stored.
    pub(crate) fn is_action(&self) -> bool {
        self.names.verbs == ["create"]
    }

    /// The type of the served form.
    pub(crate) fn schema(&self) -> Option<Typed> {
        self.types()[0]
    }

    /// The type of the stored form.
    pub(crate) fn stored_schema(&self) -> Option<Typed> {
        self.types()[1]
    }

    fn types(&self) -> &[Option<Typed>; 2] {
        self.types.get_or_init(|| {
            let served = match self.older {
                Some(older) => older.schema(),
                None => builtin(self.law),
            };
            [served, builtin(self.stored)]
        })
    }

    /// Whether protobuf of the served form is published; of types made for older versions it is not.
    pub(crate) fn has_protobuf(&self) -> bool {
        let published = |schemas| std::ptr::eq(schemas, schema::builtin());
        self.schema().is_some_and(|(schemas, _)| published(schemas))
    }

    /// Whether what is stored can be handed out as it is.
    pub(crate) fn is_served_as_stored(&self) -> bool {
        self.hub.is_none() && self.older.is_none()
    }

    /// Decodes bytes of the served form; for an older version also what a client should write instead.
    pub(crate) fn decode(
        &self,
        json: &[u8],
    ) -> Result<(Box<dyn AnyObject>, Option<String>), DecodeError> {
        let Some(older) = self.older else {
            return Ok((self.law.decode(json)?, None));
        };
        let mut tree = serde_json::from_slice(json).map_err(|source| DecodeError {
            kind: older.kind,
            source,
        })?;
        let instead = older.upgrade(&mut tree);
        Ok((self.law.decode(tree.to_string().as_bytes())?, instead))
    }

    /// Decodes stored bytes into the form this resource is served in.
    pub(crate) fn decode_stored(&self, json: &[u8]) -> Result<Box<dyn AnyObject>, Status> {
        let stored = self
            .stored
            .decode(json)
            .map_err(|error| Status::internal(&error))?;
        self.to_view(stored)
    }

    /// From the stored form to the served one.
    pub(crate) fn to_view(&self, stored: Box<dyn AnyObject>) -> Result<Box<dyn AnyObject>, Status> {
        match self.hub {
            None => Ok(stored),
            Some(hub) => (hub.from_hub)(&*stored).ok_or_else(|| Status::internal(&FOREIGN)),
        }
    }

    /// From the served form to the stored one.
    pub(crate) fn to_stored(&self, view: Box<dyn AnyObject>) -> Result<Box<dyn AnyObject>, Status> {
        match self.hub {
            None => Ok(view),
            Some(hub) => (hub.to_hub)(&*view).ok_or_else(|| Status::internal(&FOREIGN)),
        }
    }

    /// Bytes of the served form, from bytes of the stored one.
    pub(crate) fn view_bytes(&self, stored: &Bytes) -> Result<Bytes, Status> {
        let current = match self.hub {
            None => stored.clone(),
            Some(_) => self.decode_stored(stored)?.encode().into(),
        };
        let Some(older) = self.older else {
            return Ok(current);
        };
        let mut tree =
            serde_json::from_slice(&current).map_err(|error| Status::internal(&error))?;
        older.downgrade(&mut tree);
        let written = older
            .schema()
            .map(|(schemas, of)| api::written(schemas, of, &tree));
        Ok(written.unwrap_or_else(|| tree.to_string().into()).into())
    }
}

fn builtin(law: &dyn Law) -> Option<Typed> {
    let schemas = schema::builtin();
    let of = schemas.kind(law.group(), law.version(), law.kind())?;
    Some((schemas, of))
}

const FOREIGN: &str = "an object of another kind reached a conversion";

/// `v1`, `apps/v1`.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// The part of a key below its resource.
pub(crate) fn local_key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}

/// Every resource, and how paths find them.
pub(crate) struct Resources {
    all: Vec<Arc<Resource>>,
    slots: Vec<Arc<Resource>>,
    /// Every version, and where a path finds its own.
    served: Vec<Arc<Resource>>,
    by_path: HashMap<Path, usize>,
    /// By group and plural.
    by_name: HashMap<(&'static str, &'static str), Slot>,
    prefixes: HashMap<Arc<str>, Slot>,
}

impl Resources {
    /// `advertise_removed`: discovery and OpenAPI tell of older versions too; they are served in any case.
    pub(crate) fn new(laws: &[&'static dyn Law], advertise_removed: bool) -> Self {
        let mut all: Vec<Arc<Resource>> = Vec::new();
        let mut slots = Vec::new();
        let mut prefixes = HashMap::new();
        for &law in laws.iter().filter(|law| law.hub().is_none()) {
            let group = if law.group().is_empty() {
                "core"
            } else {
                law.group()
            };
            let prefix: Arc<str> = format!("/registry/{group}/{}/", law.names().plural).into();
            let resource = Arc::new(Resource {
                law,
                older: None,
                names: law.names(),
                slot: slots.len(),
                stored: law,
                hub: None,
                prefix: Arc::clone(&prefix),
                types: OnceLock::new(),
            });
            prefixes.insert(prefix, slots.len());
            slots.push(Arc::clone(&resource));
            all.push(resource);
        }
        for &law in laws {
            let Some(hub) = law.hub() else { continue };
            let target = slots.iter().find(|it: &&Arc<Resource>| {
                (it.group(), it.version(), it.kind()) == (hub.group, hub.version, law.kind())
            });
            let Some(target) = target else { continue };
            all.push(Arc::new(Resource {
                law,
                older: None,
                names: law.names(),
                slot: target.slot,
                stored: target.law,
                hub: Some(hub),
                prefix: Arc::clone(&target.prefix),
                types: OnceLock::new(),
            }));
        }
        let removed = removed(&all);
        let served: Vec<_> = all.iter().chain(&removed).cloned().collect();
        let paths = served.iter().enumerate();
        let by_path = paths.map(|(at, it)| (it.path(), at)).collect();
        // The first of several versions.
        let names = slots.iter().rev();
        let by_name = names
            .map(|it| ((it.group(), it.names.plural), it.slot))
            .collect();
        if advertise_removed {
            all.extend(removed);
        }
        Self {
            all,
            slots,
            served,
            by_path,
            by_name,
            prefixes,
        }
    }

    /// What discovery tells of.
    pub(crate) fn all(&self) -> &[Arc<Resource>] {
        &self.all
    }

    /// The resources that have objects of their own in the store, by slot.
    pub(crate) fn slots(&self) -> &[Arc<Resource>] {
        &self.slots
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        let by_path: &HashMap<(&str, &str, &str), usize> = &self.by_path;
        self.served.get(*by_path.get(&(group, version, plural))?)
    }

    /// Any version of a resource: admission and messages ask for it by group and plural.
    pub(crate) fn find_any(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        let by_name: &HashMap<(&str, &str), Slot> = &self.by_name;
        self.slots.get(*by_name.get(&(group, plural))?)
    }

    pub(crate) fn serves(&self, group: &str, version: &str) -> bool {
        self.all
            .iter()
            .any(|it| it.group() == group && it.version() == version)
    }

    /// The slot a store key belongs to, and the rest of the key.
    pub(crate) fn slot_of<'k>(&self, key: &'k str) -> Option<(Slot, &'k str)> {
        let below = key.strip_prefix("/registry/")?;
        let group_end = below.find('/')?;
        let plural_end = below[group_end + 1..].find('/')? + group_end + 2;
        let at = "/registry/".len() + plural_end;
        Some((*self.prefixes.get(&key[..at])?, &key[at..]))
    }
}

/// The older versions of the resources.
fn removed(current: &[Arc<Resource>]) -> Vec<Arc<Resource>> {
    let of = |older: &'static Older| {
        let own = current.iter().find(|it| {
            (it.group(), it.version()) == older.current && it.law.kind() == older.kind
        })?;
        Some(Arc::new(Resource {
            older: Some(older),
            law: own.law,
            names: own.names,
            slot: own.slot,
            stored: own.stored,
            hub: own.hub,
            prefix: Arc::clone(&own.prefix),
            types: OnceLock::new(),
        }))
    };
    kinds::older().filter_map(of).collect()
}
