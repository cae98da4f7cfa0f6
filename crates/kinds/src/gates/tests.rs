//! What is gated goes in at one end and does not come out at the other.

use crate::{Law, cases::CONTEXT, find};
use serde_json::{Value, json};

fn stored(law: &dyn Law, new: &Value, old: Option<&Value>) -> Value {
    let read = |json: &Value| law.decode(json.to_string().as_bytes()).unwrap();
    let mut object = read(new);
    law.default(object.as_mut());
    match old {
        None => law.prepare_for_create(&CONTEXT, object.as_mut()),
        Some(old) => law.prepare_for_update(&CONTEXT, object.as_mut(), read(old).as_ref()),
    }
    serde_json::from_slice(&object.encode()).unwrap()
}

/// Kind, an object with the gated field, where the field is.
fn table() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let pods = json!({
        "containers": [{"name": "c", "image": "i"}],
        "schedulingGroup": {"podGroupName": "g"},
        "volumes": [{"name": "v", "projected": {"sources": [
            {"clusterTrustBundle": {"name": "b", "path": "p"}},
            {"podCertificate": {"keyType": "ED25519", "signerName": "s"}}
        ]}}]
    });
    let template = json!({"template": {"spec": pods}});
    let mut all = vec![
        ("", "Pod", pods.clone(), "/spec"),
        (
            "batch",
            "CronJob",
            json!({"schedule": "* * * * *", "jobTemplate": {"spec": template}}),
            "/spec/jobTemplate/spec/template/spec",
        ),
    ];
    for (group, kind) in [
        ("", "ReplicationController"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("batch", "Job"),
    ] {
        all.push((group, kind, template.clone(), "/spec/template/spec"));
    }
    let mut rows = Vec::new();
    for (group, kind, spec, at) in all {
        for field in [
            "/schedulingGroup",
            "/volumes/0/projected/sources/0/clusterTrustBundle",
            "/volumes/0/projected/sources/1/podCertificate",
        ] {
            let at: &'static str = format!("{at}{field}").leak();
            rows.push((group, kind, json!({"spec": spec}), at));
        }
    }
    let lease = json!({"spec": {"strategy": "OldestEmulationVersion", "preferredHolder": "a"}});
    let source = json!({"spec": {"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "x", "namespace": "n"}}});
    let slice = json!({"spec": {"driver": "d", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}, "devices": [{
        "name": "a",
        "attributes": {"x": {"ints": [1]}},
        "nodeAllocatableResourceMappings": {"cpu": {}}
    }]}});
    let driver = json!({"spec": {"preventPodSchedulingIfMissing": true}});
    let k8s = |group: &str| -> &'static str { format!("{group}.k8s.io").leak() };
    let (coordination, resource, storage) = (k8s("coordination"), k8s("resource"), k8s("storage"));
    rows.extend([
        ("", "PersistentVolumeClaim", source, "/spec/dataSourceRef"),
        (coordination, "Lease", lease.clone(), "/spec/strategy"),
        (coordination, "Lease", lease, "/spec/preferredHolder"),
        (
            resource,
            "ResourceSlice",
            slice.clone(),
            "/spec/devices/0/attributes/x/ints",
        ),
        (
            resource,
            "ResourceSlice",
            slice,
            "/spec/devices/0/nodeAllocatableResourceMappings",
        ),
        (
            storage,
            "CSIDriver",
            driver,
            "/spec/preventPodSchedulingIfMissing",
        ),
    ]);
    rows
}

#[test]
fn fields_of_features_that_are_off_are_dropped_unless_they_were_there() {
    for (group, kind, object, at) in table() {
        let law = find(group, "v1", kind).unwrap();
        assert!(object.pointer(at).is_some(), "{kind} {at}");
        let mut object = object.clone();
        object["metadata"] = json!({"name": "x"});
        let made = stored(law, &object, None);
        assert_eq!(made.pointer(at), None, "{kind} {at}");
        let changed = stored(law, &object, Some(&made));
        assert_eq!(changed.pointer(at), None, "{kind} {at}");
        let kept = stored(law, &object, Some(&object));
        assert!(kept.pointer(at).is_some(), "{kind} {at}");
    }
}

#[test]
fn statuses_lose_them_too() {
    let law = find("", "v1", "Pod").unwrap();
    let read = |json: Value| law.decode(json.to_string().as_bytes()).unwrap();
    let said = json!({"status": {"nodeAllocatableResourceClaimStatuses": [{"resourceClaimName": "c", "resources": {}}]}});
    let mut new = read(said);
    law.prepare_for_subresource("status", &CONTEXT, new.as_mut(), read(json!({})).as_ref());
    let tree: Value = serde_json::from_slice(&new.encode()).unwrap();
    assert_eq!(tree["status"], json!({}));
}
