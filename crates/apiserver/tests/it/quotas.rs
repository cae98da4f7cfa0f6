//! Quotas through the door: charged, refused, given back; and exact while many race. The status that
//! the controller would count first is written by hand here.

use crate::{admission::peopled, door::Tested};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

const NAMESPACE: &str = "/api/v1/namespaces/default";

/// A quota whose usage is known to be nothing.
async fn quota(door: &Tested, name: &str, spec: &Value) {
    let path = format!("{NAMESPACE}/resourcequotas");
    let quota = json!({ "metadata": { "name": name }, "spec": spec });
    let (code, made) = door.post(&path, &quota).await;
    assert_eq!(code, 201, "{made}");
    let hard = spec["hard"].as_object().unwrap();
    let used: serde_json::Map<String, Value> =
        hard.keys().map(|key| (key.clone(), json!("0"))).collect();
    let status = json!({ "status": { "hard": hard, "used": used } });
    let path = format!("{path}/{name}/status");
    let merge = "application/merge-patch+json";
    let (code, made) = door.patch(&path, merge, &status).await;
    assert_eq!(code, 200, "{made}");
}

async fn used(door: &Tested, name: &str) -> Value {
    let path = format!("{NAMESPACE}/resourcequotas/{name}");
    door.get(&path).await.1["status"]["used"].clone()
}

fn map(name: &str) -> Value {
    json!({ "metadata": { "name": name } })
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "containers": [{ "name": "c", "image": "i",
        "resources": { "requests": { "cpu": cpu } } }] } })
}

#[tokio::test]
async fn charged_refused_and_given_back() {
    let door = peopled().await;
    let path = format!("{NAMESPACE}/resourcequotas");
    let spec = json!({ "hard": { "configmaps": "2", "count/configmaps": "5" } });
    let early = json!({ "metadata": { "name": "q" }, "spec": spec });
    assert_eq!(door.post(&path, &early).await.0, 201);
    let (code, status) = door
        .post(&format!("{NAMESPACE}/configmaps"), &map("a"))
        .await;
    assert_eq!(
        code, 201,
        "a quota without a status bounds nothing yet: {status}"
    );
    door.delete(&format!("{path}/q"), &Value::Null).await;
    quota(&door, "q", &spec).await;
    for name in ["b", "c"] {
        let (code, made) = door
            .post(&format!("{NAMESPACE}/configmaps"), &map(name))
            .await;
        assert_eq!(code, 201, "{made}");
    }
    let (code, status) = door
        .post(&format!("{NAMESPACE}/configmaps"), &map("d"))
        .await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "configmaps \"d\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2"
            )
        )
    );
    let counted = json!({ "configmaps": "2", "count/configmaps": "2" });
    assert_eq!(used(&door, "q").await, counted);
    let dry = format!("{NAMESPACE}/configmaps/b?dryRun=All");
    door.delete(&dry, &Value::Null).await;
    assert_eq!(
        used(&door, "q").await,
        counted,
        "a dry run gives nothing back"
    );
    door.delete(&format!("{NAMESPACE}/configmaps/b"), &Value::Null)
        .await;
    assert_eq!(
        used(&door, "q").await,
        json!({ "configmaps": "1", "count/configmaps": "1" })
    );
    let held = json!({ "metadata": { "name": "held", "finalizers": ["example.com/hold"] } });
    let (code, _) = door.post(&format!("{NAMESPACE}/configmaps"), &held).await;
    assert_eq!(code, 201);
    door.delete(&format!("{NAMESPACE}/configmaps/held"), &Value::Null)
        .await;
    assert_eq!(
        used(&door, "q").await["configmaps"],
        "2",
        "it is still there"
    );
    let release = json!({ "metadata": { "finalizers": null } });
    let merge = "application/merge-patch+json";
    door.patch(&format!("{NAMESPACE}/configmaps/held"), merge, &release)
        .await;
    assert_eq!(used(&door, "q").await["configmaps"], "1");
}

