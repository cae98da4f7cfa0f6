//! `delete`: at once, after a grace period, or when the last finalizer is gone.

use super::{ATTEMPTS, Call, Committed, change, managed_fields::stored_bytes, options};
use crate::{
    Door,
    admission::{Claims, Operation},
    answer::Answer,
    decode, forms,
    query::Query,
    watch_cache,
};
use api::AnyObject;
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use machinery::{
    field::{Error, ErrorList, Path},
    status::{Resource, Status},
};
use serde::Deserialize;
use std::time::Duration;
use store::{Condition, Transaction};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
const IGNORE_READ_ERROR: &str = "ignoreStoreReadErrorWithClusterBreakingPotential";

/// The body of a delete, or the same things in the query.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Options {
    grace_period_seconds: Option<i64>,
    preconditions: Option<Preconditions>,
    orphan_dependents: Option<bool>,
    propagation_policy: Option<String>,
    dry_run: Vec<String>,
    ignore_store_read_error_with_cluster_breaking_potential: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Options {
    /// The body, or without one what the query says.
    pub(crate) fn read(call: &Call, body: &Bytes) -> Result<Self, Status> {
        let options: Self = if body.is_empty() {
            Self::of_query(&call.query)?
        } else {
            let json = decode::to_json(&call.headers, body)?;
            decode::delete_options(&json)?
        };
        options.checked()
    }

    /// From the body of an Eviction.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, Status> {
        decode::delete_options::<Self>(json)?.checked()
    }

    fn of_query(query: &Query) -> Result<Self, Status> {
        let seconds = query.integer("gracePeriodSeconds")?;
        let truth = |key: &str| query.get(key).map(|_| query.truth(key));
        Ok(Self {
            grace_period_seconds: seconds,
            preconditions: None,
            orphan_dependents: truth("orphanDependents"),
            propagation_policy: query.get("propagationPolicy").map(str::to_owned),
            dry_run: query.all("dryRun").map(str::to_owned).collect(),
            ignore_store_read_error_with_cluster_breaking_potential: truth(IGNORE_READ_ERROR),
        })
    }

    fn checked(mut self) -> Result<Self, Status> {
        let mut errors = ErrorList::new();
        let path = Path::new("propagationPolicy");
        if let (Some(policy), Some(_)) = (&self.propagation_policy, self.orphan_dependents) {
            errors.push(Error::invalid(
                &path,
                policy.as_str(),
                "orphanDependents and deletionPropagation cannot be both set",
            ));
        }
        if let Some(policy) = &self.propagation_policy
            && !matches!(policy.as_str(), "Orphan" | "Background" | "Foreground")
        {
            errors.push(Error::not_supported(
                &path,
                policy.as_str(),
                &["Foreground", "Background", "Orphan", "nil"],
            ));
        }
        let dry: Vec<&str> = self.dry_run.iter().map(String::as_str).collect();
        errors.extend(options::dry_run_error(&dry));
        if self.ignore_store_read_error_with_cluster_breaking_potential == Some(true) {
            errors.push(Error::invalid(
                &Path::new(IGNORE_READ_ERROR),
                true,
                "this server cannot delete what it cannot read; remove the damaged data from the store instead",
            ));
        }
        options::refuse("DeleteOptions", &errors)?;
        if self.grace_period_seconds.is_some_and(|it| it < 0) {
            self.grace_period_seconds = Some(1);
        }
        Ok(self)
    }

    /// Makes it a dry run when the request around it is one.
    pub(crate) fn dry_run_too(&mut self, dry_run: bool) {
        self.dry_run.extend(dry_run.then(|| "All".to_owned()));
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.dry_run.iter().any(|value| value == "All")
    }

    /// The finalizer that the policy puts on the object, if any.
    fn finalizer(&self, call: &Call) -> Option<&'static str> {
        match (self.propagation_policy.as_deref(), self.orphan_dependents) {
            (Some("Orphan"), _) | (None, Some(true)) => Some(ORPHAN),
            (Some("Foreground"), _) => Some(FOREGROUND),
            (None, None) if call.resource.stored.orphans_by_default() => Some(ORPHAN),
            _ => None,
        }
    }

    fn says_policy(&self) -> bool {
        self.propagation_policy.is_some() || self.orphan_dependents.is_some()
    }
}

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let options = Options::read(call, body)?;
    match delete(door, call, &options).await? {
        Deleted::Gone(last) if call.resource.stored.names().returns_deleted => {
            let view = call.resource.view_bytes(&Bytes::from(last.encode()))?;
            call.writer()?.object(200, view)
        }
        Deleted::Gone(last) => {
            let uid = last.metadata().uid.clone().unwrap_or_default();
            let status = Status::deleted(call.resource.named(), &call.target.name, &uid);
            forms::simple(call.form, 200, status.encode())
        }
        Deleted::Going(bytes) => {
            // Older clients ask for this to learn that dependents go first.
            let waits = options.orphan_dependents == Some(false);
            let view = call.resource.view_bytes(&bytes)?;
            call.writer()?.object(if waits { 202 } else { 200 }, view)
        }
    }
}

/// How a delete ended.
pub(crate) enum Deleted {
    /// Not there any more.
    Gone(Box<dyn AnyObject>),
    /// Marked; somebody else finishes it.
    Going(Bytes),
}

