//! Versions that Kubernetes no longer serves: accepted and answered as they are, stored as current.

use crate::door::{Tested, body, open, read, request};
use http::Method;
use serde_json::{Value, json};

const OLD: &str = "/apis/extensions/v1beta1/namespaces/default/deployments";
const NEW: &str = "/apis/apps/v1/namespaces/default/deployments";

fn deployment() -> Value {
    json!({ "apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "template": { "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "nginx" }] } } } })
}

/// Answer and warnings.
async fn warned(
    door: &Tested,
    request: http::Request<apiserver::Body>,
) -> (u16, Value, Vec<String>) {
    let response = door.door.handle(request).await;
    let warnings = response.headers().get_all("warning").iter();
    let warnings = warnings.map(|it| it.to_str().unwrap().to_owned()).collect();
    let (code, answer) = read(response).await;
    (code, answer, warnings)
}

fn post(path: &str, object: &Value) -> http::Request<apiserver::Body> {
    request(Method::POST, path, "application/json", object.to_string())
}

#[tokio::test]
async fn a_deployment_of_2018_lives_its_life_through_the_old_path() {
    let door = open().await;
    let (code, made, warnings) = warned(&door, post(OLD, &deployment())).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(made["apiVersion"], "extensions/v1beta1");
    assert_eq!(
        made["spec"]["selector"],
        json!({ "matchLabels": { "app": "web" } })
    );
    assert_eq!(
        made["metadata"]["managedFields"][0]["apiVersion"],
        "extensions/v1beta1"
    );
    let head = "299 - \"extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment\"";
    assert!(warnings.contains(&head.to_owned()), "{warnings:?}");
    assert!(
        warnings
            .iter()
            .any(|it| it.contains("as apps/v1 Deployment this is written spec.selector: ")),
        "{warnings:?}"
    );

    let (_, new) = door.get(&format!("{NEW}/web")).await;
    assert_eq!(new["apiVersion"], "apps/v1");
    assert_eq!(
        new["spec"]["strategy"]["rollingUpdate"],
        json!({ "maxSurge": 1, "maxUnavailable": 1 })
    );
    assert_eq!(new["metadata"]["uid"], made["metadata"]["uid"]);

    let (_, list, warnings) = warned(&door, request(Method::GET, OLD, "", "")).await;
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("DeploymentList"), &json!("extensions/v1beta1"))
    );
    assert_eq!(list["items"][0]["apiVersion"], "extensions/v1beta1");
    assert_eq!(warnings, [head]);

    let one = format!("{OLD}/web");
    let patch = json!({ "spec": { "rollbackTo": { "revision": 2 }, "template": { "spec": { "containers": [{ "name": "web", "image": "nginx:2" }] } } } });
    let (code, patched) = door
        .patch(&one, "application/strategic-merge-patch+json", &patch)
        .await;
    assert_eq!(code, 200, "{patched}");
    assert_eq!(patched["spec"]["rollbackTo"], json!({ "revision": 2 }));
    let containers = &patched["spec"]["template"]["spec"]["containers"];
    assert_eq!(
        (
            containers.as_array().unwrap().len(),
            &containers[0]["image"]
        ),
        (1, &json!("nginx:2"))
    );
    let (_, new) = door.get(&format!("{NEW}/web")).await;
    assert_eq!(
        new["metadata"]["annotations"],
        json!({ "deprecated.deployment.rollback.to": "2" })
    );

    let scale = json!({ "spec": { "replicas": 4 } });
    let (code, _) = door
        .patch(
            &format!("{one}/scale"),
            "application/merge-patch+json",
            &scale,
        )
        .await;
    assert_eq!(code, 200);
    let (code, scale) = door.get(&format!("{one}/scale")).await;
    assert_eq!(
        (code, &scale["apiVersion"]),
        (200, &json!("extensions/v1beta1"))
    );
    assert_eq!(
        (
            &scale["status"]["selector"],
            &scale["status"]["targetSelector"]
        ),
        (&json!({ "app": "web" }), &json!("app=web"))
    );
    let mut wished = scale.clone();
    wished["spec"]["replicas"] = 4.into();
    let (code, scaled) = door.put(&format!("{one}/scale"), &wished).await;
    assert_eq!((code, &scaled["kind"]), (200, &json!("Scale")), "{scaled}");
    wished["apiVersion"] = "autoscaling/v1".into();
    assert_eq!(door.put(&format!("{one}/scale"), &wished).await.0, 400);
    let mut whole = door.get(&one).await.1;
    assert_eq!(whole["spec"]["replicas"], 4);
    whole["spec"]["paused"] = true.into();
    let (code, updated) = door.put(&one, &whole).await;
    assert_eq!(
        (code, &updated["spec"]["paused"]),
        (200, &json!(true)),
        "{updated}"
    );
    let (code, status) = door.delete(&one, &Value::Null).await;
    assert_eq!(
        (code, &status["status"]),
        (200, &json!("Success")),
        "{status}"
    );
    assert_eq!(door.get(&format!("{NEW}/web")).await.0, 404);
}

