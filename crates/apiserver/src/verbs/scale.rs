//! `scale`: any workload seen as an autoscaling/v1 Scale.

use super::{Call, change, change::Current, managed_fields::How};
use crate::{
    Door,
    answer::{self, Answer},
    decode, forms,
};
use api::Object;
use bytes::Bytes;
use k8s_openapi::api::autoscaling::v1::Scale;
use machinery::status::Status;
use serde_json::Value;

const EXPECTED: decode::Expected<'static> = decode::Expected {
    group: "autoscaling",
    version: "v1",
    kind: "Scale",
};

/// `get`.
pub(crate) async fn get(door: &Door, call: &Call) -> Answer {
    door.cache.catch_up().await;
    let scale = project(call, &change::current(door, call)?)?;
    forms::simple(call.form, 200, scale.encode())
}

/// `update` and `patch`.
pub(crate) async fn set(door: &Door, call: &Call, body: &Bytes) -> Answer {
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
    let view = call.resource.decode_stored(&changed.bytes)?;
    let scale = call
        .resource
        .law
        .scale(&*view)
        .ok_or_else(|| no_scale(call))?;
    let mut response = forms::simple(call.form, 200, scale.encode())?;
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
    decode::expect_kind(&json, &EXPECTED)?;
    decoded(&json)
}

fn decoded(json: &[u8]) -> Result<Scale, Status> {
    Scale::decode(json).map_err(|error| {
        Status::bad_request(format!(
            "Scale in version \"v1\" cannot be handled as a Scale: {}",
            error.source
        ))
    })
}

fn patched(call: &Call, present: &Scale, body: &Bytes) -> Result<Scale, Status> {
    let document: Value = forms::tree(&present.encode())?;
    let changed = match decode::media_type(&call.headers) {
        "application/json-patch+json" => machinery::patch::json(&document, body)?,
        // A Scale has no lists: strategic and plain merging are the same.
        "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
            machinery::patch::merge(&document, body)?
        }
        "application/apply-patch+yaml" => {
            let tree = machinery::yaml::parse(body)
                .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?;
            machinery::patch::merge(&document, tree.to_string().as_bytes())?
        }
        other => {
            return Err(decode::unsupported(
                other,
                "application/json-patch+json, application/merge-patch+json",
            ));
        }
    };
    decoded(changed.to_string().as_bytes())
}
