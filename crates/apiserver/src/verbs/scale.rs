//! `scale`: any workload seen as an autoscaling/v1 Scale, or as the Scale of its own older version.

use super::{
    Call,
    change::{self, Changed, Current},
    managed_fields::{self, How},
    patch,
};
use crate::{
    Door,
    answer::{self, Answer},
    decode, forms,
    negotiate::Shape,
    resources::api_version,
};
use api::Object;
use bytes::Bytes;
use k8s_openapi::api::autoscaling::v1::Scale;
use kinds::Older;
use machinery::status::Status;
use serde_json::{Value, json};
use std::borrow::Cow;

const KIND: &str = "Scale";

/// The older form that the request speaks.
fn older(call: &Call) -> Option<&'static Older> {
    call.resource.older.and_then(Older::scale)
}

fn expected(call: &Call) -> decode::Expected<'static> {
    let current = ("autoscaling", "v1");
    let (group, version) = older(call).map_or(current, |it| (it.group, it.version));
    decode::Expected {
        group,
        version,
        kind: KIND,
    }
}

/// The JSON in the form of the request.
fn encoded(call: &Call, scale: &Scale) -> Result<Vec<u8>, Status> {
    let Some(older) = older(call) else {
        return Ok(scale.encode());
    };
    let mut tree = forms::tree(&scale.encode())?;
    older.downgrade(&mut tree);
    Ok(tree.to_string().into_bytes())
}

const APPLY: &str = "application/apply-patch+yaml";

/// `get`.
pub(crate) async fn get(door: &Door, call: &Call) -> Answer {
    door.cache.catch_up().await;
    let scale = project(call, &change::current(door, call)?)?;
    let json = match call.form.shape {
        Shape::Table => table(call, &scale).to_string().into(),
        _ => encoded(call, &scale)?,
    };
    forms::simple(call.form, 200, json)
}

fn table(call: &Call, scale: &Scale) -> Value {
    let cells: Vec<Value> = kinds::scale::row(scale, call.now)
        .into_iter()
        .map(Value::from)
        .collect();
    let metadata = json!({ "name": scale.metadata.name, "namespace": scale.metadata.namespace, "creationTimestamp": scale.metadata.creation_timestamp });
    let object = json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata });
    let metadata = json!({ "resourceVersion": scale.metadata.resource_version });
    let row = json!({ "cells": cells, "object": object });
    forms::table(Some(kinds::scale::columns()), vec![row], metadata)
}

/// `update` and `patch`.
pub(crate) async fn set(door: &Door, call: &Call, body: &Bytes) -> Answer {
    if call.verb == "patch" && decode::media_type(&call.headers) == APPLY {
        return apply(door, call, body).await;
    }
    let wished: Option<Scale> = (call.verb == "update")
        .then(|| read(call, body))
        .transpose()?;
    let changed = change::run(door, call, How::Update, &mut |current, _| {
        let present = project(call, current)?;
        let scale = match &wished {
            Some(scale) => scale.clone(),
            None => patched(call, &present, body)?,
        };
        let replicas = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
        if replicas < 0 {
            let path = machinery::field::Path::new("spec").child("replicas");
            let error = machinery::field::Error::invalid(
                &path,
                replicas,
                "must be greater than or equal to 0",
            );
            return Err(Status::invalid(
                machinery::status::Resource {
                    group: "autoscaling",
                    plural: "Scale",
                },
                &call.target.name,
                &[error],
            ));
        }
        let mut object = current.view.clone_box();
        call.resource.law.set_scale(&mut *object, replicas);
        if let Some(version) = scale.metadata.resource_version.filter(|it| !it.is_empty()) {
            object.metadata_mut().resource_version = Some(version);
        }
        Ok(object)
    })
    .await?;
    show(call, &changed)
}

/// Server-side apply: what a Scale says of replicas is applied to the object itself, so that its books
/// say who set them.
async fn apply(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let wanted = machinery::yaml::parse(body)
        .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?;
    let text = |name: &str| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let own = expected(call);
    if (version, kind) != (api_version(own.group, own.version).as_str(), KIND) {
        let slash = if version.contains('/') { "" } else { "/" };
        return Err(Status::bad_request(format!(
            "invalid object type: {slash}{version}, Kind={kind}"
        )));
    }
    decoded(call, wanted.to_string().as_bytes())?;
    let name = wanted.pointer("/metadata/name").and_then(Value::as_str);
    change::check_name(call, name.or(Some(&call.target.name)))?;
    let mut spec = serde_json::Map::new();
    if let Some(replicas) = wanted.pointer("/spec/replicas") {
        spec.insert("replicas".to_owned(), replicas.clone());
    }
    let mut metadata = serde_json::Map::new();
    if let Some(version) = wanted.pointer("/metadata/resourceVersion") {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
    let applied = serde_json::json!({
        "apiVersion": call.resource.api_version(), "kind": call.resource.kind(),
        "metadata": metadata, "spec": spec,
    });
    let force = call.query.truth("force");
    let changed = change::run(door, call, How::Settled, &mut |current, warnings| {
        let live = patch::document(call, current)?;
        let merged = managed_fields::with_request(call, false, force, |request| {
            machinery::apply::apply(Some(&live), &applied, request)
        });
        let merged = merged.ok_or_else(|| no_scale(call))??;
        let json = merged.to_string();
        let ignore = decode::FieldValidation::Ignore;
        decode::object(&call.resource, json.as_bytes(), ignore, warnings)
    })
    .await?;
    show(call, &changed)
}

fn show(call: &Call, changed: &Changed) -> Answer {
    let view = call.resource.decode_stored(&changed.bytes)?;
    let scale = call.resource.law.scale(&*view);
    let scale = scale.ok_or_else(|| no_scale(call))?;
    let mut response = forms::simple(call.form, 200, encoded(call, &scale)?)?;
    answer::warn(&mut response, &changed.warnings);
    Ok(response)
}

fn project(call: &Call, current: &Current) -> Result<Scale, Status> {
    call.resource
        .law
        .scale(&*current.view)
        .ok_or_else(|| no_scale(call))
}

fn no_scale(call: &Call) -> Status {
    Status::not_found(call.resource.named(), &call.target.name)
}

fn read(call: &Call, body: &Bytes) -> Result<Scale, Status> {
    let json = decode::to_json(&call.headers, body)?;
    decode::expect_kind(&json, &expected(call))?;
    decoded(call, &json)
}

fn decoded(call: &Call, json: &[u8]) -> Result<Scale, Status> {
    let current = match older(call) {
        Some(older) => {
            let mut tree = forms::tree(json)?;
            older.upgrade(&mut tree);
            Cow::Owned(tree.to_string().into_bytes())
        }
        None => Cow::Borrowed(json),
    };
    decode::scale(&current)
}

fn patched(call: &Call, present: &Scale, body: &Bytes) -> Result<Scale, Status> {
    let document: Value = forms::tree(&encoded(call, present)?)?;
    let changed = match decode::media_type(&call.headers) {
        "application/json-patch+json" => machinery::patch::json(&document, body)?,
        // A Scale has no lists: strategic and plain merging are the same.
        "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
            machinery::patch::merge(&document, body)?
        }
        other => return Err(decode::unsupported(other, patch::ACCEPTED)),
    };
    decoded(call, changed.to_string().as_bytes())
}
