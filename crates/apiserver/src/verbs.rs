//! What can be asked of a resource: one file for each verb. This file has what they share: the call
//! itself, and the one transaction that writes.

pub(crate) mod apply;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod delete_collection;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod list_options;
pub(crate) mod managed_fields;
pub(crate) mod options;
pub(crate) mod owner_references;
pub(crate) mod patch;
pub(crate) mod scale;
pub(crate) mod seen;
pub(crate) mod subresource;
pub(crate) mod update;
pub(crate) mod watch;

pub(crate) use managed_fields::stored_bytes;

use crate::{
    Door, User,
    admission::{Claims, Operation, Review},
    decode::FieldValidation,
    forms::{Include, Writer},
    negotiate::Form,
    query::Query,
    resources::Resource,
    route::Target,
    watch_cache::Selection,
};
use http::HeaderMap;
use jiff::Timestamp;
use kinds::{Context, Subresource};
use machinery::{fields, labels, status::Status};
use std::sync::Arc;
use store::{Outcome, Revision, Transaction};

/// Attempts of a change that others keep overtaking.
pub(crate) const ATTEMPTS: usize = 16;

/// One request for a resource, routed and authenticated.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) resource: Arc<Resource>,
    pub(crate) subresource: Option<&'static Subresource>,
    pub(crate) target: Target,
    pub(crate) verb: &'static str,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) user: User,
    pub(crate) form: Form,
    pub(crate) now: Timestamp,
}

impl Call {
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            now: self.now,
            user: &self.user.name,
            user_uid: &self.user.uid,
            groups: &self.user.groups,
        }
    }

    pub(crate) fn writer(&self) -> Result<Writer, Status> {
        Ok(Writer {
            resource: Arc::clone(&self.resource),
            form: self.form,
            include: Include::parse(self.query.get("includeObject"))?,
            now: self.now,
            gzip: crate::discovery::accepts_gzip(&self.headers),
        })
    }

    /// How strictly fields are checked; [`options::check`] has refused what is none of the three.
    pub(crate) fn field_validation(&self) -> FieldValidation {
        FieldValidation::parse(self.query.get("fieldValidation")).unwrap_or(FieldValidation::Warn)
    }

    /// Whether nothing is to be stored.
    pub(crate) fn dry_run(&self) -> bool {
        self.query.all("dryRun").any(|value| value == "All")
    }

    /// The `?fieldManager`, or the user agent up to its first slash.
    pub(crate) fn manager(&self) -> String {
        if let Some(manager) = self.query.get("fieldManager") {
            return manager.to_owned();
        }
        let agent = self.headers.get(http::header::USER_AGENT);
        let agent = agent.and_then(|value| value.to_str().ok());
        machinery::apply::manager_of_user_agent(agent.unwrap_or_default())
    }

    /// Selectors and namespace of a collection.
    pub(crate) fn selection(&self) -> Result<Selection, Status> {
        let bad = |error: &dyn std::fmt::Display| Status::bad_request(error.to_string());
        let labels = labels::Selector::parse(self.query.get("labelSelector").unwrap_or_default())
            .map_err(|error| bad(&error))?;
        let fields = fields::Selector::parse(self.query.get("fieldSelector").unwrap_or_default())
            .map_err(|error| bad(&error))?;
        let viewed = self.resource.hub.map_or(&[][..], |hub| hub.fields);
        let own: Vec<_> = match viewed {
            [] => self.resource.stored.selectable_field_names().to_vec(),
            viewed => viewed.iter().map(|(name, _)| *name).collect(),
        };
        let mut known = vec!["metadata.name", "metadata.namespace"];
        known.extend(&own);
        fields.check_known(&known).map_err(|error| match error {
            fields::Error::Unknown(field) if own.is_empty() => Status::bad_request(format!(
                "{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )),
            error => bad(&error),
        })?;
        let spelled = |field: &str| viewed.iter().find(|(name, _)| *name == field);
        let fields = fields.renamed(&|field| spelled(field).map(|(_, stored)| *stored));
        Ok(Selection {
            namespace: self.target.namespace.clone(),
            labels,
            fields,
        })
    }

    /// What admission is asked about.
    pub(crate) fn review<'a>(
        &'a self,
        door: &'a Door,
        operation: Operation,
        object: Option<Box<dyn api::AnyObject>>,
        old: Option<&'a dyn api::AnyObject>,
        dry_run: bool,
    ) -> Review<'a> {
        Review {
            operation,
            group: self.resource.stored.group(),
            kind: self.resource.stored.kind(),
            plural: self.resource.names.plural,
            namespaced: self.resource.namespaced(),
            namespace: &self.target.namespace,
            name: &self.target.name,
            subresource: &self.target.subresource,
            user: &self.user,
            now: self.now,
            dry_run,
            object,
            old,
            door,
        }
    }
}

/// How a write ended.
pub(crate) enum Committed {
    At(Revision),
    /// Somebody else wrote the object, or took what was claimed.
    Overtaken {
        key: String,
    },
}

impl Door {
    /// Writes an object and what admission claimed with it, as one transaction.
    pub(crate) async fn commit(
        &self,
        transaction: Transaction,
        claims: Claims,
    ) -> Result<Committed, Status> {
        let transaction = claims.join(transaction);
        let _absorbing = self.cache.absorbing();
        match self.config.store.transact(transaction).await {
            Ok(Outcome::Committed(revision)) => Ok(Committed::At(revision)),
            Ok(Outcome::Conflict { key }) => Ok(Committed::Overtaken { key }),
            Err(error) => Err(store_failure(&error)),
        }
    }
}

/// A store's failure as clients see it.
pub(crate) fn store_failure(error: &store::Error) -> Status {
    match error {
        store::Error::TooLarge { .. } => {
            Status::failure(413, "RequestEntityTooLarge", error.to_string())
        }
        store::Error::Full { .. } => Status::failure(507, "InsufficientStorage", error.to_string()),
        store::Error::Closed => Status::unavailable(error.to_string()),
        store::Error::Compacted { requested, oldest } => too_old(*requested, *oldest),
        error => Status::internal(error),
    }
}

/// 410 for a revision that is no longer kept.
pub(crate) fn too_old(requested: Revision, oldest: Revision) -> Status {
    Status::expired(format!("too old resource version: {requested} ({oldest})"))
}

/// A revision given by a client: `None` for "the present", 0 for "anything you have".
pub(crate) fn revision(text: Option<&str>) -> Result<Option<Revision>, Status> {
    text.map(|text| {
        text.parse().map_err(|_| {
            Status::bad_request(format!(
                "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        })
    })
    .transpose()
}
