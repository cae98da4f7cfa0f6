//! The one loop of update, patch, apply and the subresources: read, change, judge, compare and set,
//! again when overtaken.

use super::{
    ATTEMPTS, Call, Committed,
    managed_fields::{self, How},
    owner_references,
};
use crate::{
    Door,
    admission::{Claims, Operation},
    answer::{self, Answer},
    watch_cache::{self, Item},
};
use api::AnyObject;
use bytes::Bytes;
use machinery::{field, metadata, status::Status};
use store::{Condition, Transaction};

/// An object as it is now.
pub(crate) struct Current {
    pub(crate) item: std::sync::Arc<Item>,
    /// In the served form, with its resourceVersion.
    pub(crate) view: Box<dyn AnyObject>,
}

/// Makes the wished object, in its served form, from the present one. Called again when overtaken.
pub(crate) type Edit<'a> =
    dyn FnMut(&Current, &mut Vec<String>) -> Result<Box<dyn AnyObject>, Status> + Send + 'a;

/// What a change leaves: stored bytes with their resourceVersion.
pub(crate) struct Changed {
    pub(crate) bytes: Bytes,
    pub(crate) warnings: Vec<String>,
}

impl Changed {
    /// The answer that shows the object.
    pub(crate) fn answer(self, call: &Call, code: u16) -> Answer {
        let mut response = call
            .writer()?
            .object(code, call.resource.view_bytes(&self.bytes)?)?;
        answer::warn(&mut response, &self.warnings);
        Ok(response)
    }
}

/// The object named by the call, or 404.
pub(crate) fn current(door: &Door, call: &Call) -> Result<Current, Status> {
    current_named(door, call, &call.target.name)
}

/// The object `name` of the call's namespace.
pub(crate) fn current_named(door: &Door, call: &Call, name: &str) -> Result<Current, Status> {
    let item = door
        .cache
        .get(call.resource.slot, &call.target.namespace, name)
        .ok_or_else(|| Status::not_found(call.resource.named(), name))?;
    let view = call.resource.decode_stored(&item.bytes())?;
    Ok(Current { item, view })
}

/// Runs the loop. `None` when the object does not exist and the caller may create it.
pub(crate) async fn run(
    door: &Door,
    call: &Call,
    how: How,
    edit: &mut Edit<'_>,
) -> Result<Changed, Status> {
    let dry_run = call.dry_run();
    let (mut turn, mut bare) = (None, false);
    for _ in 0..ATTEMPTS {
        door.cache.catch_up().await;
        let current = current(door, call)?;
        let mut warnings = Vec::new();
        let mut wished = edit(&current, &mut warnings)?;
        place(call, &current, &mut *wished)?;
        if call.resource.is_view() && call.subresource.is_none() {
            let errors = call.resource.law.validate_update(&*wished, &*current.view);
            refuse(call, &call.target.name, &errors)?;
        }
        let mut old = match stored_form(call, &current)? {
            Some(stored) => stored,
            None => current.view,
        };
        if call.subresource.is_none() {
            managed_fields::settle(call, &mut old)?;
        }
        let old = &*old;
        let mut wished = call.resource.to_stored(wished)?;
        let present = current.item.bytes();
        let books = managed_fields::books(call, Some(&present), &mut wished, how)?;
        let books = books.filter(|_| !bare);
        let (mut object, claims) = judge(door, call, wished, old, dry_run, &mut warnings)?;
        warnings.extend(call.resource.stored.warnings(&*object, Some(old)));
        let bytes = managed_fields::bytes_with(&mut *object, books.as_ref());
        let revision = current.item.revision();
        let with_present = watch_cache::with_revision(&bytes, revision);
        if dry_run || with_present == present {
            return Ok(Changed {
                bytes: with_present,
                warnings,
            });
        }
        let key = call.resource.key(&call.target.namespace, &call.target.name);
        let released = is_released(call, &*object);
        let claims = if released {
            // What the object held is given back with it.
            door.judge(&mut call.review(door, Operation::Delete, None, Some(old), false))?
        } else {
            claims
        };
        let transaction = if released {
            Transaction::delete(&key)
        } else {
            Transaction::put(&key, bytes.clone())
        };
        let condition = Condition::AtRevision(key, revision);
        match door.commit(transaction.when(condition), claims).await {
            Ok(Committed::At(revision)) => {
                let bytes = watch_cache::with_revision(&bytes, revision);
                return Ok(Changed { bytes, warnings });
            }
            Ok(Committed::Overtaken { key }) => door.turns.next(&mut turn, &key).await,
            Err(status) if managed_fields::can_do_without(&status, how, bare) => bare = true,
            Err(status) => return Err(status),
        }
    }
    Err(overtaken(call))
}

/// 409 for a change of an object that others have changed.
pub(crate) fn overtaken(call: &Call) -> Status {
    let because = "the object has been modified; please apply your changes to the latest version and try again";
    Status::conflict(call.resource.named(), &call.target.name, because)
}

/// The present object in its stored form, where that is not the served one.
fn stored_form(call: &Call, current: &Current) -> Result<Option<Box<dyn AnyObject>>, Status> {
    if call.resource.hub.is_none() {
        return Ok(None);
    }
    let decoded = call.resource.stored.decode(&current.item.bytes());
    decoded.map(Some).map_err(|error| Status::internal(&error))
}

