//! What can be asked of a resource: one file for each verb. This file has what they share: the call
//! itself, and the one transaction that writes.

pub(crate) mod apply;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod delete_collection;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod managed_fields;
pub(crate) mod patch;
pub(crate) mod scale;
pub(crate) mod subresource;
pub(crate) mod update;
pub(crate) mod watch;

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
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use kinds::{Context, Subresource};
use machinery::{fields, labels, status::Status};
use std::sync::Arc;
use store::{Outcome, Revision, Transaction};

/// Attempts of a change that others keep overtaking.
pub(crate) const ATTEMPTS: usize = 16;
pub(crate) const OVERTAKEN: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// One request for a resource, routed and authenticated.
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
        })
    }

    pub(crate) fn field_validation(&self) -> Result<FieldValidation, Status> {
        FieldValidation::parse(&self.query)
    }

    pub(crate) fn dry_run(&self) -> Result<bool, Status> {
        dry_run(self.query.all("dryRun"))
    }

    /// The `?fieldManager`, or the user agent up to its first slash.
    pub(crate) fn manager(&self) -> Result<String, Status> {
        const LIMIT_BYTES: usize = 128;
        if let Some(manager) = self.query.get("fieldManager") {
            if manager.len() > LIMIT_BYTES || manager.chars().any(char::is_control) {
                return Err(Status::bad_request(format!(
                    "fieldManager: Invalid value: {manager:?}: must be at most {LIMIT_BYTES} printable characters"
                )));
            }
            return Ok(manager.to_owned());
        }
        let agent = self
            .headers
            .get(http::header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let name = agent.split('/').next().unwrap_or_default();
        let name: String = name
            .chars()
            .filter(|c| !c.is_control())
            .take(LIMIT_BYTES)
            .collect();
        Ok(if name.is_empty() {
            "unknown".to_owned()
        } else {
            name
        })
    }

    /// Selectors and namespace of a collection.
    pub(crate) fn selection(&self) -> Result<Selection, Status> {
        let labels = labels::Selector::parse(self.query.get("labelSelector").unwrap_or_default())
            .map_err(|error| {
            Status::bad_request(format!("unable to parse requirement: {error}"))
        })?;
        let fields = fields::Selector::parse(self.query.get("fieldSelector").unwrap_or_default())
            .map_err(|error| Status::bad_request(error.to_string()))?;
        let mut known = vec!["metadata.name"];
        if self.resource.namespaced() {
            known.push("metadata.namespace");
        }
        known.extend(self.resource.stored.selectable_field_names());
        fields
            .check_known(&known)
            .map_err(|error| Status::bad_request(error.to_string()))?;
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

/// `dryRun=All` or nothing.
pub(crate) fn dry_run<'a>(values: impl Iterator<Item = &'a str>) -> Result<bool, Status> {
    let mut dry = false;
    for value in values.filter(|it| !it.is_empty()) {
        if value != "All" {
            return Err(Status::failure(
                422,
                "Invalid",
                format!("dryRun: Unsupported value: {value:?}: supported values: \"All\""),
            ));
        }
        dry = true;
    }
    Ok(dry)
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
                "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        })
    })
    .transpose()
}

/// The stored bytes of an object: encoded once, without a resourceVersion.
pub(crate) fn stored_bytes(object: &mut dyn api::AnyObject) -> Bytes {
    object.metadata_mut().resource_version = None;
    object.encode().into()
}
