//! Questions asked by posting an object that is not stored: may I, may he, who am I, who is this.
//! Upstream: the `authorization.k8s.io` and `authentication.k8s.io` reviews.

use crate::{
    Door, User,
    answer::{self, Answer},
    authn::Credentials,
    authz::{Attributes, Decision},
    decode, forms,
    verbs::{Call, change, subresource},
};
use bytes::Bytes;
use k8s_openapi::api::authorization::v1::{NonResourceAttributes, ResourceAttributes};
use kinds::Question;
use machinery::status::{self, Status};
use serde_json::{Value, json};

/// Answers the creation of what is not kept: a question, or else an action upon an object.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let (resource, mut warnings) = (&call.resource, Vec::new());
    let validation = call.field_validation();
    let mut object = decode::object(resource, &json, validation, &mut warnings)?;
    change::place_namespace(call, &mut *object)?;
    let errors = resource.law.validate(&*object);
    if !errors.is_empty() {
        // Upstream's internal form has lost its kind by then.
        let nameless = status::Resource {
            plural: "",
            ..resource.kind_named()
        };
        return Err(Status::invalid(nameless, "", &errors));
    }
    let Some(question) = resource.law.question(&*object) else {
        return subresource::act_by_collection(door, call, body).await;
    };
    let mut tree = forms::tree(&object.encode())?;
    tree["status"] = match question? {
        Question::Access(spec) => {
            let asked = (&spec.resource_attributes, &spec.non_resource_attributes);
            let user = User {
                name: spec.user.clone().unwrap_or_default(),
                uid: spec.uid.clone().unwrap_or_default(),
                groups: spec.groups.clone().unwrap_or_default(),
                extra: spec.extra.clone().unwrap_or_default(),
            };
            access(door, &user, asked)
        }
        Question::OwnAccess(spec) => {
            let asked = (&spec.resource_attributes, &spec.non_resource_attributes);
            access(door, &call.user, asked)
        }
        Question::Rules { namespace } => {
            tree["metadata"] = json!({});
            tree["spec"] = json!({});
            rules(door, &call.user, &namespace)
        }
        Question::Asker => {
            let now = stdx::clock::whole_seconds(call.now).to_string();
            tree["metadata"] = json!({ "creationTimestamp": now });
            json!({ "userInfo": info(&call.user) })
        }
        Question::Token { token, audiences } => verified(door, token, &audiences).await,
    };
    if let Some(older) = resource.older {
        older.downgrade(&mut tree);
    }
    let mut response = forms::simple(call.form, 201, tree.to_string())?;
    answer::warn(&mut response, &warnings);
    Ok(response)
}

/// Whether the user may do one of the two; the law saw to it that one is asked about.
fn access(
    door: &Door,
    user: &User,
    asked: (&Option<ResourceAttributes>, &Option<NonResourceAttributes>),
) -> Value {
    fn text(it: &Option<String>) -> &str {
        it.as_deref().unwrap_or_default()
    }
    let nothing = Attributes {
        user,
        verb: "",
        group: "",
        version: "",
        resource: "",
        subresource: "",
        namespace: "",
        name: "",
        path: "",
    };
    let attributes = match asked {
        (Some(it), _) => Attributes {
            verb: text(&it.verb),
            group: text(&it.group),
            version: match text(&it.version) {
                "" => "*",
                version => version,
            },
            resource: text(&it.resource),
            subresource: text(&it.subresource),
            namespace: text(&it.namespace),
            name: text(&it.name),
            ..nothing
        },
        (None, Some(it)) => Attributes {
            verb: text(&it.verb),
            path: text(&it.path),
            ..nothing
        },
        (None, None) => nothing,
    };
    let (mut status, because) = match door.config.authorizer.authorize(door, &attributes) {
        Decision::Allow => (json!({ "allowed": true }), String::new()),
        Decision::Deny(because) => (json!({ "allowed": false, "denied": true }), because),
        Decision::NoOpinion(because) => (json!({ "allowed": false }), because),
    };
    if !because.is_empty() {
        status["reason"] = because.into();
    }
    status
}

/// What the user may do in a namespace, found by asking about everything that is served.
fn rules(door: &Door, user: &User, namespace: &str) -> Value {
    let ask = |group: &str, resource: &str, verb: &str, path: &str| {
        let attributes = Attributes {
            user,
            verb,
            group,
            version: "",
            resource,
            subresource: "",
            namespace,
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

/// What a token proves, to one of `asked` or to the door itself.
async fn verified(door: &Door, token: String, asked: &[String]) -> Value {
    let own = door.config.tokens.as_ref();
    if let Some(own) = own
        && let Some((user, audiences)) = own.verify(door, &token, asked).await
    {
        return proven(&user, &audiences);
    }
    // Other tokens are for the door, whatever they say.
    let audiences = own.map_or(&[][..], |own| own.audiences());
    let wanted = |it: &&String| asked.is_empty() || asked.contains(it);
    let audiences: Vec<_> = audiences.iter().filter(wanted).cloned().collect();
    if asked.is_empty() || !audiences.is_empty() {
        let credentials = Credentials {
            bearer: Some(token),
            certificate: None,
        };
        for authenticator in &door.config.authenticators {
            match authenticator.authenticate(door, &credentials).await {
                Ok(Some(user)) => return proven(&user, &audiences),
                Ok(None) => {}
                Err(_) => break,
            }
        }
    }
    json!({ "user": {}, "error": "invalid bearer token" })
}

fn proven(user: &User, audiences: &[String]) -> Value {
    let mut status = json!({ "authenticated": true, "user": info(user) });
    if !audiences.is_empty() {
        status["audiences"] = json!(audiences);
    }
    status
}
