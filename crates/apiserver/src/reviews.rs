//! Questions asked by posting an object that is not stored: may I, may he, who am I, who is this.
//! Upstream: the `authorization.k8s.io` and `authentication.k8s.io` reviews.

use crate::{
    Door, User,
    answer::Answer,
    authn::Credentials,
    authz::{Attributes, Decision},
    decode, forms,
    verbs::Call,
};
use bytes::Bytes;
use machinery::status::Status;
use serde::Deserialize;
use serde_json::{Value, json};

/// Whether the call is a review.
pub(crate) fn handles(call: &Call) -> bool {
    matches!(
        call.resource.group(),
        "authorization.k8s.io" | "authentication.k8s.io"
    )
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    resource_attributes: Option<ResourceAttributes>,
    non_resource_attributes: Option<NonResourceAttributes>,
    user: String,
    uid: String,
    groups: Vec<String>,
    namespace: String,
    token: String,
    audiences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceAttributes {
    namespace: String,
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NonResourceAttributes {
    path: String,
    verb: String,
}

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let mut warnings = Vec::new();
    decode::object(
        &call.resource,
        &json,
        call.field_validation(),
        &mut warnings,
    )?;
    let mut tree = forms::tree(&json)?;
    if let Some(older) = call.resource.older {
        older.upgrade(&mut tree);
    }
    let spec: Spec = match tree.get("spec") {
        Some(spec) if !spec.is_null() => serde_json::from_value(spec.clone())
            .map_err(|error| Status::bad_request(error.to_string()))?,
        _ => Spec::default(),
    };
    let status = match call.resource.kind() {
        "SelfSubjectAccessReview" => access(door, &call.user, &spec, "")?,
        "SubjectAccessReview" => access(door, &subject(&spec)?, &spec, "")?,
        "LocalSubjectAccessReview" => {
            access(door, &subject(&spec)?, &spec, &call.target.namespace)?
        }
        "SelfSubjectRulesReview" => rules(door, &call.user, &spec),
        "SelfSubjectReview" => json!({ "userInfo": info(&call.user) }),
        "TokenReview" => token(door, &spec).await?,
        _ => {
            return Err(Status::method_not_supported(
                call.resource.named(),
                "create",
            ));
        }
    };
    tree["apiVersion"] = call.resource.api_version().into();
    tree["kind"] = call.resource.kind().into();
    if !tree["metadata"].is_object() {
        tree["metadata"] = json!({});
    }
    if call.resource.kind() == "SelfSubjectReview" {
        let now = stdx::clock::whole_seconds(call.now);
        tree["metadata"]["creationTimestamp"] = now.to_string().into();
    }
    tree["status"] = status;
    if let Some(older) = call.resource.older {
        older.downgrade(&mut tree);
    }
    forms::simple(call.form, 201, tree.to_string())
}

fn subject(spec: &Spec) -> Result<User, Status> {
    if spec.user.is_empty() && spec.groups.is_empty() {
        return Err(Status::failure(
            422,
            "Invalid",
            "spec.user: Invalid value: \"\": at least one of user or group must be specified",
        ));
    }
    Ok(User {
        name: spec.user.clone(),
        uid: spec.uid.clone(),
        groups: spec.groups.clone(),
        ..User::default()
    })
}

fn access(door: &Door, user: &User, spec: &Spec, only: &str) -> Result<Value, Status> {
    let attributes = match (&spec.resource_attributes, &spec.non_resource_attributes) {
        (Some(it), None) => Attributes {
            user,
            verb: &it.verb,
            group: &it.group,
            version: &it.version,
            resource: &it.resource,
            subresource: &it.subresource,
            namespace: &it.namespace,
            name: &it.name,
            path: "",
        },
        (None, Some(it)) if only.is_empty() => Attributes {
            user,
            verb: &it.verb,
            group: "",
            version: "",
            resource: "",
            subresource: "",
            namespace: "",
            name: "",
            path: &it.path,
        },
        _ => {
            return Err(Status::failure(
                422,
                "Invalid",
                "spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified",
            ));
        }
    };
    if !only.is_empty() && attributes.namespace != only {
        return Err(Status::bad_request(format!(
            "spec.resourceAttributes.namespace must match namespace: {only}"
        )));
    }
    Ok(match door.config.authorizer.authorize(door, &attributes) {
        Decision::Allow => json!({ "allowed": true }),
        Decision::Deny(because) => verdict(&json!({ "allowed": false, "denied": true }), &because),
        Decision::NoOpinion(because) => verdict(&json!({ "allowed": false }), &because),
    })
}

fn verdict(status: &Value, because: &str) -> Value {
    let mut status = status.clone();
    if !because.is_empty() {
        status["reason"] = because.into();
    }
    status
}

/// What the user may do in a namespace, found by asking about everything that is served.
fn rules(door: &Door, user: &User, spec: &Spec) -> Value {
    let ask = |group: &str, resource: &str, verb: &str, path: &str| {
        let attributes = Attributes {
            user,
            verb,
            group,
            version: "",
            resource,
            subresource: "",
            namespace: &spec.namespace,
            name: "",
            path,
        };
        door.config.authorizer.authorize(door, &attributes) == Decision::Allow
    };
    if ask("*", "*", "*", "") {
        return json!({
            "resourceRules": [{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }],
            "nonResourceRules": [{ "verbs": ["*"], "nonResourceURLs": ["*"] }],
            "incomplete": false,
        });
    }
    let mut resource_rules = Vec::new();
    for resource in door.resources.all() {
        let verbs: Vec<&str> = resource
            .names
            .verbs
            .iter()
            .copied()
            .filter(|verb| ask(resource.group(), resource.names.plural, verb, ""))
            .collect();
        if !verbs.is_empty() {
            resource_rules.push(json!({ "verbs": verbs, "apiGroups": [resource.group()], "resources": [resource.names.plural] }));
        }
    }
    let paths: Vec<&str> = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ]
    .into_iter()
    .filter(|path| ask("", "", "get", path.trim_end_matches('*')))
    .collect();
    let paths = if paths.is_empty() {
        Vec::new()
    } else {
        vec![json!({ "verbs": ["get"], "nonResourceURLs": paths })]
    };
    json!({ "resourceRules": resource_rules, "nonResourceRules": paths, "incomplete": false })
}

fn info(user: &User) -> Value {
    let mut info = json!({ "username": user.name, "groups": user.groups });
    if !user.uid.is_empty() {
        info["uid"] = user.uid.as_str().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

async fn token(door: &Door, spec: &Spec) -> Result<Value, Status> {
    if spec.token.is_empty() {
        return Err(Status::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    if !spec.audiences.is_empty()
        && let Some(tokens) = &door.config.tokens
    {
        return Ok(
            match tokens.verify(door, &spec.token, &spec.audiences).await {
                Some((user, audiences)) => {
                    json!({ "authenticated": true, "user": info(&user), "audiences": audiences })
                }
                None => json!({ "user": {}, "error": "the token is not valid for the audiences" }),
            },
        );
    }
    let credentials = Credentials {
        bearer: Some(spec.token.clone()),
        certificate: None,
    };
    for authenticator in &door.config.authenticators {
        match authenticator.authenticate(door, &credentials).await {
            Ok(Some(user)) => return Ok(json!({ "authenticated": true, "user": info(&user) })),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    Ok(json!({ "user": {}, "error": "the token is not valid" }))
}
