//! Fetches an image from its registry.

use std::io::Read;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::import::{ConfigFile, architecture};
use super::name::Name;
use super::store::{JSON_LIMIT, LAYER_LIMIT, Layer, Store, digest};
use super::{Auth, Image};
use crate::error::{Error, Result, with_causes};

/// Certificate files of one registry that are read at most, and the size of each in bytes.
const CERTIFICATES: usize = 16;
const CERTIFICATE_BYTES: u64 = 1 << 20;

/// How to talk to registries.
#[derive(Debug, Clone)]
pub struct Registries {
    /// Those (`host:port`) to talk to without TLS. Loopback needs no mention, unless it has certificates.
    pub plain_http: Vec<String>,
    /// A folder with, for each registry whose certificate the machine does not trust by itself, a folder named
    /// `host:port` of `*.crt` files in PEM, as containerd and Docker keep them.
    pub certificates: PathBuf,
}

impl Default for Registries {
    fn default() -> Self {
        Self {
            plain_http: Vec::new(),
            certificates: PathBuf::from("/etc/containerd/certs.d"),
        }
    }
}

/// The name in oci-client's terms. Its own parser is a pattern whose compilation takes tens of megabytes.
fn remote(name: &Name) -> Reference {
    let (registry, repository) = (name.registry.clone(), name.repository.clone());
    match (name.tag.clone(), name.digest.clone()) {
        (Some(tag), Some(digest)) => {
            Reference::with_tag_and_digest(registry, repository, tag, digest)
        }
        (None, Some(digest)) => Reference::with_digest(registry, repository, digest),
        (tag, None) => {
            Reference::with_tag(registry, repository, tag.unwrap_or_else(|| "latest".into()))
        }
    }
}

/// Fetches `reference`.
pub(crate) async fn pull(
    store: &Store,
    reference: &str,
    auth: Option<&Auth>,
    registries: &Registries,
) -> Result<Image> {
    let failed = |reason: String| Error::Image {
        reference: reference.to_owned(),
        reason,
    };
    let name = Name::parse(reference).map_err(failed)?;
    let remote = remote(&name);
    let client = client(&name, registries).map_err(failed)?;
    let auth = match auth {
        None => RegistryAuth::Anonymous,
        Some(Auth::Basic { username, password }) => {
            RegistryAuth::Basic(username.clone(), password.clone())
        }
        Some(Auth::Bearer(token)) => RegistryAuth::Bearer(token.clone()),
    };
    let (manifest, manifest_digest) =
        client
            .pull_image_manifest(&remote, &auth)
            .await
            .map_err(|e| {
                failed(format!(
                    "failed to pull and unpack image: {}",
                    with_causes(&e)
                ))
            })?;
    if manifest.layers.len() > LAYER_LIMIT {
        return Err(failed(format!("more than {LAYER_LIMIT} layers")));
    }
    let config = fetch_config(&client, &remote, &manifest.config)
        .await
        .map_err(failed)?;
    let file = ConfigFile::parse(&config).map_err(failed)?;
    let diff_ids = file.rootfs.diff_ids.clone();
    if diff_ids.len() != manifest.layers.len() {
        return Err(failed(
            "manifest and configuration name different layers".to_owned(),
        ));
    }
    let mut layers = Vec::new();
    for (diff_id, descriptor) in diff_ids.into_iter().zip(manifest.layers) {
        let layer = fetch_layer(store, &client, &remote, diff_id, descriptor).await;
        layers.push(layer.map_err(|e| failed(e.to_string()))?);
    }
    let mut names = vec![format!("{}@{manifest_digest}", name.base())];
    if name.tag.is_some() {
        names.push(
            Name {
                digest: None,
                ..name
            }
            .to_string(),
        );
    }
    let store = store.clone();
    crate::native::blocking(move || {
        store.add(&digest(&config), file.into_config(), &layers, &names)
    })
    .await
}

