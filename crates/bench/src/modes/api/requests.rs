//! Requests for one object: creates, gets, patches and applies.

use super::{PAYLOAD, Run, config_map};
use crate::http::{Connection, Encoding};
use anyhow::Result;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

/// Connections by which protobuf is compared with JSON.
const COMPARED: usize = 16;

/// A way to patch: its name, media type and document that sets an entry of the data to a number.
type Patch = (&'static str, &'static str, fn(u64) -> Value);

const PATCHES: [Patch; 3] = [
    ("merge", "application/merge-patch+json", set_entry),
    (
        "strategic",
        "application/strategic-merge-patch+json",
        set_entry,
    ),
    (
        "json",
        "application/json-patch+json",
        |number| json!([{"op": "add", "path": "/data/number", "value": number.to_string()}]),
    ),
];

fn set_entry(number: u64) -> Value {
    json!({"data": {"number": number.to_string()}})
}

impl Run {
    pub(super) async fn creates(&mut self) -> Result<()> {
        let path = self.namespace("creates").await?;
        for connections in self.amounts.connections.clone() {
            let prefix = format!("c{connections}");
            let made = self.create(&path, &prefix, connections, self.time, Encoding::Json);
            let made = made.await?;
            self.requests("api_durable_creates", connections, &made)
                .print();
        }
        Ok(())
    }

    pub(super) async fn gets(&mut self) -> Result<()> {
        let path = self.namespace("gets").await?;
        let path = self.one(&path, "c").await?;
        for connections in self.amounts.connections.clone() {
            self.get("api_gets", &path, connections, Encoding::Json)
                .await?;
        }
        Ok(())
    }

    async fn get(
        &self,
        figure: &str,
        path: &str,
        connections: usize,
        encoding: Encoding,
    ) -> Result<()> {
        let workers = self.connections(connections, encoding).await?;
        let path = path.to_owned();
        let got = self.load(workers, self.time, move |mut connection: Connection, _| {
            let path = path.clone();
            async move {
                connection.expect(Method::GET, &path, Bytes::new()).await?;
                Ok(connection)
            }
        });
        let got = got.await?;
        self.requests(figure, connections, &got)
            .with("encoding", encoding.name())
            .print();
        Ok(())
    }

    pub(super) async fn patches(&mut self) -> Result<()> {
        let path = self.namespace("patches").await?;
        for (how, media_type, document) in PATCHES {
            for connections in self.amounts.connections.clone() {
                let paths = self.each_one(&path, connections).await?;
                let patched =
                    self.patch_each(&paths, media_type, move |_, number| document(number));
                let patched = patched.await?;
                self.requests("api_patches", connections, &patched)
                    .with("patch", how)
                    .print();
            }
        }
        Ok(())
    }

    /// Applies of a whole object of which one entry changed, by the manager that applied it before.
    pub(super) async fn applies(&mut self) -> Result<()> {
        let path = self.namespace("applies").await?;
        for connections in self.amounts.connections.clone() {
            let paths = (0..connections)
                .map(|n| format!("{path}/a{connections}-{n}?fieldManager=bench&force=true"));
            let paths: Vec<String> = paths.collect();
            let applied = self.patch_each(
                &paths,
                "application/apply-patch+yaml",
                move |place, number| {
                    json!({
                        "apiVersion": "v1", "kind": "ConfigMap",
                        "metadata": {"name": format!("a{connections}-{place}")},
                        "data": {"value": "x".repeat(PAYLOAD), "number": number.to_string()},
                    })
                },
            );
            let applied = applied.await?;
            self.requests("api_applies", connections, &applied).print();
        }
        Ok(())
    }

    /// Every worker patches an object of its own.
    async fn patch_each(
        &self,
        paths: &[String],
        media_type: &'static str,
        document: impl Fn(usize, u64) -> Value + Copy + Send + 'static,
    ) -> Result<(crate::load::Load, Option<f64>)> {
        let connections = self.connections(paths.len(), Encoding::Json).await?;
        let workers: Vec<_> = connections
            .into_iter()
            .zip(paths.iter().cloned().enumerate())
            .collect();
        self.load(
            workers,
            self.time,
            move |(mut connection, (place, path)): (Connection, (usize, String)), number| async move {
                let body = Bytes::from(document(place, number).to_string());
                connection.patch(&path, media_type, body).await?;
                Ok((connection, (place, path)))
            },
        )
        .await
    }

    /// Makes an object if it is not there; its path.
    pub(super) async fn one(&self, path: &str, name: &str) -> Result<String> {
        let mut connection = Connection::open(&self.target).await?;
        let own = format!("{path}/{name}");
        let (found, _) = connection.call(Method::GET, &own, Bytes::new()).await?;
        if !found.is_success() {
            let body = config_map(name, Encoding::Json);
            connection.expect(Method::POST, path, body).await?;
        }
        Ok(own)
    }

    async fn each_one(&self, path: &str, count: usize) -> Result<Vec<String>> {
        let mut paths = Vec::with_capacity(count);
        for number in 0..count {
            paths.push(self.one(path, &format!("p-{number}")).await?);
        }
        Ok(paths)
    }

    /// The same requests in both encodings.
    pub(super) async fn protobuf(&mut self) -> Result<()> {
        let path = self.namespace("protobuf").await?;
        let one = self.one(&path, "c").await?;
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            let name = encoding.name();
            let made = self.create(&path, name, COMPARED, self.time, encoding);
            let made = made.await?;
            self.requests("api_durable_creates", COMPARED, &made)
                .with("encoding", name)
                .print();
            self.get("api_gets", &one, COMPARED, encoding).await?;
        }
        let objects = self.amounts.lists.iter().min().copied().unwrap_or_default();
        let path = self.filled(objects).await?;
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            self.list(&path, objects, encoding).await?;
        }
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            self.fan_out_to(100, encoding).await?;
        }
        Ok(())
    }
}