#[tokio::test]
async fn watches_and_tables_speak_the_old_version() {
    let door = open().await;
    let mut frames = door.watch(&format!("{OLD}?watch=1")).await;
    let mut current = deployment();
    current["apiVersion"] = "apps/v1".into();
    current["spec"]["selector"] = json!({ "matchLabels": { "app": "web" } });
    assert_eq!(door.post(NEW, &current).await.0, 201);
    let event = frames.next().await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["apiVersion"]),
        (&json!("ADDED"), &json!("extensions/v1beta1"))
    );
    let mut table = request(Method::GET, OLD, "", "");
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
        .parse()
        .unwrap();
    table.headers_mut().insert("accept", accept);
    let (code, table) = door.send(table).await;
    assert_eq!((code, &table["rows"][0]["cells"][0]), (200, &json!("web")));
}

#[tokio::test]
async fn an_ingress_is_applied_in_its_own_version() {
    let door = open().await;
    let path = "/apis/networking.k8s.io/v1beta1/namespaces/default/ingresses/web?fieldManager=me";
    let applied = |port: Value| {
        json!({ "apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress", "metadata": { "name": "web" },
            "spec": { "rules": [{ "host": "a.example", "http": { "paths": [{ "path": "/", "backend": { "serviceName": "web", "servicePort": port } }] } }] } })
    };
    let kind = "application/apply-patch+yaml";
    let (code, made) = door.patch(path, kind, &applied(json!(80))).await;
    assert_eq!(code, 201, "{made}");
    let entry = &made["metadata"]["managedFields"][0];
    assert_eq!(
        (&entry["apiVersion"], &entry["operation"]),
        (&json!("networking.k8s.io/v1beta1"), &json!("Apply"))
    );
    let (code, made) = door.patch(path, kind, &applied(json!("http"))).await;
    assert_eq!(code, 200, "{made}");
    assert_eq!(
        made["spec"]["rules"][0]["http"]["paths"][0]["backend"],
        json!({ "serviceName": "web", "servicePort": "http" })
    );
    let (_, new) = door
        .get("/apis/networking.k8s.io/v1/namespaces/default/ingresses/web")
        .await;
    assert_eq!(
        new["spec"]["rules"][0]["http"]["paths"][0],
        json!({ "path": "/", "pathType": "ImplementationSpecific", "backend": { "service": { "name": "web", "port": { "name": "http" } } } })
    );
    // A field of the current form is none of the older one.
    let mut wrong = applied(json!(80));
    wrong["spec"]["defaultBackend"] = json!({});
    let (code, status) = door.patch(path, kind, &wrong).await;
    assert_eq!(code, 500, "{status}");
    assert_eq!(
        status["message"],
        "failed to create typed patch object (/web; networking.k8s.io/v1beta1, Kind=Ingress): .spec.defaultBackend: field not declared in schema"
    );
    let strict =
        "/apis/networking.k8s.io/v1beta1/namespaces/default/ingresses?fieldValidation=Strict";
    let (code, status) = door.post(strict, &wrong).await;
    assert_eq!(code, 400, "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains(r#"unknown field "spec.defaultBackend""#),
        "{message}"
    );
}

