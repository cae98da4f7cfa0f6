//! Writes an image: an OCI layout in a tar archive, the same bytes for the same content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::import::architecture;
use super::name::Name;
use super::{ImageConfig, files};
use crate::error::{Error, Result};

/// One layer of a new image.
#[derive(Debug, Clone)]
pub enum Layer {
    /// From files named one by one.
    Entries(Vec<Entry>),
    /// A tar archive that exists, uncompressed.
    Tar(PathBuf),
}

/// A file, directory or link of a new image.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Path in the image, with or without a leading slash.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// What it is.
    pub content: Content,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone)]
pub enum Content {
    /// A directory.
    Directory,
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A file copied from this machine.
    File(PathBuf),
    /// A symbolic link to this.
    Link(PathBuf),
}

/// Writes the image `reference` to `output`.
pub fn build(output: &Path, reference: &str, config: &ImageConfig, layers: &[Layer]) -> Result<()> {
    let invalid = |reason: String| Error::Image {
        reference: reference.to_owned(),
        reason,
    };
    let name = Name::parse(reference).map_err(invalid)?;
    let file = File::create(output).map_err(Error::io("create", output))?;
    let written = write(file, &name.to_string(), config, layers);
    if written.is_err() {
        // Half an archive is of no use to anybody.
        let _ = std::fs::remove_file(output);
    }
    written.map_err(Error::io("write", output))
}

fn write(file: File, name: &str, config: &ImageConfig, layers: &[Layer]) -> io::Result<()> {
    let mut archive = tar::Builder::new(file);
    let mut descriptors = Vec::new();
    let mut diff_ids = Vec::new();
    for layer in layers {
        let (digest, size) = measure(files::read(layer)?)?;
        append(
            &mut archive,
            &format!("blobs/sha256/{digest}"),
            size,
            files::read(layer)?,
        )?;
        descriptors.push(descriptor("layer.v1.tar", &digest, size));
        diff_ids.push(format!("sha256:{digest}"));
    }
    let config = config_file(config, &diff_ids);
    let config = add_blob(&mut archive, "config.v1+json", &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": descriptors,
    });
    let mut manifest = add_blob(&mut archive, "manifest.v1+json", &manifest)?;
    manifest["annotations"] = json!({
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name,
    });
    manifest["platform"] = json!({ "architecture": architecture(), "os": "linux" });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    add_json(&mut archive, "index.json", &index)?;
    add_json(
        &mut archive,
        "oci-layout",
        &json!({ "imageLayoutVersion": "1.0.0" }),
    )?;
    archive.into_inner()?.sync_all()
}

pub(super) fn config_file(config: &ImageConfig, diff_ids: &[String]) -> Value {
    let set = |keys: &[String]| {
        keys.iter()
            .map(|k| (k.clone(), json!({})))
            .collect::<BTreeMap<_, _>>()
    };
    let mut part = json!({
        "User": config.user,
        "Env": config.env,
        "Entrypoint": config.entrypoint,
        "Cmd": config.cmd,
        "WorkingDir": config.working_dir,
        "ExposedPorts": set(&config.exposed_ports),
        "Volumes": set(&config.volumes),
        "Labels": config.labels,
    });
    if let Some(signal) = &config.stop_signal {
        part["StopSignal"] = json!(signal);
    }
    json!({
        "architecture": architecture(),
        "os": "linux",
        "config": part,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
}

/// Digest and size come before the content in the archive, so the layer is read twice.
fn measure(mut layer: impl Read) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let size = io::copy(&mut layer, &mut hash)?;
    Ok((format!("{:x}", hash.finalize()), size))
}

fn descriptor(kind: &str, hex: &str, size: u64) -> Value {
    json!({
        "mediaType": format!("application/vnd.oci.image.{kind}"),
        "digest": format!("sha256:{hex}"),
        "size": size,
    })
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    name: &str,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = files::header(0o644);
    header.set_size(size);
    archive.append_data(&mut header, name, content)
}

fn add_json<W: Write>(archive: &mut tar::Builder<W>, name: &str, value: &Value) -> io::Result<()> {
    let bytes = serde_json::to_vec(value)?;
    append(archive, name, bytes.len() as u64, bytes.as_slice())
}

fn add_blob<W: Write>(
    archive: &mut tar::Builder<W>,
    kind: &str,
    value: &Value,
) -> io::Result<Value> {
    let bytes = serde_json::to_vec(value)?;
    let hex = format!("{:x}", Sha256::digest(&bytes));
    append(
        archive,
        &format!("blobs/sha256/{hex}"),
        bytes.len() as u64,
        bytes.as_slice(),
    )?;
    Ok(descriptor(kind, &hex, bytes.len() as u64))
}
