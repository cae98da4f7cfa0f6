//! Images: archives of both kinds, a registry on loopback that may lie, and what stays after failure.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use runtime::image::archive::{Content, Entry, Layer, build};
use runtime::image::{Auth, ImageConfig};
use runtime::{Images, Native};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::machine::{missing, options};

fn with_native<F: Future<Output = ()>>(
    name: &str,
    test: impl FnOnce(Native, tempfile::TempDir) -> F,
) {
    if let Some(why) = missing() {
        eprintln!("{name}: skipped: {why}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        options.registries.certificates = dir.path().join("certs.d");
        let native = Native::open(options).await.unwrap();
        test(native, dir).await;
    });
}

fn sha(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

fn layer(path: &str, text: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn config_for(layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<_> = layers.iter().map(|l| sha(l)).collect();
    serde_json::to_vec(&serde_json::json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }, "os": "linux",
        "config": {"Cmd": ["x"], "User": "7", "ExposedPorts": {"80/tcp": {}}, "Entrypoint": null},
        "rootfs": {"type": "layers", "diff_ids": ids},
    }))
    .unwrap()
}

fn left(dir: &Path) -> usize {
    ["layers", "ingest"]
        .iter()
        .map(|sub| {
            std::fs::read_dir(dir.join("runtime/images").join(sub))
                .unwrap()
                .count()
        })
        .sum()
}

#[test]
fn docker_archives_are_imported() {
    with_native("docker", |native, dir| async move {
        let (one, two) = (layer("one", "1"), layer("two", "2"));
        let config = config_for(&[&one, &two, &one]);
        let manifest = br#"[{"Config":"c.json","RepoTags":["app:v1","other/app:v2"],"Layers":["a/layer.tar","b/layer.tar","c/layer.tar"]}]"#;
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, bytes).unwrap();
        };
        add("a/layer.tar", &one);
        add("b/layer.tar", &gzip(&two));
        add("c.json", &config);
        add("manifest.json", manifest);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "c/layer.tar", "../a/layer.tar")
            .unwrap();
        let bytes = tar.into_inner().unwrap();
        let (plain, packed) = (dir.path().join("a.tar"), dir.path().join("a.tar.gz"));
        std::fs::write(&plain, &bytes).unwrap();
        std::fs::write(&packed, gzip(&bytes)).unwrap();
        for path in [&plain, &packed] {
            let images = native.import_image(path).await.unwrap();
            assert_eq!(
                images[0].repo_tags,
                ["docker.io/library/app:v1", "docker.io/other/app:v2"]
            );
            assert_eq!(
                (images[0].config.user.as_str(), images[0].config.uid()),
                ("7", Some(7))
            );
            assert_eq!(images[0].config.exposed_ports, ["80/tcp"]);
        }
        assert_eq!(left(dir.path()), 2);
        native.remove_image("app:v1").await.unwrap();
        assert!(native.image_status("other/app:v2").await.unwrap().is_some());
        native.remove_image("other/app:v2").await.unwrap();
        native.remove_image("other/app:v2").await.unwrap();
        assert_eq!(native.list_images().await.unwrap(), []);
        assert_eq!(left(dir.path()), 0);
    });
}

#[test]
fn bad_archives_leave_nothing() {
    with_native("bad", |native, dir| async move {
        let path = dir.path().join("bad.tar");
        let hostile = layer("ok", "x");
        let lie = config_for(&[b"something else"]);
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in [
            (
                "manifest.json",
                &br#"[{"Config":"c.json","Layers":["l.tar"]}]"#[..],
            ),
            ("c.json", &lie),
            ("l.tar", &hostile),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes).unwrap();
        }
        std::fs::write(&path, tar.into_inner().unwrap()).unwrap();
        let error = native.import_image(&path).await.unwrap_err().to_string();
        assert!(error.contains("content has digest"), "{error}");
        for bytes in [&b"not an archive"[..], &gzip(b"truncated")[..15], &[]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(native.import_image(&path).await.is_err());
        }
        assert_eq!(left(dir.path()), 0);
        assert_eq!(native.list_images().await.unwrap(), []);
    });
}

#[test]
fn the_same_content_makes_the_same_archive() {
    let dir = tempfile::tempdir().unwrap();
    let entries = vec![Entry {
        path: "/a".into(),
        mode: 0o644,
        content: Content::Bytes(vec![1]),
    }];
    let config = ImageConfig {
        cmd: vec!["/a".into()],
        ..ImageConfig::default()
    };
    let paths = [dir.path().join("1"), dir.path().join("2")];
    for path in &paths {
        build(path, "demo:1", &config, &[Layer::Entries(entries.clone())]).unwrap();
    }
    assert_eq!(
        std::fs::read(&paths[0]).unwrap(),
        std::fs::read(&paths[1]).unwrap()
    );
    assert!(build(&paths[0], "Bad Name", &config, &[]).is_err());
}

type Pages = BTreeMap<String, (String, Vec<u8>)>;

/// Serves blobs and manifests by path; wants `auth` if given.
async fn registry(pages: Pages, auth: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pages = Arc::new(pages);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, Arc::clone(&pages), auth));
        }
    });
    port
}

/// The same over TLS, with a certificate that nobody has reason to trust; returns it in PEM.
async fn secure_registry(pages: Pages) -> (u16, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pages = Arc::new(pages);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(socket) = acceptor.accept(socket).await {
                tokio::spawn(answer(socket, Arc::clone(&pages), None));
            }
        }
    });
    (port, own.cert.pem())
}

