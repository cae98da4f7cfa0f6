//! Makes the built-in schema table from published definitions. See README.md beside this crate.

mod go;
mod merge;
mod prost;
mod proto;

use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let [definitions, go, prost, gnostic, out] = arguments.as_slice() else {
        anyhow::bail!("usage: schema DEFINITIONS.json GO-SOURCES K8S-PB-SRC GNOSTIC OUT-DIRECTORY");
    };
    for version in ["v2", "v3"] {
        let file = gnostic.join(format!("openapi{version}/OpenAPI{version}.proto"));
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let table = api::schema::table::encode(&proto::read(&text));
        std::fs::write(
            out.join(format!("../openapi/openapi_{version}.zst")),
            zstd::bulk::compress(&table, 19)?,
        )?;
    }
    let text = std::fs::read_to_string(definitions).context("definitions")?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    let definitions = json["$defs"]
        .as_object()
        .context("no $defs in the definitions")?;
    let packages = packages(definitions.keys(), go, prost)?;
    let mut merge = merge::Merge::new(definitions, &packages);
    merge.run();
    let table = api::schema::table::encode(&merge.schemas);
    let missing = report(&merge.schemas);
    std::fs::write(out.join("builtin.zst"), zstd::bulk::compress(&table, 19)?)?;
    std::fs::write(
        out.join("descriptions.zst"),
        zstd::bulk::compress(merge.descriptions.as_bytes(), 19)?,
    )?;
    let sources = format!(
        "Kubernetes 1.36\nkubernetes-validate 1.36.0 {:016x}\ngolang-k8s-api-dev 0.36.4-1\ngolang-k8s-apimachinery-dev 0.36.4-3\n\
         golang-k8s-apiextensions-apiserver-dev 0.36.4-1\nk8s-pb 0.9.0\ngolang-github-googleapis-gnostic-dev 0.2.0-4\ntable {} {:016x}\nwithout protobuf: {missing}\n",
        api::schema::table::checksum(text.as_bytes()),
        table.len(),
        api::schema::table::checksum(&table)
    );
    std::fs::write(out.join("sources.txt"), sources)?;
    Ok(())
}

/// The Go package, or else the prost module, of every OpenAPI prefix.
fn packages<'a>(
    names: impl Iterator<Item = &'a String>,
    go: &Path,
    pb: &Path,
) -> Result<BTreeMap<String, go::Package>> {
    let mut packages = BTreeMap::new();
    let mut prefixes: Vec<String> = names
        .filter_map(|name| name.rsplit_once('.'))
        .map(|(prefix, _)| prefix.to_owned())
        .collect();
    prefixes.extend(unpublished(go)?);
    for prefix in &prefixes {
        if packages.contains_key(prefix) {
            continue;
        }
        let path = prefix.trim_start_matches("io.k8s.").replace('.', "/");
        let module = pb.join(path.replace('-', "_")).join("mod.rs");
        let package = if go.join(&path).is_dir() {
            go::read(&go.join(&path))?
        } else if module.is_file() {
            prost::read(&std::fs::read_to_string(module)?)
        } else {
            eprintln!("{prefix}: no protobuf source");
            go::Package::default()
        };
        packages.insert(prefix.to_owned(), package);
    }
    Ok(packages)
}

/// Prefixes of groups that OpenAPI does not publish any more (removed versions) or never did (discovery,
/// reviews sent to webhooks), but that clients still send and read.
fn unpublished(go: &Path) -> Result<Vec<String>> {
    let mut prefixes = Vec::new();
    for group in std::fs::read_dir(go.join("api"))? {
        let group = group?.path();
        if !group.is_dir() {
            continue;
        }
        for version in std::fs::read_dir(&group)? {
            let version = version?.path();
            let name = |path: &Path| {
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            };
            if version.join("types.go").is_file() {
                prefixes.push(format!("io.k8s.api.{}.{}", name(&group), name(&version)));
            }
        }
    }
    prefixes.sort();
    Ok(prefixes)
}

fn report(schemas: &api::schema::Schemas) -> String {
    let mut missing = Vec::new();
    let (mut types, mut fields) = (0, 0);
    for (_, of) in schemas.types() {
        types += 1;
        for field in &of.fields {
            fields += 1;
            let inline = of
                .inline
                .iter()
                .any(|i| schemas.get(i.of).field(&field.name).is_some());
            if field.proto.is_none() && !inline && !["kind", "apiVersion"].contains(&&*field.name) {
                missing.push(format!("{}.{}", of.name, field.name));
            }
        }
    }
    println!(
        "{types} types, {fields} fields, {} kinds, {} fields without protobuf",
        schemas.kinds().len(),
        missing.len()
    );
    missing.join(" ")
}
