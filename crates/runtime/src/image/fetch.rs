//! Fetches an image from its registry.

use std::path::Path;

use futures::TryStreamExt;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::import::{ConfigFile, architecture};
use super::name::Name;
use super::store::{JSON_LIMIT, LAYER_LIMIT, Layer, Store, digest};
use super::{Auth, Image};
use crate::error::{Error, Result};

/// Fetches `reference`. `plain_http` names registries (`host:port`) without TLS; loopback needs no mention.
pub(crate) async fn pull(
    store: &Store,
    reference: &str,
    auth: Option<&Auth>,
    plain_http: &[String],
) -> Result<Image> {
    let failed = |reason: String| Error::Image {
        reference: reference.to_owned(),
        reason,
    };
    let name = Name::parse(reference).map_err(failed)?;
    let remote: Reference = name
        .to_string()
        .parse()
        .map_err(|e| failed(format!("{e}")))?;
    let client = client(&name, plain_http);
    let auth = match auth {
        None => RegistryAuth::Anonymous,
        Some(Auth::Basic { username, password }) => {
            RegistryAuth::Basic(username.clone(), password.clone())
        }
        Some(Auth::Bearer(token)) => RegistryAuth::Bearer(token.clone()),
    };
    let (manifest, manifest_digest) = client
        .pull_image_manifest(&remote, &auth)
        .await
        .map_err(|e| failed(format!("failed to pull and unpack image: {e}")))?;
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

fn client(name: &Name, plain_http: &[String]) -> Client {
    let host = name
        .registry
        .rsplit_once(':')
        .map_or(name.registry.as_str(), |(host, _)| host);
    let loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    let plain = loopback || plain_http.contains(&name.registry);
    let protocol = if plain {
        ClientProtocol::Http
    } else {
        ClientProtocol::Https
    };
    Client::new(ClientConfig {
        protocol,
        platform_resolver: Some(Box::new(|manifests| {
            let ours = manifests.iter().find(|entry| {
                entry.platform.as_ref().is_some_and(|p| {
                    p.os.to_string() == "linux" && p.architecture.to_string() == architecture()
                })
            });
            ours.map(|entry| entry.digest.clone())
        })),
        ..ClientConfig::default()
    })
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
        .map_err(|e| e.to_string())?;
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
        .map_err(|e| failed(e.to_string()))?;
    let reader = StreamReader::new(blob.stream.map_err(std::io::Error::other));
    // Built here: it remembers the reactor that its reads need.
    let bridge = SyncIoBridge::new(Box::pin(reader));
    let store = store.clone();
    let expected = descriptor.digest.clone();
    crate::native::blocking(move || store.add_layer(bridge, &diff_id, Some(&expected))).await
}

/// Adds the images of an archive.
pub(crate) async fn import(store: &Store, path: &Path) -> Result<Vec<Image>> {
    let (store, path) = (store.clone(), path.to_owned());
    crate::native::blocking(move || super::import::import(&store, &path)).await
}
