//! `serviceaccounts/NAME/token`: a TokenRequest comes back with its token.

use super::{Bound, Claims, Reference, Tokens};
use crate::{
    Door,
    answer::Answer,
    decode, forms,
    verbs::{Call, change},
};
use api::Object;
use bytes::Bytes;
use k8s_openapi::{
    api::{
        authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestStatus},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{
    field,
    status::{Resource, Status},
};
use std::time::Duration;

/// What a token may be bound to.
const BINDABLE: [&str; 3] = ["nodes", "pods", "secrets"];
const DEFAULT_SECONDS: i64 = 3600;
const LEAST_SECONDS: i64 = 600;
const MOST_SECONDS: i64 = 1 << 32;
const KIND: Resource<'static> = Resource {
    group: "authentication.k8s.io",
    plural: "TokenRequest",
};

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let Some(tokens) = &door.config.tokens else {
        return Err(Status::no_such_path());
    };
    let json = decode::to_json(&call.headers, body)?;
    let expected = decode::Expected {
        group: "authentication.k8s.io",
        version: "v1",
        kind: "TokenRequest",
    };
    decode::expect_kind(&json, &expected)?;
    let mut request =
        TokenRequest::decode(&json).map_err(|error| Status::bad_request(error.to_string()))?;
    let mut spec = request.spec.take().unwrap_or_default();
    let seconds = spec.expiration_seconds.unwrap_or(DEFAULT_SECONDS);
    check(seconds)?;
    door.cache.catch_up().await;
    let account = change::current(door, call)?;
    let account = account.view.metadata();
    let mut bound = Bound {
        namespace: call.target.namespace.clone(),
        serviceaccount: Reference {
            name: call.target.name.clone(),
            uid: account.uid.clone().unwrap_or_default(),
        },
        ..Bound::default()
    };
    if let Some(reference) = &spec.bound_object_ref {
        bind(door, call, reference, &mut bound)?;
    }
    let audiences = spec.audiences.get_or_insert_default();
    if audiences.is_empty() {
        audiences.clone_from(&tokens.audiences);
    }
    let audiences = audiences.clone();
    let (token, expires) = signed(door, tokens, call, audiences, seconds, bound)?;
    spec.expiration_seconds = Some(seconds);
    request.spec = Some(spec);
    request.metadata.name = Some(call.target.name.clone());
    request.metadata.namespace = Some(call.target.namespace.clone());
    request.metadata.creation_timestamp = Some(Time(stdx::clock::whole_seconds(call.now)));
    request.status = Some(TokenRequestStatus {
        token: Some(token),
        expiration_timestamp: Some(Time(expires)),
    });
    forms::simple(call.form, 201, request.encode())
}

fn check(seconds: i64) -> Result<(), Status> {
    let path = field::Path::new("spec").child("expirationSeconds");
    let because = if seconds < LEAST_SECONDS {
        "may not specify a duration less than 10 minutes"
    } else if seconds > MOST_SECONDS {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    Err(Status::invalid(
        KIND,
        "",
        &[field::Error::invalid(&path, seconds, because)],
    ))
}

/// Binds to a pod, secret or node that exists and is the one meant.
fn bind(
    door: &Door,
    call: &Call,
    reference: &BoundObjectReference,
    bound: &mut Bound,
) -> Result<(), Status> {
    let kind = reference.kind.as_deref().unwrap_or_default();
    let name = reference.name.as_deref().unwrap_or_default();
    let resource = door.resources.slots().iter().find(|it| {
        it.group().is_empty() && it.kind() == kind && BINDABLE.contains(&it.names.plural)
    });
    let resource = resource.ok_or_else(|| {
        Status::bad_request(format!(
            "cannot bind token for serviceaccount {:?} to object of type {kind:?}",
            call.target.name
        ))
    })?;
    let plural = resource.names.plural;
    let namespace = if resource.namespaced() {
        call.target.namespace.as_str()
    } else {
        ""
    };
    let named = Resource { group: "", plural };
    let object = door
        .read("", plural, namespace, name)
        .ok_or_else(|| Status::not_found(named, name))?;
    let uid = object.metadata().uid.clone().unwrap_or_default();
    if let Some(wanted) = reference
        .uid
        .as_deref()
        .filter(|it| !it.is_empty() && *it != uid)
    {
        return Err(Status::conflict(
            named,
            name,
            &format!(
                "the UID in the bound object reference ({wanted}) does not match the UID in record. The object might have been deleted and then recreated"
            ),
        ));
    }
    if let Some(pod) = object.downcast_ref::<Pod>() {
        bind_pod(door, call, pod, bound)?;
    }
    let it = Some(Reference {
        name: name.to_owned(),
        uid,
    });
    match plural {
        "pods" => bound.pod = it,
        "secrets" => bound.secret = it,
        _ => bound.node = it,
    }
    Ok(())
}

/// A pod's token is for the account it runs as, and names its node.
fn bind_pod(door: &Door, call: &Call, pod: &Pod, bound: &mut Bound) -> Result<(), Status> {
    let spec = pod.spec.as_ref();
    let account = spec
        .and_then(|it| it.service_account_name.as_deref())
        .unwrap_or_default();
    if account != call.target.name {
        return Err(Status::bad_request(format!(
            "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
            call.target.name
        )));
    }
    if let Some(node) = spec
        .and_then(|it| it.node_name.clone())
        .filter(|it| !it.is_empty())
    {
        let uid = door
            .read("", "nodes", "", &node)
            .and_then(|it| it.metadata().uid.clone())
            .unwrap_or_default();
        bound.node = Some(Reference { name: node, uid });
    }
    Ok(())
}

fn signed(
    door: &Door,
    tokens: &Tokens,
    call: &Call,
    audiences: Vec<String>,
    seconds: i64,
    bound: Bound,
) -> Result<(String, jiff::Timestamp), Status> {
    let now = stdx::clock::whole_seconds(call.now);
    let expires = now + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let claims = Claims {
        aud: audiences,
        exp: expires.as_second(),
        iat: now.as_second(),
        nbf: now.as_second(),
        iss: tokens.issuer().to_owned(),
        sub: format!(
            "system:serviceaccount:{}:{}",
            call.target.namespace, call.target.name
        ),
        jti: door.config.random.uuid(),
        kubernetes: bound,
    };
    let token = tokens
        .sign(&claims)
        .map_err(|error| Status::internal(&error))?;
    Ok((token, expires))
}
