//! Objects as they were written for older clusters, and what becomes of them.

use crate::find_older;
use serde_json::{Value, json};

/// The current form of an object, its `apiVersion`, `kind` and `metadata.name` left out.
fn upgraded(version: &str, kind: &str, mut object: Value) -> (Value, String) {
    let older = find_older(version, kind).unwrap();
    let note = older.upgrade(&mut object).unwrap_or_default();
    assert_eq!(object["apiVersion"], older.current_api_version());
    let law = crate::find(older.current.0, older.current.1, kind).unwrap();
    law.decode(object.to_string().as_bytes()).unwrap();
    let map = object.as_object_mut().unwrap();
    map.remove("apiVersion");
    map.remove("kind");
    (object, note)
}

#[test]
fn workloads() {
    let template = json!({ "metadata": { "labels": { "app": "web" } }, "spec": {} });
    let selector = json!({ "matchLabels": { "app": "web" } });
    let labelled = json!({ "labels": { "app": "web" } });
    let table = [
        (
            "extensions/v1beta1",
            "Deployment",
            json!({ "rollbackTo": { "revision": 3 } }),
            json!({ "selector": selector, "revisionHistoryLimit": i32::MAX, "progressDeadlineSeconds": i32::MAX,
                "strategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 1 } } }),
            json!({ "labels": { "app": "web" }, "annotations": { "deprecated.deployment.rollback.to": "3" } }),
        ),
        (
            "extensions/v1beta1",
            "Deployment",
            json!({ "strategy": { "type": "Recreate" }, "selector": { "matchLabels": { "a": "b" } }, "revisionHistoryLimit": 1, "progressDeadlineSeconds": 5 }),
            json!({ "strategy": { "type": "Recreate" }, "selector": { "matchLabels": { "a": "b" } }, "revisionHistoryLimit": 1, "progressDeadlineSeconds": 5 }),
            labelled.clone(),
        ),
        (
            "apps/v1beta1",
            "Deployment",
            json!({}),
            json!({ "selector": selector, "revisionHistoryLimit": 2 }),
            labelled.clone(),
        ),
        (
            "apps/v1beta2",
            "Deployment",
            json!({}),
            json!({}),
            Value::Null,
        ),
        (
            "apps/v1beta1",
            "StatefulSet",
            json!({ "serviceName": "web" }),
            json!({ "serviceName": "web", "selector": selector, "updateStrategy": { "type": "OnDelete" } }),
            labelled.clone(),
        ),
        (
            "extensions/v1beta1",
            "DaemonSet",
            json!({ "templateGeneration": 7, "updateStrategy": { "type": "RollingUpdate" } }),
            json!({ "selector": selector, "updateStrategy": { "type": "RollingUpdate" } }),
            json!({ "labels": { "app": "web" }, "annotations": { "deprecated.daemonset.template.generation": "7" } }),
        ),
        (
            "extensions/v1beta1",
            "ReplicaSet",
            json!({ "replicas": 2 }),
            json!({ "replicas": 2, "selector": selector }),
            labelled.clone(),
        ),
    ];
    for (version, kind, mut spec, mut expected, metadata) in table {
        spec["template"] = template.clone();
        expected["template"] = template.clone();
        let (object, note) = upgraded(version, kind, json!({ "spec": spec }));
        assert_eq!(object["spec"], expected, "{version} {kind}");
        assert_eq!(object["metadata"], metadata, "{version} {kind}");
        if expected["selector"] == selector {
            assert!(
                note.contains(r#"spec.selector: {"matchLabels":{"app":"web"}}"#),
                "{note}"
            );
        }
    }
}

#[test]
fn a_deployment_comes_back() {
    let older = find_older("extensions/v1beta1", "Deployment").unwrap();
    let mut object = json!({ "metadata": { "annotations": { "deprecated.deployment.rollback.to": "3" } }, "spec": {} });
    older.downgrade(&mut object);
    assert_eq!(object["spec"], json!({ "rollbackTo": { "revision": 3 } }));
    assert_eq!(object["metadata"], json!({}));
    assert_eq!(object["apiVersion"], "extensions/v1beta1");
    assert_eq!(
        older.warning(),
        "extensions/v1beta1 Deployment is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 Deployment"
    );
}

#[test]
fn ingresses() {
    let old = json!({ "spec": {
        "backend": { "serviceName": "other", "servicePort": "http" },
        "rules": [{ "host": "a.example" }, { "http": { "paths": [
            { "path": "/", "backend": { "serviceName": "web", "servicePort": 80 } },
            { "pathType": "Exact", "backend": { "resource": { "kind": "B", "name": "b" } } },
        ] } }],
    } });
    let (new, note) = upgraded("networking.k8s.io/v1beta1", "Ingress", old.clone());
    assert_eq!(
        new["spec"],
        json!({
            "defaultBackend": { "service": { "name": "other", "port": { "name": "http" } } },
            "rules": [{ "host": "a.example" }, { "http": { "paths": [
                { "path": "/", "pathType": "ImplementationSpecific", "backend": { "service": { "name": "web", "port": { "number": 80 } } } },
                { "pathType": "Exact", "backend": { "resource": { "kind": "B", "name": "b" } } },
            ] } }],
        })
    );
    assert_eq!(
        note,
        r#"as networking.k8s.io/v1 Ingress this is written spec.defaultBackend: {"service":{"name":"other","port":{"name":"http"}}}; spec.rules[1].http.paths[0].backend: {"service":{"name":"web","port":{"number":80}}}; spec.rules[1].http.paths[0].pathType: "ImplementationSpecific""#
    );
    let mut back = new;
    find_older("networking.k8s.io/v1beta1", "Ingress")
        .unwrap()
        .downgrade(&mut back);
    let mut expected = old["spec"].clone();
    expected["rules"][1]["http"]["paths"][0]["pathType"] = "ImplementationSpecific".into();
    assert_eq!(back["spec"], expected);
}

#[test]
fn metrics() {
    let selector = json!({ "matchLabels": { "a": "b" } });
    let table = [
        (
            json!({ "type": "Resource", "resource": { "name": "cpu", "targetAverageUtilization": 50 } }),
            json!({ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 50 } } }),
        ),
        (
            json!({ "type": "Resource", "resource": { "name": "memory", "targetAverageValue": "1Gi" } }),
            json!({ "type": "Resource", "resource": { "name": "memory", "target": { "type": "AverageValue", "averageValue": "1Gi" } } }),
        ),
        (
            json!({ "type": "ContainerResource", "containerResource": { "name": "cpu", "container": "c", "targetAverageUtilization": 5 } }),
            json!({ "type": "ContainerResource", "containerResource": { "name": "cpu", "container": "c", "target": { "type": "Utilization", "averageUtilization": 5 } } }),
        ),
        (
            json!({ "type": "Pods", "pods": { "metricName": "hits", "targetAverageValue": "10", "selector": selector } }),
            json!({ "type": "Pods", "pods": { "metric": { "name": "hits", "selector": selector }, "target": { "type": "AverageValue", "averageValue": "10" } } }),
        ),
        (
            json!({ "type": "Object", "object": { "metricName": "hits", "targetValue": "10", "target": { "kind": "Service", "name": "s" } } }),
            json!({ "type": "Object", "object": { "metric": { "name": "hits" }, "describedObject": { "kind": "Service", "name": "s" }, "target": { "type": "Value", "value": "10" } } }),
        ),
        (
            json!({ "type": "External", "external": { "metricName": "q", "metricSelector": selector, "targetAverageValue": "3" } }),
            json!({ "type": "External", "external": { "metric": { "name": "q", "selector": selector }, "target": { "type": "AverageValue", "averageValue": "3" } } }),
        ),
    ];
    let older = find_older("autoscaling/v2beta1", "HorizontalPodAutoscaler").unwrap();
    for (old, new) in table {
        let of = |metric: &Value| json!({ "maxReplicas": 3, "scaleTargetRef": { "kind": "Deployment", "name": "d" }, "metrics": [metric] });
        let object = json!({ "metadata": { "name": "h" }, "spec": of(&old) });
        let (mut object, _) = upgraded("autoscaling/v2beta1", older.kind, object);
        assert_eq!(object["spec"], of(&new));
        older.downgrade(&mut object);
        assert_eq!(object["spec"], of(&old));
    }
}

#[test]
fn behavior_lives_in_an_annotation_of_v2beta1() {
    let older = find_older("autoscaling/v2beta1", "HorizontalPodAutoscaler").unwrap();
    let current = json!({ "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "h" },
        "spec": { "behavior": { "scaleDown": { "stabilizationWindowSeconds": 1 } } },
        "status": { "currentMetrics": [{ "type": "Object", "object": { "metric": { "name": "m" }, "describedObject": { "kind": "S", "name": "s" }, "current": { "value": "1" } } }] } });
    let mut object = current.clone();
    older.downgrade(&mut object);
    assert_eq!(object["spec"], json!({}));
    assert_eq!(
        object["status"]["currentMetrics"][0]["object"],
        json!({ "metricName": "m", "target": { "kind": "S", "name": "s" }, "currentValue": "1" })
    );
    older.upgrade(&mut object);
    assert_eq!(object, current);
}

#[test]
fn an_empty_budget_selector_keeps_its_meaning() {
    let label = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";
    let by =
        |operator: &str| json!({ "matchExpressions": [{ "key": label, "operator": operator }] });
    let table = [
        (json!({}), by("Exists")),
        (json!({ "matchLabels": {} }), by("Exists")),
        (by("DoesNotExist"), json!({})),
        (
            json!({ "matchLabels": { "a": "b" } }),
            json!({ "matchLabels": { "a": "b" } }),
        ),
    ];
    for (old, new) in table {
        let object = json!({ "spec": { "selector": old, "minAvailable": 1 } });
        let (object, _) = upgraded("policy/v1beta1", "PodDisruptionBudget", object);
        assert_eq!(object["spec"]["selector"], new);
    }
    let older = find_older("policy/v1beta1", "PodDisruptionBudget").unwrap();
    for (current, shown) in [(json!({}), by("DoesNotExist")), (by("Exists"), json!({}))] {
        let mut object = json!({ "spec": { "selector": current } });
        older.downgrade(&mut object);
        assert_eq!(object["spec"]["selector"], shown);
    }
}

#[test]
fn custom_resource_definitions() {
    let names = json!({ "plural": "crons", "kind": "Cron" });
    let old = json!({ "metadata": { "name": "crons.example.com" }, "spec": {
        "group": "example.com", "version": "v1", "names": names,
        "subresources": { "status": {} },
        "additionalPrinterColumns": [{ "name": "Spec", "type": "string", "JSONPath": ".spec.cron" }],
        "validation": { "openAPIV3Schema": { "properties": { "spec": { "required": ["cron"], "properties": {
            "cron": { "type": "string", "pattern": "^.*$" }, "port": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
            "any": {}, "list": { "items": { "enum": ["a"] } } } } } } },
        "conversion": { "strategy": "Webhook", "webhookClientConfig": { "url": "https://x" } },
    } });
    let (new, _) = upgraded(
        "apiextensions.k8s.io/v1beta1",
        "CustomResourceDefinition",
        old,
    );
    let open = "x-kubernetes-preserve-unknown-fields";
    assert_eq!(
        new["spec"],
        json!({
            "group": "example.com", "scope": "Namespaced", "names": names,
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
                "additionalPrinterColumns": [{ "name": "Spec", "type": "string", "jsonPath": ".spec.cron" }],
                "schema": { "openAPIV3Schema": { "type": "object", open: true, "properties": { "spec": {
                    "type": "object", open: true, "required": ["cron"], "properties": {
                        "cron": { "type": "string", "pattern": "^.*$" },
                        "port": { "anyOf": [{ "type": "string" }, { "type": "integer" }], "x-kubernetes-int-or-string": true },
                        "any": { open: true },
                        "list": { "type": "array", "items": { "type": "string", "enum": ["a"] } } } } } } },
            }],
            "conversion": { "strategy": "Webhook", "webhook": { "clientConfig": { "url": "https://x" }, "conversionReviewVersions": ["v1beta1"] } },
        })
    );
    let older = find_older("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition").unwrap();
    let mut object = new.clone();
    older.downgrade(&mut object);
    assert_eq!(object["spec"]["version"], "v1");
    assert_eq!(
        object["spec"]["additionalPrinterColumns"][0]["JSONPath"],
        ".spec.cron"
    );
    assert_eq!(
        object["spec"]["versions"],
        json!([{ "name": "v1", "served": true, "storage": true }])
    );
    older.upgrade(&mut object);
    assert_eq!(object["spec"], new["spec"]);
}

