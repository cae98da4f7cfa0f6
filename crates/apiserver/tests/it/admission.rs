//! Admission through the door: what each plugin gives an object, and what it refuses.

use crate::door::{Tested, open};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";

/// A door whose default namespace has its account.
pub(crate) async fn peopled() -> Tested {
    let door = open().await;
    let account = json!({ "metadata": { "name": "default" } });
    let path = "/api/v1/namespaces/default/serviceaccounts";
    assert_eq!(door.post(path, &account).await.0, 201);
    door
}

fn pod(name: &str, spec: &Value) -> Value {
    let mut all = json!({ "containers": [{ "name": "c", "image": "i" }] });
    for (key, value) in spec.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({ "metadata": { "name": name }, "spec": all })
}

fn claim(name: &str, size: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": size } } } })
}

#[tokio::test]
async fn limit_ranges_complete_and_bound() {
    let door = peopled().await;
    let range = json!({ "metadata": { "name": "r" }, "spec": { "limits": [
        { "type": "Container", "default": { "cpu": "500m" }, "defaultRequest": { "cpu": "100m" }, "max": { "cpu": "1" } },
        { "type": "PersistentVolumeClaim", "max": { "storage": "1Gi" } } ] } });
    let (code, made) = door
        .post("/api/v1/namespaces/default/limitranges", &range)
        .await;
    assert_eq!(code, 201, "{made}");
    let (code, made) = door.post(PODS, &pod("p", &json!({}))).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    );
    let resources = &made["spec"]["containers"][0]["resources"];
    assert_eq!(
        (
            &resources["requests"]["cpu"],
            &resources["limits"]["cpu"],
            &made["status"]["qosClass"]
        ),
        (&json!("100m"), &json!("500m"), &json!("Burstable"))
    );
    let large = json!({ "containers": [{ "name": "c", "image": "i", "resources": { "limits": { "cpu": "2" } } }] });
    let (code, status) = door.post(PODS, &pod("q", &large)).await;
    assert_eq!(
        (code, &status["reason"], &status["message"]),
        (
            403,
            &json!("Forbidden"),
            &json!("pods \"q\" is forbidden: maximum cpu usage per Container is 1, but limit is 2")
        )
    );
    let (code, status) = door.post(CLAIMS, &claim("c", "2Gi")).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "persistentvolumeclaims \"c\" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"
            )
        )
    );
}

#[tokio::test]
async fn claims_grow_when_their_class_allows() {
    let door = peopled().await;
    let class = |name: &str, grows: bool| {
        json!({ "metadata": { "name": name, "annotations": { "storageclass.kubernetes.io/is-default-class": grows.to_string() } },
            "provisioner": "p", "allowVolumeExpansion": grows })
    };
    let classes = "/apis/storage.k8s.io/v1/storageclasses";
    assert_eq!(door.post(classes, &class("grows", true)).await.0, 201);
    assert_eq!(door.post(classes, &class("fixed", false)).await.0, 201);
    let (code, made) = door.post(CLAIMS, &claim("c", "1Gi")).await;
    assert_eq!(
        (
            code,
            &made["spec"]["storageClassName"],
            &made["metadata"]["finalizers"]
        ),
        (
            201,
            &json!("grows"),
            &json!(["kubernetes.io/pvc-protection"])
        )
    );
    let mut fixed = claim("f", "1Gi");
    fixed["spec"]["storageClassName"] = json!("fixed");
    assert_eq!(door.post(CLAIMS, &fixed).await.0, 201);
    let grow = json!({ "spec": { "resources": { "requests": { "storage": "2Gi" } } } });
    let merge = "application/merge-patch+json";
    let (code, status) = door.patch(&format!("{CLAIMS}/c"), merge, &grow).await;
    assert_eq!(
        (code, &status["message"]),
        (
            422,
            &json!(
                "PersistentVolumeClaim \"c\" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n@@ -6,7 +6,7 @@\n  \"Resources\": {\n   \"Limits\": null,\n   \"Requests\": {\n-   \"storage\": \"1Gi\"\n+   \"storage\": \"2Gi\"\n   }\n  },\n  \"VolumeName\": \"\",\n"
            )
        )
    );
    for name in ["c", "f"] {
        let bound = json!({ "status": { "phase": "Bound" } });
        let path = format!("{CLAIMS}/{name}/status");
        assert_eq!(door.patch(&path, merge, &bound).await.0, 200);
    }
    let (code, grown) = door.patch(&format!("{CLAIMS}/c"), merge, &grow).await;
    assert_eq!(code, 200, "{grown}");
    let (code, status) = door.patch(&format!("{CLAIMS}/f"), merge, &grow).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "persistentvolumeclaims \"f\" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
            )
        )
    );
}

#[tokio::test]
async fn runtime_classes_complete_pods() {
    let door = peopled().await;
    let named = json!({ "runtimeClassName": "light" });
    let (code, status) = door.post(PODS, &pod("p", &named)).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!("pods \"p\" is forbidden: pod rejected: RuntimeClass \"light\" not found")
        )
    );
    let class = json!({ "metadata": { "name": "light" }, "handler": "h", "overhead": { "podFixed": { "cpu": "100m" } },
        "scheduling": { "nodeSelector": { "kind": "light" }, "tolerations": [{ "key": "light", "operator": "Exists" }] } });
    let (code, made) = door
        .post("/apis/node.k8s.io/v1/runtimeclasses", &class)
        .await;
    assert_eq!(code, 201, "{made}");
    let (code, made) = door.post(PODS, &pod("p", &named)).await;
    assert_eq!(
        (
            code,
            &made["spec"]["overhead"]["cpu"],
            &made["spec"]["nodeSelector"]["kind"]
        ),
        (201, &json!("100m"), &json!("light")),
        "{made}"
    );
    assert_eq!(made["spec"]["tolerations"].as_array().unwrap().len(), 3);
    let own = json!({ "overhead": { "cpu": "1" } });
    let (code, status) = door.post(PODS, &pod("q", &own)).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "pods \"q\" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            )
        )
    );
}

