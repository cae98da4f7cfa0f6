//! `sampan image`: through the running server, or on the data folder itself when none runs.

use crate::{
    admin::{self, Admin},
    arguments::{DataOptions, ImageCommand},
    paths::Paths,
};
use anyhow::Context as _;
use http::Method;
use runtime::{
    Images as _, Native, Options,
    image::{ImageConfig, archive},
};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) async fn run(command: ImageCommand) -> anyhow::Result<()> {
    match command {
        ImageCommand::Import { file, data } => {
            let file = std::fs::canonicalize(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            for image in list(&import(&file, &data).await?) {
                println!("imported {}", image.names.join(", "));
            }
            Ok(())
        }
        ImageCommand::Ls { data } => {
            print_table(&list(&all(&data).await?));
            Ok(())
        }
        ImageCommand::Rm { image, data } => remove(&image, &data).await,
        ImageCommand::Build {
            name,
            layer,
            entrypoint,
            cmd,
            env,
            output,
        } => {
            let config = ImageConfig {
                entrypoint,
                cmd,
                env,
                ..ImageConfig::default()
            };
            let layers: Vec<_> = layer.into_iter().map(archive::Layer::Tar).collect();
            Ok(archive::build(&output, &name, &config, &layers)?)
        }
    }
}

async fn import(file: &Path, data: &DataOptions) -> anyhow::Result<Value> {
    match server(data).await {
        Some(server) => {
            server
                .ask(Method::POST, "/images", file.display().to_string())
                .await
        }
        None => {
            let images = native(data).await?.import_image(file).await?;
            Ok(json!(images.iter().map(admin::show).collect::<Vec<_>>()))
        }
    }
}

async fn all(data: &DataOptions) -> anyhow::Result<Value> {
    match server(data).await {
        Some(server) => server.ask(Method::GET, "/images", String::new()).await,
        None => {
            let images = native(data).await?.list_images().await?;
            Ok(json!(images.iter().map(admin::show).collect::<Vec<_>>()))
        }
    }
}

async fn remove(image: &str, data: &DataOptions) -> anyhow::Result<()> {
    let known = list(&all(data).await?);
    let name = runtime::image::name::Name::parse(image)
        .map(|name| name.to_string())
        .unwrap_or_default();
    let found = known.iter().any(|one| {
        one.id == image
            || one.id.ends_with(image)
            || one
                .names
                .iter()
                .any(|other| *other == name || other == image)
    });
    anyhow::ensure!(
        found,
        "no image {image:?} here; `sampan image ls` lists them"
    );
    match server(data).await {
        Some(server) => {
            server
                .ask(Method::DELETE, "/images", image.to_owned())
                .await?;
        }
        None => native(data).await?.remove_image(image).await?,
    }
    println!("removed {image}");
    Ok(())
}

async fn server(data: &DataOptions) -> Option<Admin> {
    Admin::connect(&Paths::new(&data.data_dir).admin_socket()).await
}

async fn native(data: &DataOptions) -> anyhow::Result<Native> {
    let paths = Paths::new(&data.data_dir);
    paths
        .create()
        .with_context(|| format!("cannot use the data folder {}", data.data_dir.display()))?;
    Ok(Native::open(Options::new(paths.runtime())).await?)
}

struct Row {
    id: String,
    names: Vec<String>,
    bytes: u64,
}

fn list(tree: &Value) -> Vec<Row> {
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let items = tree.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .map(|item| Row {
            id: item["id"].as_str().unwrap_or_default().to_owned(),
            names: texts(&item["names"]),
            bytes: item["bytes"].as_u64().unwrap_or(0),
        })
        .collect()
}

fn print_table(rows: &[Row]) {
    let name = |row: &Row| {
        row.names
            .first()
            .cloned()
            .unwrap_or_else(|| "<none>".to_owned())
    };
    let width = rows
        .iter()
        .map(|row| name(row).len())
        .max()
        .unwrap_or(0)
        .max(5);
    println!("{:width$}   {:12}   SIZE", "IMAGE", "ID");
    for row in rows {
        let id = row.id.rsplit(':').next().unwrap_or_default();
        println!(
            "{:width$}   {:12}   {}",
            name(row),
            &id[..id.len().min(12)],
            megabytes(row.bytes)
        );
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}