/// One object of every older version, as it was written then.
fn samples() -> Vec<(&'static str, Value)> {
    let rules = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }]);
    let job = json!({ "schedule": "* * * * *", "jobTemplate": { "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "i" }] } } } } });
    vec![
        (
            "batch/v1beta1/namespaces/default/cronjobs",
            json!({ "kind": "CronJob", "metadata": { "name": "a" }, "spec": job }),
        ),
        (
            "autoscaling/v2beta1/namespaces/default/horizontalpodautoscalers",
            json!({ "kind": "HorizontalPodAutoscaler", "metadata": { "name": "a" },
            "spec": { "maxReplicas": 3, "scaleTargetRef": { "apiVersion": "extensions/v1beta1", "kind": "Deployment", "name": "web" }, "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "targetAverageUtilization": 50 } }] } }),
        ),
        (
            "autoscaling/v2beta2/namespaces/default/horizontalpodautoscalers",
            json!({ "kind": "HorizontalPodAutoscaler", "metadata": { "name": "b" },
            "spec": { "maxReplicas": 3, "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" } } }),
        ),
        (
            "policy/v1beta1/namespaces/default/poddisruptionbudgets",
            json!({ "kind": "PodDisruptionBudget", "metadata": { "name": "a" }, "spec": { "minAvailable": 1, "selector": {} } }),
        ),
        (
            "rbac.authorization.k8s.io/v1beta1/clusterroles",
            json!({ "kind": "ClusterRole", "metadata": { "name": "a" }, "rules": rules }),
        ),
        (
            "rbac.authorization.k8s.io/v1alpha1/namespaces/default/rolebindings",
            json!({ "kind": "RoleBinding", "metadata": { "name": "a" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "a" }, "subjects": [{ "kind": "User", "name": "u", "apiVersion": "rbac.authorization.k8s.io/v1alpha1" }] }),
        ),
        (
            "storage.k8s.io/v1beta1/storageclasses",
            json!({ "kind": "StorageClass", "metadata": { "name": "a" }, "provisioner": "p" }),
        ),
        (
            "scheduling.k8s.io/v1beta1/priorityclasses",
            json!({ "kind": "PriorityClass", "metadata": { "name": "a" }, "value": 5 }),
        ),
        (
            "coordination.k8s.io/v1beta1/namespaces/default/leases",
            json!({ "kind": "Lease", "metadata": { "name": "a" }, "spec": { "holderIdentity": "h" } }),
        ),
        (
            "discovery.k8s.io/v1beta1/namespaces/default/endpointslices",
            json!({ "kind": "EndpointSlice", "metadata": { "name": "a" }, "addressType": "IPv4", "endpoints": [{ "addresses": ["10.0.0.9"], "topology": { "topology.kubernetes.io/zone": "z" } }] }),
        ),
        (
            "events.k8s.io/v1beta1/namespaces/default/events",
            json!({ "kind": "Event", "metadata": { "name": "a" }, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "example.com/c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal", "regarding": { "kind": "Pod", "namespace": "default", "name": "p" }, "note": "n" }),
        ),
        (
            "node.k8s.io/v1alpha1/runtimeclasses",
            json!({ "kind": "RuntimeClass", "metadata": { "name": "a" }, "spec": { "runtimeHandler": "runsc" } }),
        ),
        (
            "networking.k8s.io/v1beta1/ingressclasses",
            json!({ "kind": "IngressClass", "metadata": { "name": "a" }, "spec": { "controller": "e.com/c" } }),
        ),
        (
            "extensions/v1beta1/namespaces/default/networkpolicies",
            json!({ "kind": "NetworkPolicy", "metadata": { "name": "a" }, "spec": { "podSelector": {} } }),
        ),
        (
            "extensions/v1beta1/namespaces/default/daemonsets",
            json!({ "kind": "DaemonSet", "metadata": { "name": "a" }, "spec": deployment()["spec"] }),
        ),
        (
            "extensions/v1beta1/namespaces/default/replicasets",
            json!({ "kind": "ReplicaSet", "metadata": { "name": "a" }, "spec": deployment()["spec"] }),
        ),
        (
            "apps/v1beta1/namespaces/default/statefulsets",
            json!({ "kind": "StatefulSet", "metadata": { "name": "a" }, "spec": { "serviceName": "s", "template": deployment()["spec"]["template"] } }),
        ),
        (
            "apiextensions.k8s.io/v1beta1/customresourcedefinitions",
            json!({ "kind": "CustomResourceDefinition", "metadata": { "name": "crons.example.com" },
            "spec": { "group": "example.com", "version": "v1", "scope": "Namespaced", "names": { "plural": "crons", "singular": "cron", "kind": "Cron", "listKind": "CronList" } } }),
        ),
        (
            "admissionregistration.k8s.io/v1beta1/validatingwebhookconfigurations",
            json!({ "kind": "ValidatingWebhookConfiguration", "metadata": { "name": "a" },
            "webhooks": [{ "name": "a.b.c", "clientConfig": { "url": "https://192.0.2.1/x" }, "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }] }] }),
        ),
        (
            "flowcontrol.apiserver.k8s.io/v1beta2/prioritylevelconfigurations",
            json!({ "kind": "PriorityLevelConfiguration", "metadata": { "name": "a" },
            "spec": { "type": "Limited", "limited": { "assuredConcurrencyShares": 5, "limitResponse": { "type": "Reject" } } } }),
        ),
    ]
}

#[tokio::test]
async fn every_family_is_created_read_and_written_back() {
    let door = open().await;
    for (path, mut object) in samples() {
        let parts: Vec<_> = path.splitn(3, '/').collect();
        let version = format!("{}/{}", parts[0], parts[1]);
        object["apiVersion"] = version.as_str().into();
        let path = format!("/apis/{path}");
        let (code, made, warnings) = warned(&door, post(&path, &object)).await;
        assert_eq!(code, 201, "{path}: {made}");
        assert_eq!(made["apiVersion"], version.as_str());
        assert!(
            warnings[warnings.len() - 1].contains("is deprecated in v1."),
            "{warnings:?}"
        );
        let one = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
        let (code, read) = door.get(&one).await;
        assert_eq!((code, &read), (200, &made));
        let (code, written) = door.put(&one, &made).await;
        assert_eq!((code, &written), (200, &made), "{path}");
        let touch = json!({ "metadata": { "labels": { "touched": "yes" } } });
        let (code, touched) = door
            .patch(&one, "application/merge-patch+json", &touch)
            .await;
        assert_eq!(code, 200, "{touched}");
    }
}

#[tokio::test]
async fn reviews_answer_in_their_version() {
    let door = open().await;
    let review = json!({ "apiVersion": "authorization.k8s.io/v1beta1", "kind": "SubjectAccessReview",
        "spec": { "user": "u", "group": ["system:masters"], "resourceAttributes": { "verb": "get", "resource": "pods" } } });
    let (code, answer) = door
        .post(
            "/apis/authorization.k8s.io/v1beta1/subjectaccessreviews",
            &review,
        )
        .await;
    assert_eq!(
        (code, &answer["status"]["allowed"]),
        (201, &json!(true)),
        "{answer}"
    );
    assert_eq!(answer["spec"]["group"], json!(["system:masters"]));
    assert_eq!(answer["apiVersion"], "authorization.k8s.io/v1beta1");
}

#[tokio::test]
async fn what_has_no_current_form_is_refused_with_a_reason() {
    let door = open().await;
    for version in ["policy/v1beta1", "extensions/v1beta1"] {
        let (code, status) = door
            .get(&format!("/apis/{version}/podsecuritypolicies"))
            .await;
        assert_eq!((code, &status["reason"]), (404, &json!("NotFound")));
        assert!(
            status["message"]
                .as_str()
                .unwrap()
                .contains("pod-security.kubernetes.io/enforce"),
            "{status}"
        );
    }
    let (code, status) = door.get("/apis/extensions/v1beta1/nothing").await;
    assert_eq!(
        (code, &status["message"]),
        (
            404,
            &json!("the server could not find the requested resource")
        )
    );
}

/// A request by `CN=a`, signed with a key of P-256.
const REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIRk1HNENBUUF3RERFS01BZ0dBMVVFQXd3QllUQlpNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NNNDlBd0VIQTBJQQpCSlRsSWdyNUhKMVZvOG9LT0QrZWhMcTFJZEhkcU11ZjlqL1RzOFdvdUptcUZlYkl1c0NFRllRVGFoUUtWeXpDCkx0NXlHdjBUciszc01TSzZnWkY3eC8yZ0FEQUtCZ2dxaGtqT1BRUURBZ05IQURCRUFpQUxmY3hwUWFGdWtlK3oKLzZLaitsSkNNOEpsa2E2S2pLVFBqMzhBZWk4LzBBSWdRUmFuSlJFdlg2YlBScU14YWEzYjkyY2pkWmlKTXVRbworY1NmczVhZ3E1TT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";

#[tokio::test]
async fn the_signer_of_old_is_for_those_who_write_as_of_old() {
    let door = open().await;
    let asks = |version: &str| {
        json!({ "apiVersion": format!("certificates.k8s.io/{version}"), "kind": "CertificateSigningRequest", "metadata": { "name": version },
            "spec": { "signerName": "kubernetes.io/legacy-unknown", "usages": ["client auth"],
                "request": REQUEST } })
    };
    let path = |version| format!("/apis/certificates.k8s.io/{version}/certificatesigningrequests");
    let (code, answer, _) = warned(&door, post(&path("v1beta1"), &asks("v1beta1"))).await;
    assert_eq!(code, 201, "{answer}");
    let (code, answer, _) = warned(&door, post(&path("v1"), &asks("v1"))).await;
    assert_eq!(code, 422, "{answer}");
    // What is there may stay: the rule came later.
    let touch = json!({ "metadata": { "labels": { "touched": "yes" } } });
    let path = format!("{}/v1beta1", path("v1"));
    let (code, answer) = door
        .patch(&path, "application/merge-patch+json", &touch)
        .await;
    assert_eq!(code, 200, "{answer}");
}

#[tokio::test]
async fn discovery_is_silent_about_them() {
    let door = open().await;
    let (_, groups) = door.get("/apis").await;
    assert!(!groups.to_string().contains("extensions\""), "{groups}");
    assert!(!groups.to_string().contains("v2beta2"));
    for path in [
        "/apis/extensions",
        "/apis/extensions/v1beta1",
        "/apis/apps/v1beta1",
        "/openapi/v3/apis/extensions/v1beta1",
    ] {
        assert_eq!(door.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn old_protobuf_is_understood() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/golden/api/extensions.v1beta1.Ingress.pb"
    );
    let Ok(bytes) = std::fs::read(file) else {
        return;
    };
    let door = open().await;
    let mut sent = request(
        Method::POST,
        "/apis/extensions/v1beta1/namespaces/default/ingresses?dryRun=All",
        "application/vnd.kubernetes.protobuf",
        "",
    );
    *sent.body_mut() = body(bytes);
    // The sample's values are no valid ones; what matters is that they were read.
    let (code, status) = door.send(sent).await;
    assert_eq!(code, 400, "{status}");
    assert_eq!(
        status["message"],
        "the namespace of the provided object does not match the namespace sent on the request"
    );
}

#[tokio::test]
async fn kinds_that_are_deprecated_say_so_on_every_answer() {
    let door = open().await;
    let endpoints = "/api/v1/namespaces/default/endpoints";
    let text =
        "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"";
    let object = json!({"metadata": {"name": "web"}});
    let (code, made, warnings) = warned(&door, post(endpoints, &object)).await;
    assert_eq!((code, warnings), (201, vec![text.to_owned()]), "{made}");
    for path in [endpoints.to_owned(), format!("{endpoints}/none")] {
        let (_, _, warnings) = warned(&door, request(Method::GET, &path, "", "")).await;
        assert_eq!(warnings, [text], "{path}");
    }
    let get = |path| request(Method::GET, path, "", "");
    let (_, _, warnings) = warned(&door, get("/api/v1/componentstatuses")).await;
    let text = "299 - \"v1 ComponentStatus is deprecated in v1.19+\"";
    assert_eq!(warnings, [text]);
    let (_, _, warnings) = warned(&door, get("/api/v1/pods")).await;
    assert!(warnings.is_empty(), "{warnings:?}");
}
