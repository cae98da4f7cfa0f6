//! Subresources, by the closed list of ways they are served.

use super::{Call, change, delete, get, managed_fields::How, patch, scale, update};
use crate::{
    Door,
    answer::{self, Answer},
    connect, decode, tokens,
};
use bytes::Bytes;
use kinds::{Subresource, SubresourceKind};
use machinery::status::Status;

/// Answers a request whose body was read.
pub(crate) async fn run(door: &Door, call: &Call, sub: &Subresource, body: &Bytes) -> Answer {
    match (sub.serves, call.verb) {
        (SubresourceKind::Status | SubresourceKind::Part, "get") => get::run(door, call).await,
        (SubresourceKind::Status | SubresourceKind::Part, "update") => {
            update::run(door, call, body).await
        }
        (SubresourceKind::Status | SubresourceKind::Part, "patch") => {
            patch::run(door, call, body).await
        }
        (SubresourceKind::Scale, "get") => scale::get(door, call).await,
        (SubresourceKind::Scale, "update" | "patch") => scale::set(door, call, body).await,
        (SubresourceKind::Action, "create") => act(door, call, sub, body).await,
        (SubresourceKind::Eviction, "create") => evict(door, call, body).await,
        (SubresourceKind::Token, "create") => tokens::run(door, call, body).await,
        _ => Err(Status::method_not_supported(
            call.resource.named(),
            call.verb,
        )),
    }
}

/// A posted object changes this one.
async fn act(door: &Door, call: &Call, sub: &Subresource, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let expected = decode::Expected {
        group: sub.group,
        version: if sub.version.is_empty() {
            call.resource.version()
        } else {
            sub.version
        },
        kind: sub.kind,
    };
    decode::expect_kind(&json, &expected)?;
    change::run(door, call, How::Settled, &mut |current, _| {
        let mut object = current.view.clone_box();
        call.resource
            .law
            .act(sub.name, &call.context(), &mut *object, &json)?;
        Ok(object)
    })
    .await?;
    crate::forms::simple(call.form, 201, success())
}

/// The older way to post an action: to a collection of its own, naming the object in its metadata.
pub(crate) async fn act_by_collection(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let kind = call.resource.kind();
    let target = door.resources.all().iter().find_map(|resource| {
        let mut subs = resource.law.subresources().iter();
        let sub = subs.find(|sub| sub.serves == SubresourceKind::Action && sub.kind == kind)?;
        Some((resource, sub))
    });
    let (resource, sub) =
        target.ok_or_else(|| Status::method_not_supported(call.resource.named(), "create"))?;
    let tree = crate::forms::tree(&json).map_err(|error| Status::bad_request(error.message))?;
    let name = tree
        .pointer("/metadata/name")
        .and_then(serde_json::Value::as_str);
    let named = Call {
        resource: std::sync::Arc::clone(resource),
        subresource: Some(sub),
        target: crate::route::Target {
            name: name.unwrap_or_default().to_owned(),
            plural: resource.names.plural.to_owned(),
            subresource: sub.name.to_owned(),
            ..call.target.clone()
        },
        ..call.clone()
    };
    act(door, &named, sub, body).await
}

fn success() -> Vec<u8> {
    br#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201}"#.to_vec()
}

/// Deletes if the disruption budgets that select the object allow it.
async fn evict(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let tree = crate::forms::tree(&json).map_err(|error| Status::bad_request(error.message))?;
    let mut options = match tree.get("deleteOptions") {
        Some(options) if options.is_object() => {
            delete::Options::from_json(options.to_string().as_bytes())?
        }
        _ => delete::Options::default(),
    };
    options.dry_run_too(call.dry_run());
    door.cache.catch_up().await;
    let current = change::current(door, call)?;
    if current.view.metadata().deletion_timestamp.is_none() {
        let dry_run = options.dry_run();
        crate::admission::disruption_budget::spend(door, call, &current, dry_run).await?;
    }
    delete::delete(door, call, &options).await?;
    Ok(answer::json(201, success()))
}

/// Answers a request that is passed on, body unread.
pub(crate) async fn connect(
    door: &Door,
    call: &Call,
    sub: &Subresource,
    request: http::Request<answer::Body>,
) -> Answer {
    door.cache.catch_up().await;
    // Proxies are addressed as `[scheme:]name[:port]`; names of objects hold no colon.
    let name = kinds::ProxyName::parse(&call.target.name)
        .ok_or_else(|| Status::not_found(call.resource.named(), &call.target.name))?;
    let current = change::current_named(door, call, &name.name)?;
    connect::run(door, call, sub, &name, &current, request).await
}