/// One request, one answer.
async fn answer(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    pages: Arc<Pages>,
    auth: Option<&'static str>,
) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
        match socket.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend(&chunk[..count]),
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let allowed = auth.is_none_or(|a| {
        text.to_lowercase()
            .contains(&format!("authorization: basic {}", a.to_lowercase()))
    });
    let (status, kind, body) = match pages.get(&path) {
        _ if !allowed => ("401 Unauthorized", "text/plain".to_owned(), Vec::new()),
        Some((kind, body)) => ("200 OK", kind.clone(), body.clone()),
        None if path == "/v2/" => ("200 OK", "application/json".to_owned(), b"{}".to_vec()),
        None => (
            "404 Not Found",
            "application/json".to_owned(),
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#.to_vec(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"test\"\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = socket.write_all(head.as_bytes()).await;
    let _ = socket.write_all(&body).await;
    let _ = socket.shutdown().await;
}

fn pages(layer_bytes: &[u8], served: &[u8], config: &[u8]) -> (Pages, String) {
    let manifest = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha(config), "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha(layer_bytes), "size": layer_bytes.len()}],
    }))
    .unwrap();
    let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
    let octets = "application/octet-stream".to_owned();
    let pages = BTreeMap::from([
        (
            "/v2/team/app/manifests/v1".to_owned(),
            (kind.clone(), manifest.clone()),
        ),
        (
            format!("/v2/team/app/manifests/{}", sha(&manifest)),
            (kind, manifest.clone()),
        ),
        (
            format!("/v2/team/app/blobs/{}", sha(config)),
            (octets.clone(), config.to_vec()),
        ),
        (
            format!("/v2/team/app/blobs/{}", sha(layer_bytes)),
            (octets, served.to_vec()),
        ),
    ]);
    (pages, sha(&manifest))
}

#[test]
fn pulls_from_a_registry() {
    with_native("pulls", |native, dir| async move {
        let plain = layer("file", "content");
        let packed = gzip(&plain);
        let config = config_for(&[&plain]);
        let (pages, digest) = pages(&packed, &packed, &config);
        let port = registry(pages, None).await;
        let name = format!("127.0.0.1:{port}/team/app");
        let image = native
            .pull_image(&format!("{name}:v1"), None)
            .await
            .unwrap();
        assert_eq!(image.id, sha(&config));
        assert_eq!(image.repo_tags, [format!("{name}:v1")]);
        assert_eq!(image.repo_digests, [format!("{name}@{digest}")]);
        let again = native
            .pull_image(&format!("{name}@{digest}"), None)
            .await
            .unwrap();
        assert_eq!(again.id, image.id);
        let error = native
            .pull_image(&format!("{name}:v2"), None)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("manifest unknown"), "{error}");
        native.remove_image(&format!("{name}:v1")).await.unwrap();
        assert_eq!(left(dir.path()), 0);
    });
}

#[test]
fn a_registry_with_tls_needs_a_certificate_that_is_trusted() {
    with_native("tls", |native, dir| async move {
        let plain = layer("file", "content");
        let packed = gzip(&plain);
        let config = config_for(&[&plain]);
        let (pages, _) = pages(&packed, &packed, &config);
        let (port, certificate) = secure_registry(pages.clone()).await;
        let (_, stranger) = secure_registry(pages).await;
        let name = format!("localhost:{port}/team/app:v1");
        let folder = dir.path().join(format!("certs.d/localhost:{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ca.crt"), stranger).unwrap();
        let error = native.pull_image(&name, None).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
        std::fs::write(folder.join("ca.crt"), certificate).unwrap();
        let image = native.pull_image(&name, None).await.unwrap();
        assert_eq!(image.id, sha(&config));
        std::fs::write(folder.join("ca.crt"), "not a certificate").unwrap();
        assert!(native.pull_image(&name, None).await.is_err());
    });
}

#[test]
fn a_lying_registry_leaves_nothing() {
    with_native("lies", |native, dir| async move {
        let plain = layer("file", "content");
        let evil = gzip(&layer("file", "evil"));
        let packed = gzip(&plain);
        let config = config_for(&[&plain]);
        for served in [&evil[..], &packed[..packed.len() - 9], b"", &[7; 4096]] {
            let (pages, _) = pages(&packed, served, &config);
            let port = registry(pages, None).await;
            let name = format!("127.0.0.1:{port}/team/app:v1");
            let error = native
                .pull_image(&name, None)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains(&name), "{error}");
        }
        // The content is right but was packed differently than announced.
        let other = gzip(&[plain.clone(), vec![0; 0]].concat());
        let (mut wrong, _) = pages(&packed, &packed, &config);
        let name = format!("/v2/team/app/blobs/{}", sha(&config));
        wrong.insert(name, ("application/octet-stream".into(), b"{}".to_vec()));
        let port = registry(wrong, None).await;
        assert!(
            native
                .pull_image(&format!("127.0.0.1:{port}/team/app:v1"), None)
                .await
                .is_err()
        );
        drop(other);
        assert_eq!(left(dir.path()), 0);
        assert_eq!(native.list_images().await.unwrap(), []);
    });
}

#[test]
fn shows_credentials_when_asked() {
    with_native("auth", |native, dir| async move {
        let _dir = dir;
        let plain = layer("file", "content");
        let packed = gzip(&plain);
        let config = config_for(&[&plain]);
        let (pages, _) = pages(&packed, &packed, &config);
        // user:pass
        let port = registry(pages, Some("dXNlcjpwYXNz")).await;
        let name = format!("127.0.0.1:{port}/team/app:v1");
        assert!(native.pull_image(&name, None).await.is_err());
        let auth = Auth::Basic {
            username: "user".into(),
            password: "pass".into(),
        };
        native.pull_image(&name, Some(&auth)).await.unwrap();
    });
}