fn client(name: &Name, registries: &Registries) -> std::result::Result<Client, String> {
    let host = name
        .registry
        .rsplit_once(':')
        .map_or(name.registry.as_str(), |(host, _)| host);
    let loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    let certificates = certificates(&registries.certificates.join(&name.registry))?;
    let plain =
        registries.plain_http.contains(&name.registry) || (loopback && certificates.is_empty());
    let protocol = if plain {
        ClientProtocol::Http
    } else {
        ClientProtocol::Https
    };
    Ok(Client::new(ClientConfig {
        protocol,
        extra_root_certificates: certificates,
        platform_resolver: Some(Box::new(|manifests| {
            let ours = manifests.iter().find(|entry| {
                entry.platform.as_ref().is_some_and(|p| {
                    p.os.to_string() == "linux" && p.architecture.to_string() == architecture()
                })
            });
            ours.map(|entry| entry.digest.clone())
        })),
        ..ClientConfig::default()
    }))
}

/// The certificates to trust beside the machine's; none when there is no such folder.
fn certificates(folder: &Path) -> std::result::Result<Vec<Certificate>, String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        format!(
            "cannot read the registry's certificates in {}: {error}",
            path.display()
        )
    };
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, &error)),
    };
    let mut found = Vec::new();
    for file in files.take(CERTIFICATES) {
        let path = file.map_err(|error| failed(folder, &error))?.path();
        if path.extension().is_none_or(|it| it != "crt") {
            continue;
        }
        let file = std::fs::File::open(&path).map_err(|error| failed(&path, &error))?;
        let mut data = Vec::new();
        file.take(CERTIFICATE_BYTES)
            .read_to_end(&mut data)
            .map_err(|error| failed(&path, &error))?;
        let encoding = CertificateEncoding::Pem;
        found.push(Certificate { encoding, data });
    }
    Ok(found)
}

async fn fetch_config(
    client: &Client,
    remote: &Reference,
    descriptor: &OciDescriptor,
) -> std::result::Result<Vec<u8>, String> {
    if descriptor.size > JSON_LIMIT as i64 {
        return Err("image configuration is too large".to_owned());
    }
    let stream = client
        .pull_blob_stream(remote, descriptor)
        .await
        .map_err(|e| with_causes(&e))?;
    let mut bytes = Vec::new();
    let mut stream = stream.stream;
    while let Some(chunk) = stream.try_next().await.map_err(|e| e.to_string())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > JSON_LIMIT {
            return Err("image configuration is too large".to_owned());
        }
    }
    let found = digest(&bytes);
    if found != descriptor.digest {
        return Err(format!("blob {} has digest {found}", descriptor.digest));
    }
    Ok(bytes)
}

async fn fetch_layer(
    store: &Store,
    client: &Client,
    remote: &Reference,
    diff_id: String,
    descriptor: OciDescriptor,
) -> Result<Layer> {
    if let Some(layer) = store.find_layer(&diff_id) {
        return Ok(layer);
    }
    let failed = |reason: String| Error::Image {
        reference: descriptor.digest.clone(),
        reason,
    };
    let blob = client
        .pull_blob_stream(remote, &descriptor)
        .await
        .map_err(|e| failed(with_causes(&e)))?;
    let reader = StreamReader::new(blob.stream.map_err(std::io::Error::other));
    // Built here: it remembers the reactor that its reads need.
    let bridge = SyncIoBridge::new(Box::pin(reader));
    let store = store.clone();
    let expected = descriptor.digest.clone();
    crate::native::blocking(move || store.add_layer(bridge, Some(&diff_id), Some(&expected))).await
}

/// Adds the images of an archive.
pub(crate) async fn import(store: &Store, path: &Path) -> Result<Vec<Image>> {
    let (store, path) = (store.clone(), path.to_owned());
    crate::native::blocking(move || super::import::import(&store, &path)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_same_to_the_client() {
        let hex = "a".repeat(64);
        for text in [
            "nginx".to_owned(),
            "bitnami/redis:7".to_owned(),
            "127.0.0.1:5000/a/b:v1".to_owned(),
            format!("nginx@sha256:{hex}"),
            format!("registry.example/nginx:1@sha256:{hex}"),
        ] {
            let name = Name::parse(&text).unwrap();
            let parsed: Reference = name.to_string().parse().unwrap();
            assert_eq!(remote(&name), parsed, "{text}");
        }
    }
}