/// Deletes the object that the call names.
pub(crate) async fn delete(door: &Door, call: &Call, options: &Options) -> Result<Deleted, Status> {
    let dry = options.dry_run();
    let mut turn = None;
    for _ in 0..ATTEMPTS {
        door.cache.catch_up().await;
        let current = change::current(door, call)?;
        check_preconditions(call, options, current.view.metadata())?;
        let old = call
            .resource
            .stored
            .decode(&current.item.bytes())
            .map_err(|error| Status::internal(&error))?;
        let mut review = call.review(door, Operation::Delete, None, Some(&*old), dry);
        let claims = door.judge(&mut review)?;
        let mut object = old.clone_box();
        let plan = mark(call, options, &mut *object);
        let key = call.resource.key(&call.target.namespace, &call.target.name);
        let revision = current.item.revision();
        let condition = Condition::AtRevision(key.clone(), revision);
        // Claims of a deletion are released with the object, not when it is marked.
        let (transaction, claims, marked) = match plan {
            Plan::Nothing => return Ok(Deleted::Going(current.item.bytes())),
            Plan::Remove if dry => return Ok(Deleted::Gone(object)),
            Plan::Remove => (Transaction::delete(&key), claims, None),
            Plan::Mark => {
                let bytes = stored_bytes(&mut *object);
                if dry {
                    return Ok(Deleted::Going(watch_cache::with_revision(&bytes, revision)));
                }
                let put = Transaction::put(&key, bytes.clone());
                (put, Claims::default(), Some(bytes))
            }
        };
        match (
            door.commit(transaction.when(condition), claims).await?,
            marked,
        ) {
            (Committed::At(at), Some(bytes)) => {
                return Ok(Deleted::Going(watch_cache::with_revision(&bytes, at)));
            }
            (Committed::At(at), None) => {
                object.metadata_mut().resource_version = Some(at.to_string());
                return Ok(Deleted::Gone(object));
            }
            (Committed::Overtaken { key }, _) => door.turns.next(&mut turn, &key).await,
        }
    }
    Err(change::overtaken(call))
}

fn check_preconditions(
    call: &Call,
    options: &Options,
    metadata: &ObjectMeta,
) -> Result<(), Status> {
    let Some(wanted) = &options.preconditions else {
        return Ok(());
    };
    // Upstream names the kind here, not the resource.
    let kind = Resource {
        group: call.resource.group(),
        plural: call.resource.kind(),
    };
    let conflict = |because: String| Err(Status::conflict(kind, &call.target.name, &because));
    let own = metadata.uid.as_deref().unwrap_or_default();
    if let Some(uid) = wanted.uid.as_deref().filter(|uid| *uid != own) {
        return conflict(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({own}). The object might have been deleted and then recreated"
        ));
    }
    let own = metadata.resource_version.as_deref().unwrap_or_default();
    let version = wanted.resource_version.as_deref();
    if let Some(version) = version.filter(|version| *version != own) {
        return conflict(format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({own}). The object might have been modified"
        ));
    }
    Ok(())
}

/// What a delete does to the object.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    Mark,
    Remove,
}

/// Stamps the object and says what to do with it.
fn mark(call: &Call, options: &Options, object: &mut dyn AnyObject) -> Plan {
    let law = call.resource.stored;
    let before = object.metadata().clone();
    let grace = law
        .grace_seconds(object, options.grace_period_seconds)
        .unwrap_or(0)
        .max(0);
    let finalizers = finalizers(call, options, &before);
    let held = finalizers.as_ref().is_some_and(|it| !it.is_empty());
    if before.deletion_timestamp.is_some() {
        let pending = before.deletion_grace_period_seconds.unwrap_or(0);
        let shortened = options.grace_period_seconds.is_some() && grace < pending;
        if pending == 0 || !shortened || grace > 0 {
            return remark(
                call,
                object,
                finalizers,
                shortened.then_some(grace),
                pending,
            );
        }
    } else {
        if grace == 0 && !held && !law.holds_deletion(object) {
            return Plan::Remove;
        }
        law.begin_deletion(object);
        let metadata = object.metadata_mut();
        if metadata.generation.is_some() {
            metadata.generation = metadata.generation.map(|it| it + 1);
        }
    }
    let until = call.now + Duration::from_secs(u64::try_from(grace).unwrap_or(0));
    let metadata = object.metadata_mut();
    metadata.finalizers = finalizers;
    metadata.deletion_timestamp = Some(Time(stdx::clock::whole_seconds(until)));
    metadata.deletion_grace_period_seconds = Some(grace);
    if grace == 0 && change::is_released(call, object) {
        Plan::Remove
    } else {
        Plan::Mark
    }
}

/// A delete of what is already being deleted: shorter grace, another policy, or nothing.
fn remark(
    call: &Call,
    object: &mut dyn AnyObject,
    finalizers: Option<Vec<String>>,
    grace: Option<i64>,
    pending: i64,
) -> Plan {
    let unchanged = finalizers == object.metadata().finalizers;
    let metadata = object.metadata_mut();
    metadata.finalizers = finalizers;
    if let (Some(grace), Some(old)) = (grace, metadata.deletion_timestamp.as_ref()) {
        let earlier = old.0.as_second() - pending + grace;
        if let Ok(time) = jiff::Timestamp::from_second(earlier.max(call.now.as_second())) {
            metadata.deletion_timestamp = Some(Time(time));
        }
        metadata.deletion_grace_period_seconds = Some(grace);
        return Plan::Mark;
    }
    if change::is_released(call, object) {
        return Plan::Remove;
    }
    if unchanged { Plan::Nothing } else { Plan::Mark }
}

fn finalizers(call: &Call, options: &Options, metadata: &ObjectMeta) -> Option<Vec<String>> {
    let mut all = metadata.finalizers.clone().unwrap_or_default();
    let wanted = options.finalizer(call);
    if options.says_policy() || wanted.is_some() {
        all.retain(|it| it != ORPHAN && it != FOREGROUND);
        all.extend(wanted.map(str::to_owned));
    }
    (!all.is_empty()).then_some(all)
}
