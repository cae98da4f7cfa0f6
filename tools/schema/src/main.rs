//! Makes the built-in schema table from published definitions. See README.md beside this crate.

mod go;
mod merge;
mod proto;

use anyhow::{Context, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let [definitions, go, older, gnostic, out] = arguments.as_slice() else {
        anyhow::bail!(
            "usage: schema DEFINITIONS.json GO-SOURCES OLDER-GO-SOURCES GNOSTIC OUT-DIRECTORY"
        );
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
    let packages = packages(definitions.keys(), &[go, older])?;
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
         golang-k8s-apiextensions-apiserver-dev 0.36.4-1\nkubernetes 1.20.5+really1.20.2\ngolang-github-googleapis-gnostic-dev 0.2.0-4\ntable {} {:016x}\nwithout protobuf: {missing}\n",
        api::schema::table::checksum(text.as_bytes()),
        table.len(),
        api::schema::table::checksum(&table)
    );
    std::fs::write(out.join("sources.txt"), sources)?;
    Ok(())
}

/// The Go package of every OpenAPI prefix, from the first of the sources that has it.
fn packages<'a>(
    names: impl Iterator<Item = &'a String>,
    sources: &[&PathBuf],
) -> Result<BTreeMap<String, go::Package>> {
    let mut prefixes: BTreeSet<String> = names
        .filter_map(|name| Some(name.rsplit_once('.')?.0.to_owned()))
        .collect();
    for source in sources {
        for groups in UNPUBLISHED {
            for group in folders(&source.join(groups)) {
                prefixes.extend(folders(&group).iter().filter_map(|it| prefix(source, it)));
            }
        }
    }
    let mut packages = BTreeMap::new();
    for prefix in prefixes {
        let path = prefix.trim_start_matches("io.k8s.").replace('.', "/");
        let mut found = sources.iter().map(|source| source.join(&path));
        let package = match found.find(|path| path.is_dir()) {
            Some(folder) => go::read(&folder)?,
            None => {
                eprintln!("{prefix}: no protobuf source");
                go::Package::default()
            }
        };
        packages.insert(prefix, package);
    }
    Ok(packages)
}

/// Where groups are that OpenAPI does not publish any more (removed versions) or never did (discovery,
/// reviews sent to webhooks), but that clients still send and read.
const UNPUBLISHED: [&str; 3] = [
    "api",
    "apiextensions-apiserver/pkg/apis",
    "kube-aggregator/pkg/apis",
];

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(of).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect()
}

/// `io.k8s.api.apps.v1beta2`, when the folder declares types of a version.
fn prefix(source: &Path, folder: &Path) -> Option<String> {
    let path = folder.strip_prefix(source).ok()?.to_str()?;
    let versioned = folder.join("types.go").is_file() && folder.join("generated.proto").is_file();
    versioned.then(|| format!("io.k8s.{}", path.replace('/', ".")))
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