/// Whether the last thing that held a deletion back is gone.
pub(crate) fn is_released(call: &Call, object: &dyn AnyObject) -> bool {
    let metadata = object.metadata();
    metadata.deletion_timestamp.is_some()
        && metadata.finalizers.as_ref().is_none_or(Vec::is_empty)
        && metadata.deletion_grace_period_seconds.unwrap_or(0) == 0
        && !call.resource.stored.holds_deletion(object)
}

/// The namespace of the path and that of the object must agree; an absent one is filled in.
pub(crate) fn place_namespace(call: &Call, object: &mut dyn AnyObject) -> Result<(), Status> {
    let metadata = object.metadata_mut();
    if metadata.namespace.as_deref() == Some("") || !call.resource.namespaced() {
        metadata.namespace = None;
    }
    if !call.resource.namespaced() {
        return Ok(());
    }
    match &metadata.namespace {
        None => metadata.namespace = Some(call.target.namespace.clone()),
        Some(own) if *own == call.target.namespace => {}
        Some(_) => {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    Ok(())
}

/// Checks identity and version against the present object and puts back what the system owns.
fn place(call: &Call, current: &Current, object: &mut dyn AnyObject) -> Result<(), Status> {
    place_namespace(call, object)?;
    check_name(call, object.metadata().name.as_deref())?;
    let name = &call.target.name;
    let old = current.view.metadata();
    let new = object.metadata_mut();
    if matches!(new.uid.as_deref(), None | Some("")) {
        new.uid.clone_from(&old.uid);
    } else if call.verb == "update" && new.uid != old.uid {
        return Err(other_uid(call, &new.uid, &old.uid));
    }
    match new.resource_version.as_deref() {
        None | Some("" | "0") if !call.resource.stored.unconditional_update() => {
            let path = field::Path::new("metadata").child("resourceVersion");
            let error = field::Error::invalid(&path, 0, "must be specified for an update");
            return Err(Status::invalid(call.resource.named(), name, &[error]));
        }
        None | Some("" | "0") => new.resource_version = old.resource_version.clone(),
        own if own == old.resource_version.as_deref() => {}
        Some(other) if other.parse::<u64>().is_err() => {
            return Err(Status::bad_request(format!(
                "strconv.ParseUint: parsing {other:?}: invalid syntax"
            )));
        }
        Some(_) => return Err(overtaken(call)),
    }
    if new.creation_timestamp.is_none() {
        new.creation_timestamp.clone_from(&old.creation_timestamp);
    }
    if new.deletion_timestamp.is_none() {
        new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    }
    if new.deletion_grace_period_seconds.is_none() {
        new.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    }
    new.generation = old.generation;
    new.self_link = None;
    Ok(())
}

/// The object's name must be that of the path.
pub(crate) fn check_name(call: &Call, own: Option<&str>) -> Result<(), Status> {
    let name = &call.target.name;
    match own {
        None | Some("") => Err(Status::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        Some(own) if own != name => Err(Status::bad_request(format!(
            "the name of the object ({own}) does not match the name on the URL ({name})"
        ))),
        Some(_) => Ok(()),
    }
}

/// 409 for an update that means another object of the name, in the words of upstream's store.
pub(crate) fn other_uid(call: &Call, meant: &Option<String>, found: &Option<String>) -> Status {
    let key = call.resource.key(&call.target.namespace, &call.target.name);
    let text = |uid: &Option<String>| uid.clone().unwrap_or_default();
    let because = format!(
        "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {}, UID in object meta: {}",
        text(meant),
        text(found)
    );
    Status::conflict(call.resource.named(), &call.target.name, &because)
}

/// The refusal of an object with errors.
pub(crate) fn refuse(call: &Call, name: &str, errors: &field::ErrorList) -> Result<(), Status> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Status::invalid(call.resource.kind_named(), name, errors))
    }
}

/// Steps 7 to 9: admission mutates, the law prepares and validates, admission judges.
fn judge(
    door: &Door,
    call: &Call,
    object: Box<dyn AnyObject>,
    old: &dyn AnyObject,
    dry_run: bool,
    warnings: &mut Vec<String>,
) -> Result<(Box<dyn AnyObject>, Claims), Status> {
    let mut review = call.review(door, Operation::Update, Some(object), Some(old), dry_run);
    door.mutate(&mut review)?;
    let law = call.resource.stored;
    if let Some(object) = review.object.as_deref_mut() {
        warnings.extend(owner_references::dedup(object, true));
        let context = call.context();
        let part = match call.subresource {
            Some(sub) if sub.serves != kinds::SubresourceKind::Scale => Some(sub.name),
            _ => None,
        };
        // An action has done what the law allows already.
        let acted = call
            .subresource
            .is_some_and(|sub| sub.serves == kinds::SubresourceKind::Action);
        match part {
            _ if acted => {}
            None => law.prepare_for_update(&context, object, old),
            Some(name) => law.prepare_for_subresource(name, &context, object, old),
        }
        let path = field::Path::new("metadata");
        let mut errors = metadata::validate_update(object.metadata(), old.metadata(), &path);
        errors.extend(match part {
            _ if acted => Vec::new(),
            None => law.validate_update(object, old),
            Some(name) => law.validate_subresource(name, object, old),
        });
        refuse(call, &call.target.name, &errors)?;
    }
    let claims = door.judge(&mut review)?;
    let object = review
        .object
        .take()
        .ok_or_else(|| Status::internal(&"admission lost the object"))?;
    Ok((object, claims))
}
