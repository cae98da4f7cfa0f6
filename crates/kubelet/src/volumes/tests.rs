//! Volumes on a real directory.

use super::{
    payload::{File, Payload},
    *,
};
use api::Object;
use std::{fs, os::unix::fs::PermissionsExt, os::unix::fs::symlink};

fn context(pod: serde_json::Value) -> Context {
    let mut referenced = Referenced::default();
    referenced.add_config_map(
        "cm",
        r#"{"metadata":{"name":"cm"},"data":{"a":"1","b":"2"}}"#,
    );
    referenced.add_secret("s", r#"{"metadata":{"name":"s"},"data":{"p":"aGk="}}"#);
    Context {
        pod: Arc::new(Pod::decode(pod.to_string().as_bytes()).unwrap()),
        referenced,
        node: NodeView::default(),
        tokens: BTreeMap::new(),
        may_mount: false,
    }
}

fn pod(volumes: serde_json::Value) -> serde_json::Value {
    serde_json::json!({"metadata": {"name": "p", "uid": "u", "labels": {"x": "y"}}, "spec": {"containers": [], "volumes": volumes}})
}

#[test]
fn keys_become_files() {
    let dir = tempfile::tempdir().unwrap();
    let all = context(pod(serde_json::json!([
        {"name": "cm", "configMap": {"name": "cm", "items": [{"key": "a", "path": "dir/a", "mode": 256}]}},
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 416}},
        {"name": "none", "configMap": {"name": "nope", "optional": true}},
        {"name": "d", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"name": "pr", "projected": {"sources": [{"configMap": {"name": "cm"}}, {"secret": {"name": "s"}}]}},
        {"name": "e", "emptyDir": {}},
    ])));
    let mounted = set_up_all(dir.path(), &all).unwrap();
    let read = |name: &str, file: &str| fs::read_to_string(mounted[name].path.join(file)).unwrap();
    assert_eq!(read("cm", "dir/a"), "1");
    assert_eq!(read("s", "p"), "hi");
    assert_eq!(read("d", "labels"), "x=\"y\"");
    assert_eq!(
        (read("pr", "a"), read("pr", "p")),
        ("1".to_owned(), "hi".to_owned())
    );
    let mode = |name: &str, file: &str| {
        fs::metadata(mounted[name].path.join(file))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("cm", "dir/a"), mode("s", "p"), mode("e", ".")),
        (0o400, 0o640, 0o777)
    );
    assert_eq!(
        set_up_all(dir.path(), &all).unwrap(),
        mounted,
        "setting up is repeatable"
    );
    tear_down_all(dir.path()).unwrap();
    assert!(!dir.path().exists());
    tear_down_all(dir.path()).unwrap();
}

#[test]
fn faults_are_upstreams() {
    let dir = tempfile::tempdir().unwrap();
    for (volume, message) in [
        (
            serde_json::json!({"name": "v", "configMap": {"name": "nope"}}),
            "MountVolume.SetUp failed for volume \"v\" : configmap \"nope\" not found",
        ),
        (
            serde_json::json!({"name": "v", "secret": {"secretName": "s", "items": [{"key": "z", "path": "z"}]}}),
            "MountVolume.SetUp failed for volume \"v\" : secret references non-existent secret key: z",
        ),
        (
            serde_json::json!({"name": "v", "hostPath": {"path": "/proc/self/status", "type": "Directory"}}),
            "MountVolume.SetUp failed for volume \"v\" : hostPath type check failed: /proc/self/status is not a directory",
        ),
        (
            serde_json::json!({"name": "v", "persistentVolumeClaim": {"claimName": "c"}}),
            "Unable to attach or mount volume \"v\": persistentVolumeClaim volumes are not supported by this node",
        ),
    ] {
        let all = context(pod(serde_json::json!([volume])));
        assert_eq!(set_up_all(dir.path(), &all).unwrap_err(), message);
    }
}

#[test]
fn the_atomic_writer_swaps_and_cleans() {
    let dir = tempfile::tempdir().unwrap();
    let payload = |files: &[(&str, &str)]| -> Payload {
        let file = |content: &str| File {
            content: content.into(),
            mode: 0o644,
            user: None,
        };
        files
            .iter()
            .map(|(path, content)| ((*path).to_owned(), file(content)))
            .collect()
    };
    let nothing = |_: &Path| Ok(());
    let write =
        |files: &[(&str, &str)]| atomic_writer::write(dir.path(), &payload(files), &nothing);
    let names = || {
        let mut all: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        all.retain(|it| !it.starts_with("..1"));
        all.sort();
        all
    };
    assert_eq!(write(&[("a", "1"), ("d/e/f", "2")]), Ok(true));
    assert_eq!(names(), ["..data", "a", "d"]);
    assert_eq!(write(&[("a", "1"), ("d/e/f", "2")]), Ok(false));
    let held = fs::canonicalize(dir.path().join("..data")).unwrap();
    assert_eq!(write(&[("a", "3")]), Ok(true));
    assert_eq!(names(), ["..data", "a"]);
    assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "3");
    assert!(!held.exists());
    for bad in ["../x", "/x", "..x", "", "a/../b"] {
        assert!(write(&[(bad, "")]).is_err(), "{bad}");
    }
}

#[test]
fn sub_paths_stay_inside() {
    let dir = tempfile::tempdir().unwrap();
    let volume = dir.path().join("v");
    fs::create_dir(&volume).unwrap();
    assert_eq!(
        resolve_sub_path(&volume, "a/b", None),
        Ok(volume.join("a/b"))
    );
    assert!(volume.join("a/b").is_dir());
    symlink("/etc", volume.join("out")).unwrap();
    symlink("a", volume.join("in")).unwrap();
    assert!(resolve_sub_path(&volume, "out/passwd", None).is_err());
    assert!(resolve_sub_path(&volume, "in/b", None).is_ok());
    assert!(resolve_sub_path(&volume, "../x", None).is_err());
    assert!(resolve_sub_path(&volume, "/etc", None).is_err());
}

#[test]
fn text_is_read_from_within_a_volume_only() {
    let dir = tempfile::tempdir().unwrap();
    let volume = dir.path().join("v");
    fs::create_dir(&volume).unwrap();
    fs::write(dir.path().join("secret"), "outside").unwrap();
    fs::write(volume.join("secret"), "inside").unwrap();
    symlink("/secret", volume.join("root")).unwrap();
    symlink("../secret", volume.join("up")).unwrap();
    for path in ["secret", "root", "up", "../secret"] {
        assert_eq!(read_text(&volume, path).unwrap(), "inside", "{path}");
    }
    rustix::fs::mknodat(
        rustix::fs::CWD,
        volume.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    fs::write(volume.join("large"), vec![b'x'; (1 << 20) + 1]).unwrap();
    for path in ["pipe", "large", ".", "none"] {
        assert!(read_text(&volume, path).is_err(), "{path}");
    }
}
