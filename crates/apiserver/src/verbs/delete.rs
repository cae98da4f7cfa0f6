//! `delete`: at once, after a grace period, or when the last finalizer is gone.

use super::{ATTEMPTS, Call, Committed, OVERTAKEN, change, dry_run, stored_bytes};
use crate::{Door, admission::Operation, answer::Answer, decode, forms, watch_cache};
use api::AnyObject;
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use machinery::status::Status;
use serde::Deserialize;
use std::time::Duration;
use store::{Condition, Transaction};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// The body of a delete, or the same things in the query.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Options {
    grace_period_seconds: Option<i64>,
    preconditions: Option<Preconditions>,
    orphan_dependents: Option<bool>,
    propagation_policy: Option<String>,
    dry_run: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Options {
    pub(crate) fn read(call: &Call, body: &Bytes) -> Result<Self, Status> {
        let mut options = if body.is_empty() {
            Self::default()
        } else {
            let json = decode::to_json(&call.headers, body)?;
            serde_json::from_slice(&json).map_err(|error| {
                Status::bad_request(format!("the DeleteOptions cannot be read: {error}"))
            })?
        };
        if let Some(text) = call.query.get("gracePeriodSeconds") {
            let seconds = text.parse().map_err(|_| {
                Status::bad_request(format!(
                    "gracePeriodSeconds: Invalid value: {text:?}: must be a number"
                ))
            })?;
            options.grace_period_seconds = Some(seconds);
        }
        if let Some(policy) = call.query.get("propagationPolicy") {
            options.propagation_policy = Some(policy.to_owned());
        }
        if call.query.get("orphanDependents").is_some() {
            options.orphan_dependents = Some(call.query.truth("orphanDependents"));
        }
        options
            .dry_run
            .extend(call.query.all("dryRun").map(str::to_owned));
        options.check()?;
        Ok(options)
    }

    /// From the body of an Eviction.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, Status> {
        let options: Self = serde_json::from_slice(json).map_err(|error| {
            Status::bad_request(format!("the DeleteOptions cannot be read: {error}"))
        })?;
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), Status> {
        let invalid = |message: String| {
            Err(Status::failure(
                422,
                "Invalid",
                format!("DeleteOptions.meta.k8s.io \"\" is invalid: {message}"),
            ))
        };
        match self.propagation_policy.as_deref() {
            None | Some("Orphan" | "Background" | "Foreground") => {}
            Some(other) => {
                return invalid(format!(
                    "propagationPolicy: Unsupported value: {other:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                ));
            }
        }
        if self.propagation_policy.is_some() && self.orphan_dependents.is_some() {
            return invalid("propagationPolicy: Invalid value: orphanDependents and deletionPropagation cannot be both set".to_owned());
        }
        Ok(())
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
        Deleted::Gone(last) => {
            let uid = last.metadata().uid.clone().unwrap_or_default();
            let status = Status::deleted(call.resource.named(), &call.target.name, &uid);
            forms::simple(call.form, 200, status.encode())
        }
        Deleted::Going(bytes) => call
            .writer()?
            .object(200, call.resource.view_bytes(&bytes)?),
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
    let dry = dry_run(options.dry_run.iter().map(String::as_str))?;
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
        let revision = current.item.revision;
        let condition = Condition::AtRevision(key.clone(), revision);
        let transaction = match plan {
            Plan::Nothing => return Ok(Deleted::Going(current.item.bytes())),
            Plan::Remove if dry => return Ok(Deleted::Gone(object)),
            Plan::Remove => {
                match door
                    .commit(Transaction::delete(&key).when(condition), claims)
                    .await?
                {
                    Committed::At(_) => return Ok(Deleted::Gone(object)),
                    Committed::Overtaken { key } => {
                        drop(turn.take());
                        turn = Some(door.turns.wait(&key).await);
                        continue;
                    }
                }
            }
            Plan::Mark => {
                let bytes = stored_bytes(&mut *object);
                if dry {
                    return Ok(Deleted::Going(watch_cache::with_revision(&bytes, revision)));
                }
                (Transaction::put(&key, bytes.clone()).when(condition), bytes)
            }
        };
        let (transaction, bytes) = transaction;
        // Claims of a deletion are released with the object, not when it is marked.
        match door
            .commit(transaction, crate::admission::Claims::default())
            .await?
        {
            Committed::At(at) => return Ok(Deleted::Going(watch_cache::with_revision(&bytes, at))),
            Committed::Overtaken { key } => {
                drop(turn.take());
                turn = Some(door.turns.wait(&key).await);
            }
        }
    }
    Err(Status::conflict(
        call.resource.named(),
        &call.target.name,
        OVERTAKEN,
    ))
}

fn check_preconditions(
    call: &Call,
    options: &Options,
    metadata: &ObjectMeta,
) -> Result<(), Status> {
    let Some(wanted) = &options.preconditions else {
        return Ok(());
    };
    let conflict = |because: String| {
        Err(Status::conflict(
            call.resource.named(),
            &call.target.name,
            &because,
        ))
    };
    let own = metadata.uid.as_deref().unwrap_or_default();
    if let Some(uid) = wanted.uid.as_deref().filter(|uid| *uid != own) {
        return conflict(format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {own}"
        ));
    }
    let own = metadata.resource_version.as_deref().unwrap_or_default();
    if let Some(version) = wanted
        .resource_version
        .as_deref()
        .filter(|version| *version != own)
    {
        return conflict(format!(
            "Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {own}"
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