#[tokio::test]
async fn nodes_and_ingresses_begin_as_upstream() {
    let door = open().await;
    let (code, made) = door
        .post("/api/v1/nodes", &json!({ "metadata": { "name": "n" } }))
        .await;
    assert_eq!(
        (code, &made["spec"]["taints"]),
        (
            201,
            &json!([{ "effect": "NoSchedule", "key": "node.kubernetes.io/not-ready" }])
        )
    );
    let class = json!({ "metadata": { "name": "usual", "annotations": { "ingressclass.kubernetes.io/is-default-class": "true" } },
        "spec": { "controller": "example.com/c" } });
    let group = "/apis/networking.k8s.io/v1";
    let (code, made) = door.post(&format!("{group}/ingressclasses"), &class).await;
    assert_eq!(code, 201, "{made}");
    let backend = json!({ "service": { "name": "s", "port": { "number": 80 } } });
    let ingress = json!({ "metadata": { "name": "i" }, "spec": { "defaultBackend": backend } });
    let path = format!("{group}/namespaces/default/ingresses");
    let (code, made) = door.post(&path, &ingress).await;
    assert_eq!(
        (code, &made["spec"]["ingressClassName"]),
        (201, &json!("usual")),
        "{made}"
    );
}

#[tokio::test]
async fn accounts_may_limit_what_is_mounted() {
    let door = open().await;
    let account = json!({ "metadata": { "name": "default", "annotations": { "kubernetes.io/enforce-mountable-secrets": "true" } } });
    let path = "/api/v1/namespaces/default/serviceaccounts";
    assert_eq!(door.post(path, &account).await.0, 201);
    let secret = json!({ "volumes": [{ "name": "v", "secret": { "secretName": "s" } }] });
    let (code, status) = door.post(PODS, &pod("p", &secret)).await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(
                "pods \"p\" is forbidden: volume with secret.secretName=\"s\" is not allowed because service account default does not reference that secret"
            )
        )
    );
}

#[tokio::test]
async fn namespaces_that_end_say_so() {
    let door = open().await;
    let held = json!({ "metadata": { "name": "ending", "finalizers": ["example.com/hold"] } });
    assert_eq!(door.post("/api/v1/namespaces", &held).await.0, 201);
    door.delete("/api/v1/namespaces/ending", &Value::Null).await;
    let map = json!({ "metadata": { "name": "m" } });
    let (code, status) = door
        .post("/api/v1/namespaces/ending/configmaps", &map)
        .await;
    assert_eq!(
        (code, &status["message"], &status["details"]["causes"]),
        (
            403,
            &json!(
                "configmaps \"m\" is forbidden: unable to create new content in namespace ending because it is being terminated"
            ),
            &json!([{ "reason": "NamespaceTerminating", "message": "namespace ending is being terminated", "field": "metadata.namespace" }])
        )
    );
    for name in ["default", "kube-system", "kube-public"] {
        let path = format!("/api/v1/namespaces/{name}");
        let (code, status) = door.delete(&path, &Value::Null).await;
        let text = format!("namespaces {name:?} is forbidden: this namespace may not be deleted");
        assert_eq!((code, &status["message"]), (403, &json!(text)));
    }
}

#[tokio::test]
async fn devices_in_use_are_lent_where_the_namespace_says_so() {
    let door = open().await;
    let ask = json!({ "metadata": { "name": "c" }, "spec": { "devices": { "requests": [
        { "name": "r", "exactly": { "deviceClassName": "d", "adminAccess": true } } ] } } });
    let template = json!({ "metadata": { "name": "c" }, "spec": { "spec": ask["spec"] } });
    let path = "/apis/resource.k8s.io/v1/namespaces/default";
    let text = "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace";
    for (plural, kind, object) in [
        ("resourceclaims", "ResourceClaim", &ask),
        ("resourceclaimtemplates", "ResourceClaimTemplate", &template),
    ] {
        let (code, status) = door.post(&format!("{path}/{plural}"), object).await;
        assert_eq!(code, 422, "{status}");
        let expected = format!("{kind}.resource.k8s.io \"c\" is invalid: {text}");
        assert_eq!(status["message"], expected);
    }
    let mut plain = ask.clone();
    plain["spec"]["devices"]["requests"][0]["exactly"] = json!({ "deviceClassName": "d" });
    plain["metadata"]["name"] = json!("plain");
    let (code, made) = door.post(&format!("{path}/resourceclaims"), &plain).await;
    assert_eq!(code, 201, "{made}");
    let label =
        json!({ "metadata": { "labels": { "resource.kubernetes.io/admin-access": "true" } } });
    let (code, made) = door
        .patch(
            "/api/v1/namespaces/default",
            "application/merge-patch+json",
            &label,
        )
        .await;
    assert_eq!(code, 200, "{made}");
    let (code, made) = door.post(&format!("{path}/resourceclaims"), &ask).await;
    assert_eq!(code, 201, "{made}");
}
