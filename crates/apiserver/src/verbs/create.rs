//! `create`: POST to a collection.

use super::{
    ATTEMPTS, Call, Committed,
    change::Changed,
    managed_fields::{self, How},
    owner_references,
};
use crate::{
    Door,
    admission::{Claims, Operation},
    answer::Answer,
    decode, watch_cache,
};
use api::AnyObject;
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use machinery::{field, metadata, status::Status};
use store::{Condition, Transaction};

/// Names that are generated for one object before giving up; upstream's limit.
const NAMES: usize = 8;

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let mut warnings = Vec::new();
    let validation = call.field_validation();
    let mut view = decode::body(call, &json, body, validation, &mut warnings)?;
    warnings.extend(owner_references::dedup(&mut *view, false));
    let created = create(door, call, view, How::Update, warnings).await?;
    created.answer(call, 201)
}

/// Creates an object given in its served form. In a dry run what it leaves has no resourceVersion.
pub(crate) async fn create(
    door: &Door,
    call: &Call,
    mut view: Box<dyn AnyObject>,
    how: How,
    mut warnings: Vec<String>,
) -> Result<Changed, Status> {
    place(call, &mut *view)?;
    if call.resource.is_view() {
        // A view has rules of its own, besides those of the form it is stored in.
        let name = view.metadata().name.clone().unwrap_or_default();
        super::change::refuse(call, &name, &call.resource.law.validate(&*view))?;
    }
    let generated = view.metadata().name.is_none();
    let dry_run = call.dry_run();
    let found = warnings.len();
    let (mut names, mut last, mut turn, mut bare) = (0, None, None, false);
    for _ in 0..ATTEMPTS {
        door.cache.catch_up().await;
        let mut object = call.resource.to_stored(view.clone_box())?;
        let books = managed_fields::books(call, None, &mut object, how)?.filter(|_| !bare);
        fill(door, call, &mut *object);
        let (mut object, claims) = judge(door, call, object, dry_run, &mut warnings)?;
        warnings.extend(call.resource.stored.warnings(&*object, None));
        let bytes = managed_fields::bytes_with(&mut *object, books.as_ref());
        let name = object.metadata().name.clone().unwrap_or_default();
        let namespace = object.metadata().namespace.clone().unwrap_or_default();
        let key = call.resource.key(&namespace, &name);
        let lost = if dry_run {
            match door.cache.get(call.resource.slot, &namespace, &name) {
                None => return Ok(Changed { bytes, warnings }),
                Some(_) => key.clone(),
            }
        } else {
            let transaction =
                Transaction::put(&key, bytes.clone()).when(Condition::Absent(key.clone()));
            match door.commit(transaction, claims).await {
                Ok(Committed::At(revision)) => {
                    let bytes = watch_cache::with_revision(&bytes, revision);
                    return Ok(Changed { bytes, warnings });
                }
                Ok(Committed::Overtaken { key: lost }) => lost,
                Err(status) if managed_fields::can_do_without(&status, how, bare) => {
                    bare = true;
                    warnings.truncate(found);
                    continue;
                }
                Err(status) => return Err(status),
            }
        };
        let taken = lost == key;
        if taken && !generated {
            return Err(Status::already_exists(call.resource.named(), &name));
        }
        names += usize::from(taken);
        if names == NAMES {
            return Err(Status::no_unique_name(call.resource.named(), &name));
        }
        door.turns.next(&mut turn, &lost).await;
        last = Some(lost);
        warnings.truncate(found);
    }
    let lost = last.unwrap_or_default();
    let because = format!("{lost} was taken by another request; please try again");
    Err(Status::conflict(
        call.resource.named(),
        &call.target.name,
        &because,
    ))
}

/// Reconciles the object's namespace and name with the path's.
fn place(call: &Call, object: &mut dyn AnyObject) -> Result<(), Status> {
    super::change::place_namespace(call, object)?;
    let metadata = object.metadata_mut();
    if !matches!(metadata.resource_version.as_deref(), None | Some("" | "0")) {
        return Err(Status::failure(
            500,
            "",
            "resourceVersion should not be set on objects to be created",
        ));
    }
    for empty in [&mut metadata.name, &mut metadata.generate_name] {
        if empty.as_deref() == Some("") {
            *empty = None;
        }
    }
    if metadata.name.is_none() && metadata.generate_name.is_none() {
        let path = field::Path::new("metadata").child("name");
        let error = field::Error::required(&path, "name or generateName is required");
        return Err(Status::invalid(call.resource.kind_named(), "", &[error]));
    }
    Ok(())
}

/// What the system says about a new object, whatever the client said.
fn fill(door: &Door, call: &Call, object: &mut dyn AnyObject) {
    let metadata = object.metadata_mut();
    if metadata.name.is_none()
        && let Some(base) = &metadata.generate_name
    {
        metadata.name = Some(metadata::generate_name(base, &door.config.random));
    }
    metadata.uid = Some(door.config.random.uuid());
    metadata.creation_timestamp = Some(Time(stdx::clock::whole_seconds(call.now)));
    metadata.deletion_timestamp = None;
    metadata.deletion_grace_period_seconds = None;
    metadata.self_link = None;
    metadata.resource_version = None;
    metadata.generation = None;
}

/// Steps 7 to 9: admission mutates, the law prepares and validates, admission judges.
fn judge(
    door: &Door,
    call: &Call,
    object: Box<dyn AnyObject>,
    dry_run: bool,
    warnings: &mut Vec<String>,
) -> Result<(Box<dyn AnyObject>, Claims), Status> {
    let mut review = call.review(door, Operation::Create, Some(object), None, dry_run);
    door.mutate(&mut review)?;
    let law = call.resource.stored;
    if let Some(object) = review.object.as_deref_mut() {
        warnings.extend(owner_references::dedup(object, true));
        law.prepare_for_create(&call.context(), object);
        let mut errors = metadata::validate(
            object.metadata(),
            call.resource.namespaced(),
            &|name: &str| law.name_errors(name),
            &field::Path::new("metadata"),
        );
        errors.extend(match call.resource.older {
            Some(_) => law.validate_older(object),
            None => law.validate(object),
        });
        if !errors.is_empty() {
            let name = object.metadata().name.clone().unwrap_or_default();
            return Err(Status::invalid(call.resource.kind_named(), &name, &errors));
        }
    }
    let claims = door.judge(&mut review)?;
    let object = review
        .object
        .take()
        .ok_or_else(|| Status::internal(&"admission lost the object"))?;
    Ok((object, claims))
}