#[tokio::test]
async fn pods_services_and_claims() {
    let door = peopled().await;
    let hard = json!({ "pods": "2", "requests.cpu": "1", "services.nodeports": "1", "requests.storage": "1Gi" });
    quota(&door, "q", &json!({ "hard": hard })).await;
    let pods = format!("{NAMESPACE}/pods");
    let bare = json!({ "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "c", "image": "i" }] } });
    let (code, status) = door.post(&pods, &bare).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!("pods \"p\" is forbidden: failed quota: q: must specify requests.cpu for: c")
        )
    );
    assert_eq!(door.post(&pods, &pod("p", "600m")).await.0, 201);
    let (code, status) = door.post(&pods, &pod("q", "500m")).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "pods \"q\" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1"
            )
        )
    );
    let services = format!("{NAMESPACE}/services");
    let service = |name: &str, kind: &str| json!({ "metadata": { "name": name }, "spec": { "type": kind, "ports": [{ "port": 80 }] } });
    assert_eq!(door.post(&services, &service("s", "NodePort")).await.0, 201);
    assert_eq!(
        door.post(&services, &service("t", "ClusterIP")).await.0,
        201
    );
    let merge = "application/merge-patch+json";
    let outward = json!({ "spec": { "type": "NodePort" } });
    let (code, status) = door.patch(&format!("{services}/t"), merge, &outward).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "services \"t\" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1"
            )
        )
    );
    let inward = json!({ "spec": { "type": "ClusterIP" } });
    assert_eq!(
        door.patch(&format!("{services}/s"), merge, &inward).await.0,
        200
    );
    assert_eq!(
        door.patch(&format!("{services}/t"), merge, &outward)
            .await
            .0,
        200
    );
    let claim = json!({ "metadata": { "name": "c" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "2Gi" } } } });
    let (code, status) = door
        .post(&format!("{NAMESPACE}/persistentvolumeclaims"), &claim)
        .await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "persistentvolumeclaims \"c\" is forbidden: exceeded quota: q, requested: requests.storage=2Gi, used: requests.storage=0, limited: requests.storage=1Gi"
            )
        )
    );
    let now = json!({ "pods": "1", "requests.cpu": "600m", "requests.storage": "0", "services.nodeports": "1" });
    assert_eq!(used(&door, "q").await, now);
}

/// Hundreds of creates and deletes at once, in threads, on two quotas.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_exceeds_no_quota() {
    const LIMIT: usize = 40;
    /// Fewer than the writes that may run at once.
    const AT_ONCE: usize = 150;
    let door = peopled().await;
    let hard = json!({ "hard": { "configmaps": LIMIT.to_string() } });
    quota(&door, "first", &hard).await;
    quota(&door, "second", &hard).await;
    let path = format!("{NAMESPACE}/configmaps");
    let codes: Vec<u16> = stream::iter(0..400)
        .map(|number| {
            let (door, path) = (&door, &path);
            async move { door.post(path, &map(&format!("m{number}"))).await.0 }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let made = codes.iter().filter(|code| **code == 201).count();
    let refused = codes.iter().filter(|code| **code == 403).count();
    assert_eq!((made, refused), (LIMIT, 400 - LIMIT), "{codes:?}");
    let names: Vec<String> = names(&door, &path).await;
    assert_eq!(names.len(), LIMIT);
    // Half of them go while others try to come.
    let (gone, _) = names.split_at(LIMIT / 2);
    let deletes = gone.iter().map(|name| (true, name.clone()));
    let creates = (0..200).map(|number| (false, format!("n{number}")));
    let verdicts: Vec<(bool, u16)> = stream::iter(deletes.chain(creates))
        .map(|(goes, name)| {
            let (door, path) = (&door, &path);
            async move {
                let code = if goes {
                    door.delete(&format!("{path}/{name}"), &Value::Null).await.0
                } else {
                    door.post(path, &map(&name)).await.0
                };
                (goes, code)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert!(
        verdicts.iter().all(|(goes, code)| if *goes {
            *code == 200
        } else {
            matches!(code, 201 | 403)
        }),
        "{verdicts:?}"
    );
    let left = self::names(&door, &path).await.len();
    assert!(left <= LIMIT, "{left}");
    for name in ["first", "second"] {
        assert_eq!(used(&door, name).await["configmaps"], left.to_string());
    }
}

async fn names(door: &Tested, path: &str) -> Vec<String> {
    let (_, list) = door.get(path).await;
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|it| it["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}
