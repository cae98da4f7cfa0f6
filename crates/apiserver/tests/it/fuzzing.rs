//! Mutated requests through the in-process door: every answer is upstream's kind of answer, and what was
//! accepted can be read in every form, and by the next server.

use crate::door::{Tested, open, open_with, read, request};
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// A collection, and its kind.
type Served = (String, String, String);

/// Every collection that creates, by discovery.
async fn collections(door: &Tested) -> Vec<Served> {
    let (_, groups) = door.get("/apis").await;
    let versions = groups["groups"].as_array().unwrap().iter();
    let mut roots = vec![("/api/v1".to_owned(), "v1".to_owned())];
    for version in versions.flat_map(|it| it["versions"].as_array().unwrap().clone()) {
        let version = version["groupVersion"].as_str().unwrap().to_owned();
        roots.push((format!("/apis/{version}"), version));
    }
    let mut collections = Vec::new();
    for (root, version) in roots {
        let (_, list) = door.get(&root).await;
        for resource in list["resources"].as_array().unwrap() {
            let name = resource["name"].as_str().unwrap();
            let creates = resource["verbs"]
                .as_array()
                .unwrap()
                .contains(&json!("create"));
            let reads = resource["verbs"]
                .as_array()
                .unwrap()
                .contains(&json!("get"));
            if name.contains('/') || !creates || !reads {
                continue;
            }
            let path = match resource["namespaced"].as_bool() {
                Some(true) => format!("{root}/namespaces/default/{name}"),
                _ => format!("{root}/{name}"),
            };
            let kind = resource["kind"].as_str().unwrap().to_owned();
            collections.push((path, version.clone(), kind));
        }
    }
    assert!(collections.len() > 40);
    collections
}

/// What an answer must look like whatever was asked. Upstream itself answers 500 without a reason to an applied
/// object that does not fit its schema and to a patch with an unknown directive; no other 500 may be.
fn check_answer(asked: &str, code: u16, answer: &Value) {
    let text = answer.to_string();
    assert!(
        !text.contains("could not be handled\""),
        "a panic: {asked}\n{text}"
    );
    let known = [
        200, 201, 202, 400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 429, 503, 504,
    ];
    let misfit = code == 500 && answer["message"] != "" && answer.get("reason").is_none();
    assert!(known.contains(&code) || misfit, "{code}: {asked}\n{text}");
    if code >= 400 && answer.is_object() && !misfit {
        assert_eq!(answer["kind"], "Status", "{asked}\n{text}");
        assert_eq!(answer["code"], code, "{asked}\n{text}");
        assert_ne!(
            answer["reason"].as_str().unwrap_or_default(),
            "",
            "{asked}\n{text}"
        );
    }
}

/// What was accepted is there in every form.
async fn check_forms(door: &Tested, path: &str) {
    for accept in [
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf, application/json",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    ] {
        let mut get = request(Method::GET, path, "", "");
        let accept = HeaderValue::from_static(accept);
        get.headers_mut().insert(header::ACCEPT, accept.clone());
        let (code, answer) = read(door.door.handle(get).await).await;
        assert!(
            matches!(code, 200 | 404),
            "{path} as {accept:?}: {code} {answer}"
        );
    }
}

fn body(random: &mut fuzz::Random, tree: &Value) -> (&'static str, Vec<u8>) {
    let json = fuzz::json_text(tree, random, 300).into_bytes();
    let (media_type, bytes) = match random.below(6) {
        0 => ("application/yaml", json),
        1 => match api::protobuf::encode(&json) {
            Ok(bytes) => ("application/vnd.kubernetes.protobuf", bytes),
            Err(_) => ("application/vnd.kubernetes.protobuf", json),
        },
        _ => ("application/json", json),
    };
    let bytes = match random.below(6) {
        0 => random.damaged(&bytes, b"{\"spec\":{\"a\":[1e999]}}"),
        _ => bytes,
    };
    (media_type, bytes)
}

/// One object that lives through mutated writes.
async fn live(door: &Tested, served: &Served, random: &mut fuzz::Random) {
    let (path, version, kind) = served;
    let Some(mut tree) = api::sample::object(version, kind, random.next()) else {
        return;
    };
    tree["metadata"] = json!({ "name": random.pick(&["a", "b", "a.b"]) });
    let name = tree["metadata"]["name"].as_str().unwrap().to_owned();
    if random.one_in(2) {
        random.bend(&mut tree);
    }
    let query = random.pick(&[
        "",
        "?fieldValidation=Strict",
        "?fieldValidation=Ignore",
        "?dryRun=All",
    ]);
    let one = format!("{path}/{name}");
    let patches = [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ];
    for step in 0..3 {
        let (media_type, bytes) = body(random, &tree);
        let shown = format!(
            "{kind} {query} {media_type} {}",
            String::from_utf8_lossy(&bytes)
        );
        let sent = match (step, random.below(3)) {
            (0, _) => request(Method::POST, &format!("{path}{query}"), media_type, bytes),
            (_, 0) => request(Method::PUT, &format!("{one}{query}"), media_type, bytes),
            _ => {
                let applied = format!("{one}?fieldManager=fuzz&force=true");
                request(Method::PATCH, &applied, random.pick(&patches), bytes)
            }
        };
        let (code, answer) = door.send(sent).await;
        check_answer(&shown, code, &answer);
        if code < 300 {
            check_forms(door, &one).await;
        }
        random.bend(&mut tree);
    }
    let (code, answer) = door.delete(&one, &Value::Null).await;
    check_answer(&one, code, &answer);
}

