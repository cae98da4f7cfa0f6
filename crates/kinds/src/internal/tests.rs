//! What changed, as Go would write it.

use super::*;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};

fn changes<O: api::Object>(shape: &str, old: Value, new: Value) -> String {
    let [old, new] = [old, new].map(|spec| {
        let json = json!({ "spec": spec }).to_string();
        O::decode(json.as_bytes()).unwrap()
    });
    difference(shape, &old, &new)
}

#[test]
fn claims() {
    let of = |class: &str| json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": class, "volumeMode": "Filesystem"});
    let found = changes::<PersistentVolumeClaim>("PersistentVolumeClaimSpec", of("a"), of("<b>"));
    let expected = [
        "@@ -10,7 +10,7 @@",
        "   }",
        "  },",
        "  \"VolumeName\": \"\",",
        "- \"StorageClassName\": \"a\",",
        "+ \"StorageClassName\": \"\\u003cb\\u003e\",",
        "  \"VolumeMode\": \"Filesystem\",",
        "  \"DataSource\": null,",
        "  \"DataSourceRef\": null,",
        "",
    ];
    assert_eq!(found, expected.join("\n"));
}

#[test]
fn volumes() {
    let of = |path: &str| json!({"hostPath": {"path": path, "type": ""}, "capacity": {"storage": "1Gi"}});
    let found = changes::<PersistentVolume>("PersistentVolumeSource", of("/x"), of("/y"));
    let expected = [
        "@@ -2,7 +2,7 @@",
        "  \"GCEPersistentDisk\": null,",
        "  \"AWSElasticBlockStore\": null,",
        "  \"HostPath\": {",
        "-  \"Path\": \"/x\",",
        "+  \"Path\": \"/y\",",
        "   \"Type\": \"\"",
        "  },",
        "  \"Glusterfs\": null,",
        "",
    ];
    assert_eq!(found, expected.join("\n"));
}

#[test]
fn pods() {
    let of = |command: Value, network: bool| json!({"containers": [{"name": "c", "image": "i:1", "command": command}], "hostNetwork": network, "restartPolicy": "Always", "securityContext": {}});
    let found = changes::<Pod>(
        "PodSpec",
        of(json!(["a"]), false),
        of(json!(["a", "b"]), true),
    );
    let expected = [
        "@@ -6,7 +6,8 @@",
        "    \"Name\": \"c\",",
        "    \"Image\": \"i:1\",",
        "    \"Command\": [",
        "-    \"a\"",
        "+    \"a\",",
        "+    \"b\"",
        "    ],",
        "    \"Args\": null,",
        "    \"WorkingDir\": \"\",",
        "@@ -46,7 +47,7 @@",
        "  \"AutomountServiceAccountToken\": null,",
        "  \"NodeName\": \"\",",
        "  \"SecurityContext\": {",
        "-  \"HostNetwork\": false,",
        "+  \"HostNetwork\": true,",
        "   \"HostPID\": false,",
        "   \"HostIPC\": false,",
        "   \"ShareProcessNamespace\": null,",
        "",
    ];
    assert_eq!(found, expected.join("\n"));
}

#[test]
fn every_shape_that_is_named_is_there() {
    for line in shapes::SHAPES.lines() {
        for token in line.split(' ').skip(1) {
            let shape = match token.strip_prefix('+') {
                Some(shape) => shape,
                None => token.trim_start_matches(|it: char| it.is_ascii_alphanumeric()),
            };
            let shape = shape.trim_start_matches(['*', '[', ']', ':']);
            if shape.starts_with(|it: char| it.is_ascii_uppercase()) {
                assert!(
                    !fields(shape, &Map::new()).is_empty() || shape == "LabelSelector",
                    "{shape}"
                );
            }
        }
    }
}

#[test]
fn equal_texts_and_texts_without_end() {
    let long = "a\n".repeat(6_000);
    for (old, new, expected) in [
        ("a\nb", "a\nb", ""),
        ("a", "b", "@@ -1 +1 @@\n-a\n+b\n"),
        ("a\nb", "b", "@@ -1,2 +1 @@\n-a\n b\n"),
        (&long, "b", ""),
    ] {
        assert_eq!(unified::difference(old, new), expected);
    }
}
