//! What must hold of every kind.

use super::*;
use std::{collections::BTreeSet, path::Path};

#[test]
fn names_are_unique_and_columns_have_cells() {
    let mut seen = BTreeSet::new();
    for law in list() {
        let names = law.names();
        assert!(seen.insert((law.group(), law.version(), names.plural)));
        assert!(find(law.group(), law.version(), law.kind()).is_some());
        assert_eq!(names.singular, law.kind().to_lowercase(), "{}", law.kind());
        if names.verbs.contains(&"list") {
            let object = law.decode(b"{\"metadata\":{}}").unwrap();
            let cells = law.row(object.as_ref(), jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(cells.len(), law.columns().len(), "{}", law.kind());
        }
        let sorted = law.subresources().is_sorted_by_key(|part| part.name);
        assert!(sorted, "{}", law.kind());
    }
}

#[test]
fn selectable_fields_are_the_declared_ones() {
    for law in list() {
        let object = law.decode(b"{\"metadata\":{}}").unwrap();
        let fields = law.selectable_fields(object.as_ref());
        let names: Vec<_> = fields.iter().map(|field| field.0).collect();
        assert_eq!(names, law.selectable_field_names(), "{}", law.kind());
    }
}

/// What the status of a new object is, as clients read it.
fn first_status(law: &dyn Law) -> serde_json::Value {
    use serde_json::json;
    match law.kind() {
        "DaemonSet" => {
            json!({"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0})
        }
        "HorizontalPodAutoscaler" if law.version() == "v1" => {
            json!({"currentReplicas": 0, "desiredReplicas": 0})
        }
        "HorizontalPodAutoscaler" => json!({"currentMetrics": null, "desiredReplicas": 0}),
        "CustomResourceDefinition" => {
            json!({"acceptedNames": {"kind": "", "plural": ""}, "conditions": null, "storedVersions": null})
        }
        "Ingress" | "Service" => json!({"loadBalancer": {}}),
        "Namespace" => json!({"phase": "Active"}),
        "Node" => json!({
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": {
                "architecture": "", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "",
                "osImage": "", "systemUUID": ""
            }
        }),
        "PersistentVolume" => {
            json!({"lastPhaseTransitionTime": "1970-01-01T00:00:00Z", "phase": "Pending"})
        }
        "PersistentVolumeClaim" => json!({"phase": "Pending"}),
        "Pod" => json!({"phase": "Pending", "qosClass": "BestEffort"}),
        "PodDisruptionBudget" => {
            json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0})
        }
        "ReplicaSet" | "ReplicationController" => json!({"replicas": 0}),
        "StatefulSet" => json!({"availableReplicas": 0, "replicas": 0}),
        "VolumeAttachment" => json!({"attached": false}),
        _ => json!({}),
    }
}

#[test]
fn statuses_are_there_from_the_beginning() {
    let named = b"{\"metadata\":{\"name\":\"x\"}}";
    let status = |object: &dyn api::AnyObject| -> serde_json::Value {
        let tree: serde_json::Value = serde_json::from_slice(&object.encode()).unwrap();
        tree["status"].clone()
    };
    for law in list() {
        if !law.subresources().iter().any(|part| part.name == "status") {
            continue;
        }
        let mut new = law.decode(named).unwrap();
        law.default(new.as_mut());
        law.prepare_for_create(&cases::CONTEXT, new.as_mut());
        let kind = law.kind();
        assert_eq!(status(new.as_ref()), first_status(*law), "{kind}");

        let mut without = law.decode(named).unwrap();
        law.default(without.as_mut());
        law.prepare_for_subresource("status", &cases::CONTEXT, without.as_mut(), new.as_ref());
        assert!(status(without.as_ref()).is_object(), "{kind}");
    }
}

/// Upstream's own sample of every kind, when the shared folder is at hand.
fn golden(law: &dyn Law) -> Option<Vec<u8>> {
    let group = if law.group().is_empty() {
        "core"
    } else {
        law.group()
    };
    let file = format!(
        "../../../shared/golden/api/{group}.{}.{}.json",
        law.version(),
        law.kind()
    );
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

#[test]
fn defaulting_twice_is_defaulting_once() {
    for law in list() {
        for json in [
            golden(*law),
            Some(b"{\"metadata\":{\"name\":\"x\"}}".to_vec()),
        ] {
            let Some(json) = json else { continue };
            // One sample has a null where the typed form has a time; it cannot be read as that type.
            let Ok(mut once) = law.decode(&json) else {
                continue;
            };
            law.default(once.as_mut());
            let mut twice = once.clone_box();
            law.default(twice.as_mut());
            assert_eq!(once.encode(), twice.encode(), "{}", law.kind());
            let _ = law.validate(once.as_ref());
            let _ = law.validate_update(twice.as_ref(), once.as_ref());
            let _ = law.warnings(twice.as_ref(), Some(once.as_ref()));
            let _ = law.row(once.as_ref(), jiff::Timestamp::UNIX_EPOCH);
        }
    }
}

#[test]
fn views_survive_the_hub() {
    for law in list() {
        let (Some(hub), Some(json)) = (law.hub(), golden(*law)) else {
            continue;
        };
        let mut view = law.decode(&json).unwrap();
        law.default(view.as_mut());
        let stored = (hub.to_hub)(view.as_ref()).unwrap();
        let back = (hub.from_hub)(stored.as_ref()).unwrap();
        let again = (hub.to_hub)(back.as_ref()).unwrap();
        assert_eq!(stored.encode(), again.encode(), "{}", law.kind());
        assert!(find(hub.group, hub.version, stored.kind()).is_some());
    }
}
