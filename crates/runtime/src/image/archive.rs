//! Writes an image: an OCI layout in a tar archive, the same bytes for the same content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ImageConfig;
use super::import::architecture;
use super::name::Name;
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
        let mut plain = spool(layer)?;
        let (digest, size) = measure(&mut plain)?;
        append(
            &mut archive,
            &format!("blobs/sha256/{digest}"),
            size,
            &mut plain,
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

fn config_file(config: &ImageConfig, diff_ids: &[String]) -> Value {
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

/// The layer as a file: its digest and size come before its content in the archive.
fn spool(layer: &Layer) -> io::Result<File> {
    let entries = match layer {
        Layer::Tar(path) => return File::open(path),
        Layer::Entries(entries) => entries,
    };
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let mut tar = tar::Builder::new(File::from(rustix::fs::memfd_create("layer", flags)?));
    for entry in entries {
        let path = entry.path.strip_prefix("/").unwrap_or(&entry.path);
        let mut header = header(entry.mode);
        match &entry.content {
            Content::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, path, io::empty())?;
            }
            Content::Bytes(bytes) => {
                header.set_size(bytes.len() as u64);
                tar.append_data(&mut header, path, bytes.as_slice())?;
            }
            Content::File(from) => {
                let file = File::open(from)?;
                header.set_size(file.metadata()?.len());
                tar.append_data(&mut header, path, file)?;
            }
            Content::Link(to) => {
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, path, to)?;
            }
        }
    }
    tar.into_inner()
}

fn header(mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn measure(file: &mut File) -> io::Result<(String, u64)> {
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut chunk = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hash.update(&chunk[..count]);
        size += count as u64;
    }
    file.rewind()?;
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
    let mut header = header(0o644);
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
