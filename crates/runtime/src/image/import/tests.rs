//! Damaged archives of both forms: each is refused with a reason or imported, and nothing is left half-made.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::image::archive::{Content, Entry, Layer as NewLayer, build};

fn file(path: &str, content: Content) -> Entry {
    Entry {
        path: PathBuf::from(path),
        mode: 0o755,
        content,
    }
}

/// A layer of all kinds of entries that images hold.
fn layer() -> Vec<Entry> {
    let mut entries = vec![
        file("bin", Content::Directory),
        file("bin/app", Content::Bytes(vec![7; 3000])),
        file("bin/link", Content::Link("app".into())),
        file(".wh.gone", Content::Bytes(Vec::new())),
        file(
            "etc/passwd",
            Content::Bytes(b"root:x:0:0::/:/bin/sh\n".to_vec()),
        ),
    ];
    entries.push(file(&"long/".repeat(40), Content::Bytes(vec![1])));
    entries
}

fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder
            .append_data(&mut header, name, content.as_slice())
            .unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What `docker save` writes, of this layer. Whoever changes a tree changes no digest that anybody checks.
fn saved(layer: &[u8], packed: &[u8], random: Option<&mut fuzz::Random>) -> Vec<u8> {
    let mut config = json!({
        "architecture": architecture(), "os": "linux",
        "config": {"Env": ["A=1"], "Cmd": ["app"], "ExposedPorts": {"80/tcp": {}}, "Labels": {"a": "b"}},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    });
    let mut manifest =
        json!([{"Config": "config.json", "RepoTags": ["demo:1"], "Layers": ["layer.tar"]}]);
    let (mut config_text, mut manifest_text) = (config.to_string(), manifest.to_string());
    if let Some(random) = random {
        let (tree, text) = match random.one_in(2) {
            true => (&mut config, &mut config_text),
            false => (&mut manifest, &mut manifest_text),
        };
        random.bend(tree);
        *text = fuzz::json_text(tree, random, 20);
    }
    tar(&[
        ("manifest.json".to_owned(), manifest_text.into_bytes()),
        ("config.json".to_owned(), config_text.into_bytes()),
        ("layer.tar".to_owned(), packed.to_vec()),
    ])
}

/// Imports into a store beside which lies a file that nothing may touch.
fn check(bytes: &[u8], dir: &Path, store: &Store) -> bool {
    let archive = dir.join("archive");
    fs::write(&archive, bytes).unwrap();
    let imported = import(store, &archive);
    assert_eq!(fs::read_dir(dir.join("store/ingest")).unwrap().count(), 0);
    assert_eq!(
        fs::read_to_string(dir.join("outside")).unwrap(),
        "untouched"
    );
    let names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    match imported {
        Ok(images) => {
            let known = store.list().unwrap();
            assert!(
                images
                    .iter()
                    .all(|image| known.iter().any(|it| it.id == image.id))
            );
            true
        }
        Err(Error::Image { reason, .. }) => {
            assert!(!reason.is_empty());
            false
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn with_store(test: impl FnOnce(&Path, &Store)) {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("outside"), "untouched").unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    test(dir.path(), &store);
}

/// The bytes of a layer as it is written into archives.
fn layer_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    let layer = NewLayer::Entries(layer());
    let mut reader = crate::image::files::read(&layer).unwrap();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn damaged_archives() {
    with_store(|dir, store| {
        let path = dir.join("archive");
        let layers = [NewLayer::Entries(layer())];
        build(&path, "demo:1", &ImageConfig::default(), &layers).unwrap();
        let layout = fs::read(&path).unwrap();
        let layer = layer_bytes();
        let saved = saved(&layer, &gzip(&layer), None);
        for intact in [&layout, &gzip(&layout), &saved] {
            assert!(check(intact, dir, store));
        }
        fuzz::run("image archives", 200, |random| {
            let (this, other) = match random.one_in(2) {
                true => (&layout, &saved),
                false => (&saved, &layout),
            };
            let bytes = match random.one_in(4) {
                true => random.damaged(&gzip(this), &gzip(other)),
                false => random.damaged(this, other),
            };
            check(&bytes, dir, store);
        });
    });
}

#[test]
fn bent_manifests_and_configurations() {
    with_store(|dir, store| {
        let layer = layer_bytes();
        fuzz::run("image manifests", 200, |random| {
            check(&saved(&layer, &layer, Some(random)), dir, store);
        });
    });
}

/// Two small indexes that name each other's successor a hundred times are ten thousand documents.
#[test]
fn indexes_of_many_indexes() {
    with_store(|dir, store| {
        let (mut files, mut named) = (Vec::new(), json!([]));
        for _ in 0..DEPTH {
            let index = json!({ "schemaVersion": 2, "manifests": named }).to_string();
            let digest = digest(index.as_bytes());
            named = json!(vec![json!({ "digest": digest }); 100]);
            files.push((blob_path(&digest).unwrap(), index.into_bytes()));
        }
        files.last_mut().unwrap().0 = "index.json".to_owned();
        let archive = dir.join("archive");
        fs::write(&archive, tar(&files)).unwrap();
        let refused = import(store, &archive).unwrap_err().to_string();
        let expected = "more than 1000 manifests, indexes and configurations in it";
        assert!(refused.contains(expected), "{refused}");
    });
}

/// Whoever makes a hostile layer knows its digest.
#[test]
fn damaged_layers_with_the_right_digest() {
    with_store(|dir, store| {
        let intact = layer_bytes();
        assert!(check(&saved(&intact, &intact, None), dir, store));
        fuzz::run("image layers", 200, |random| {
            let layer = random.damaged(&intact, &intact);
            let packed = if random.one_in(2) {
                gzip(&layer)
            } else {
                layer.clone()
            };
            check(&saved(&layer, &packed, None), dir, store);
        });
    });
}