#[test]
fn every_kind_survives_mutated_writes() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store: Arc<dyn store::Store> = Arc::new(store::Memory::new());
    let ranges = ["10.43.0.0/24"];
    let door = runtime.block_on(open_with(Arc::clone(&store), &ranges));
    let collections = runtime.block_on(collections(&door));
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    runtime.block_on(door.post(accounts, &json!({ "metadata": { "name": "default" } })));
    fuzz::run("writes", 1000, |random| {
        let served = &collections[random.below(collections.len())];
        runtime.block_on(live(&door, served, random));
    });
    runtime.block_on(async {
        drop(door);
        let next = open_with(store, &ranges).await;
        for (path, ..) in &collections {
            let (code, answer) = next.get(path).await;
            assert_eq!(code, 200, "{path}: {answer}");
        }
    });
}

const PATHS: [&str; 30] = [
    "/api",
    "/apis",
    "/v1",
    "/namespaces",
    "/default",
    "/pods",
    "/a",
    "/configmaps",
    "/status",
    "/scale",
    "/apps",
    "/openapi",
    "/v2",
    "/v3",
    "/",
    "//",
    "/..",
    "/%2e%2e",
    "/%00",
    "/%ff",
    "/%",
    "/a%2Fb",
    "/watch",
    "/healthz",
    "/metrics",
    "/version",
    "/proxy",
    "/exec",
    "/log",
    "/batch",
];
const QUERIES: [&str; 34] = [
    "&limit=1",
    "&limit=-1",
    "&limit=9223372036854775808",
    "&continue=AAAA",
    "&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ",
    "&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTg0NDY3NDQwNzM3MDk1NTE2MTUsInN0YXJ0IjoiLi4vLi4vIn0",
    "&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJcdTAwMDAifQ",
    "&continue=%ff",
    "&resourceVersion=1",
    "&resourceVersion=-1",
    "&resourceVersion=18446744073709551615",
    "&resourceVersion=x",
    "&resourceVersionMatch=Exact",
    "&resourceVersionMatch=NotOlderThan",
    "&labelSelector=a%20in%20(",
    "&labelSelector=%00",
    "&labelSelector=a%3Db",
    "&fieldSelector=metadata.name%3Da",
    "&fieldSelector=%5C",
    "&fieldSelector=x%3D1",
    "&watch=1",
    "&timeoutSeconds=9223372036854775807",
    "&timeoutSeconds=-9",
    "&timeoutSeconds=18446744073709551615",
    "&sendInitialEvents=true",
    "&allowWatchBookmarks=true",
    "&pretty=1",
    "&dryRun=x",
    "&fieldManager=%00",
    "&=",
    "&&&",
    "&gracePeriodSeconds=-1",
    "&propagationPolicy=x",
    "&force=x",
];
const ACCEPTS: [&str; 12] = [
    "application/json",
    "*/*",
    ";q=0.1",
    ";q=nan",
    ";q=1e999",
    ",",
    ";as=Table",
    ";g=meta.k8s.io",
    ";v=v1",
    ";stream=watch",
    "application/vnd.kubernetes.protobuf",
    "application/yaml",
];
/// Who somebody else wants to be: names of headers, and parts of values.
const IMPERSONATED: [&str; 8] = [
    "impersonate-user",
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "impersonate-extra-",
    "impersonate-extra-a%2fb",
    "impersonate-extra-%ff%",
    "impersonate-",
];
const NAMES: [&str; 7] = [
    "jane",
    "system:masters",
    "",
    " ",
    "%00",
    "system:serviceaccount:a:b",
    "\u{e9}",
];
const METHODS: [Method; 8] = [
    Method::GET,
    Method::GET,
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
];

#[test]
fn hostile_requests_get_statuses() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Revisions that nobody has yet are waited for.
        .start_paused(true)
        .build()
        .unwrap();
    let door = runtime.block_on(open());
    fuzz::run("requests", 1500, |random| {
        let path = match random.below(3) {
            0 => random.text(&PATHS, 7),
            _ => "/api/v1/namespaces/default/configmaps".to_owned() + random.pick(&["", "/a", "/"]),
        };
        let uri = format!("{path}?{}", random.text(&QUERIES, 4));
        if uri.len() > 60_000 || uri.parse::<http::Uri>().is_err() {
            return;
        }
        let method = METHODS[random.below(METHODS.len())].clone();
        let mut sent = request(method, &uri, "application/json", "{}");
        if let Ok(accept) = random.text(&ACCEPTS, 6).parse() {
            sent.headers_mut().insert(header::ACCEPT, accept);
        }
        for _ in 0..random.below(4) / 2 * 2 {
            let name = header::HeaderName::from_static(random.pick(&IMPERSONATED));
            if let Ok(value) = random.text(&NAMES, 2).parse() {
                sent.headers_mut().append(name, value);
            }
        }
        let response = runtime.block_on(door.door.handle(sent));
        let code = response.status().as_u16();
        // A watch may last for ever.
        if code >= 300 || !uri.contains("watch") {
            let (code, answer) = runtime.block_on(read(response));
            check_answer(&uri, code, &answer);
        } else {
            assert_eq!(code, 200, "{uri}");
        }
    });
}

#[tokio::test]
async fn a_watch_may_ask_for_more_time_than_there_is() {
    let door = open().await;
    let mut watch = door
        .watch("/api/v1/namespaces?watch=1&timeoutSeconds=9223372036854775807")
        .await;
    assert_eq!(watch.short().await, "ADDED default");
}