#[test]
fn versions_with_schemas_of_their_own_stay_apart() {
    let version = |name: &str, field: &str| {
        json!({ "name": name, "served": true, "storage": name == "v1",
        "schema": { "openAPIV3Schema": { "type": "object", "properties": { field: { "type": "string" } } } } })
    };
    let old = json!({ "spec": { "group": "e", "names": {}, "scope": "Cluster", "preserveUnknownFields": false,
        "version": "v1", "versions": [version("v1", "a"), version("v2", "b")] } });
    let (new, _) = upgraded(
        "apiextensions.k8s.io/v1beta1",
        "CustomResourceDefinition",
        {
            let mut old = old.clone();
            old["spec"]["names"] = json!({ "plural": "p", "kind": "K" });
            old
        },
    );
    assert_eq!(
        new["spec"]["versions"],
        json!([version("v1", "a"), version("v2", "b")])
    );
    let older = find_older("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition").unwrap();
    let mut back = new;
    older.downgrade(&mut back);
    assert_eq!(back["spec"]["versions"], old["spec"]["versions"]);
    assert_eq!(back["spec"]["preserveUnknownFields"], false);
}

#[test]
fn webhooks_were_lenient() {
    let old = json!({ "webhooks": [{ "name": "a.b.c", "clientConfig": { "url": "https://x" } },
        { "name": "d.e.f", "clientConfig": {}, "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 1, "matchPolicy": "Equivalent", "admissionReviewVersions": ["v1"] }] });
    let (new, note) = upgraded(
        "admissionregistration.k8s.io/v1beta1",
        "ValidatingWebhookConfiguration",
        old.clone(),
    );
    assert_eq!(
        new["webhooks"][0],
        json!({ "name": "a.b.c", "clientConfig": { "url": "https://x" }, "failurePolicy": "Ignore", "matchPolicy": "Exact",
            "timeoutSeconds": 30, "admissionReviewVersions": ["v1beta1"], "sideEffects": "NoneOnDryRun" })
    );
    assert_eq!(new["webhooks"][1], old["webhooks"][1]);
    assert!(
        note.contains(r#"webhooks[0].failurePolicy: "Ignore""#),
        "{note}"
    );
}

#[test]
fn smaller_kinds() {
    let (it, _) = upgraded(
        "rbac.authorization.k8s.io/v1alpha1",
        "ClusterRoleBinding",
        json!({
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r" },
        "subjects": [{ "kind": "User", "name": "*" }, { "kind": "ServiceAccount", "apiVersion": "v1", "name": "s", "namespace": "n" }] }),
    );
    assert_eq!(
        it["subjects"],
        json!([{ "kind": "Group", "name": "system:authenticated", "apiGroup": "rbac.authorization.k8s.io" },
            { "kind": "ServiceAccount", "name": "s", "namespace": "n" }])
    );
    let (it, _) = upgraded(
        "node.k8s.io/v1alpha1",
        "RuntimeClass",
        json!({ "spec": { "runtimeHandler": "runsc" } }),
    );
    assert_eq!(it, json!({ "handler": "runsc" }));
    let (it, _) = upgraded(
        "discovery.k8s.io/v1beta1",
        "EndpointSlice",
        json!({ "addressType": "IPv4", "endpoints": [{ "addresses": ["10.0.0.1"], "nodeName": "n",
        "topology": { "kubernetes.io/hostname": "n", "topology.kubernetes.io/zone": "z", "rack": "r" } }] }),
    );
    assert_eq!(
        it["endpoints"][0],
        json!({ "addresses": ["10.0.0.1"], "nodeName": "n", "zone": "z", "deprecatedTopology": { "rack": "r" } })
    );
    let (it, _) = upgraded(
        "authorization.k8s.io/v1beta1",
        "SubjectAccessReview",
        json!({ "spec": { "user": "u", "group": ["g"] } }),
    );
    assert_eq!(it["spec"], json!({ "user": "u", "groups": ["g"] }));
    let (it, _) = upgraded(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        "PriorityLevelConfiguration",
        json!({ "spec": { "type": "Limited", "limited": { "assuredConcurrencyShares": 5 } } }),
    );
    assert_eq!(
        it["spec"]["limited"],
        json!({ "nominalConcurrencyShares": 5 })
    );
    let (it, _) = upgraded(
        "certificates.k8s.io/v1beta1",
        "CertificateSigningRequest",
        json!({ "spec": { "request": "" }, "status": { "conditions": [{ "type": "Approved" }] } }),
    );
    assert_eq!(it["spec"]["signerName"], "kubernetes.io/legacy-unknown");
    assert_eq!(it["status"]["conditions"][0]["status"], "True");
}

#[test]
fn scales_keep_their_selector() {
    for (text, labels) in [
        ("a=b,c=d", json!({ "a": "b", "c": "d" })),
        ("a in (b,c)", Value::Null),
        ("a!=b", Value::Null),
        ("a=b,!c", Value::Null),
    ] {
        let current = json!({ "apiVersion": "autoscaling/v1", "kind": "Scale", "spec": { "replicas": 2 },
            "status": { "replicas": 1, "selector": text } });
        let older = super::super::scale::ROWS
            .iter()
            .find(|it| it.group == "extensions")
            .unwrap();
        let mut tree = current.clone();
        older.downgrade(&mut tree);
        assert_eq!(tree["apiVersion"], "extensions/v1beta1");
        let status = &tree["status"];
        assert_eq!(
            (&status["selector"], &status["targetSelector"]),
            (&labels, &json!(text))
        );
        older.upgrade(&mut tree);
        assert_eq!(tree, current);
    }
}
