//! `sampan up`: a server in the foreground, and a demo deployed on it as a user would.

use crate::{arguments::UpOptions, hello_image, server, wiring};
use anyhow::{Context as _, bail};
use apiserver::{Door, User};
use bytes::Bytes;
use client::{Client, ListOptions, Path, WatchEvent};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Node, Service},
};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, sync::Notify};

const NAMESPACE: &str = "default";
const NAME: &str = "hello";
/// How long the demo may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the server; the demo is deployed beside it.
pub(crate) async fn up(options: UpOptions) -> anyhow::Result<()> {
    let begun = Instant::now();
    let replicas = options.replicas;
    println!("Starting Sampan in {} …", options.server.data_dir.display());
    server::run(options.server, move |server, door| {
        println!("  API ready                {}", since(begun));
        let demo = Demo {
            client: admin(door),
            kubeconfig: server.options.kubeconfig().display().to_string(),
            image: Arc::clone(&server.demo_image),
            replicas,
            begun,
        };
        server.tasks.spawn("demo", async move {
            let shown = tokio::time::timeout(PATIENCE, demo.show()).await;
            match shown {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("The demo failed: {error:#}"),
                Err(_) => eprintln!(
                    "The demo does not answer after {} s; `sampan kubectl describe pods` says why.",
                    PATIENCE.as_secs()
                ),
            }
        });
    })
    .await
}

fn admin(door: &Arc<Door>) -> Client {
    let user = User::new("system:admin", &[User::MASTERS, User::AUTHENTICATED]);
    wiring::client(door, &user, "sampan-up")
}

/// How kubectl is called here: where there is none, this binary is one.
fn kubectl() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("kubectl").is_file());
    match std::env::current_exe() {
        Ok(own) if !found => format!("{} kubectl", own.display()),
        _ => "kubectl".to_owned(),
    }
}

fn since(begun: Instant) -> String {
    format!("{:>6} ms", begun.elapsed().as_millis())
}

struct Demo {
    client: Client,
    image: Arc<Notify>,
    kubeconfig: String,
    replicas: i32,
    begun: Instant,
}

impl Demo {
    async fn show(&self) -> anyhow::Result<()> {
        self.until::<Node>("", |node| {
            let conditions = node
                .status
                .iter()
                .flat_map(|status| status.conditions.iter().flatten());
            conditions
                .into_iter()
                .any(|one| one.type_ == "Ready" && one.status == "True")
        })
        .await?;
        println!("  node ready               {}", since(self.begun));
        self.image.notified().await;
        println!("  demo image ready         {}", since(self.begun));
        self.apply("apps", "deployments", deployment(self.replicas))
            .await?;
        self.apply("", "services", service()).await?;
        let wanted = self.replicas;
        self.until::<Deployment>(NAME, move |deployment| {
            let status = deployment.status.clone().unwrap_or_default();
            let seen = status.observed_generation == deployment.metadata.generation;
            seen && status.updated_replicas == Some(wanted)
                && status.available_replicas == Some(wanted)
        })
        .await?;
        println!("  demo running             {}", since(self.begun));
        let port = self.node_port().await?;
        answers(port).await?;
        println!("  demo answers             {}", since(self.begun));
        println!(
            "\nOpen      http://127.0.0.1:{port}/\nkubeconfig {}\n",
            self.kubeconfig
        );
        println!("Try, in another terminal:");
        println!("  export KUBECONFIG={}", self.kubeconfig);
        let kubectl = kubectl();
        for line in [
            "get pods -o wide",
            "scale deployment/hello --replicas=5",
            "logs -f deployment/hello",
        ] {
            println!("  {kubectl} {line}");
        }
        println!("\nCtrl-C stops the server; the containers keep running for the next one.");
        Ok(())
    }

    /// Follows objects of a kind (one name, or any) until one is as wanted.
    async fn until<T: api::Object>(
        &self,
        name: &str,
        holds: impl Fn(&T) -> bool,
    ) -> anyhow::Result<()> {
        let fields = if name.is_empty() {
            String::new()
        } else {
            format!("metadata.name={name}")
        };
        let options = ListOptions {
            fields,
            ..ListOptions::default()
        };
        loop {
            let mut events = self.client.watch::<T>(NAMESPACE, &options, "").await?;
            while let Some(event) = events.next().await? {
                if let WatchEvent::Added(object) | WatchEvent::Modified(object) = &event
                    && holds(object)
                {
                    return Ok(());
                }
            }
        }
    }

    async fn apply(&self, group: &str, plural: &str, object: Value) -> anyhow::Result<()> {
        let path = Path::collection(group, "v1", NAMESPACE, plural).part(NAME);
        self.client
            .apply_at(path, object)
            .await
            .with_context(|| format!("cannot apply {plural}/{NAME}"))?;
        Ok(())
    }

    async fn node_port(&self) -> anyhow::Result<u16> {
        let service: Service = self.client.get(NAMESPACE, NAME).await?;
        let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
        let port = ports.first().and_then(|port| port.node_port);
        port.and_then(|port| u16::try_from(port).ok())
            .context("the demo's service has no node port")
    }
}

fn deployment(replicas: i32) -> Value {
    let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": NAME, "labels": { "app": NAME } },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": NAME } },
            "template": {
                "metadata": { "labels": { "app": NAME } },
                "spec": { "containers": [{
                    "name": NAME, "image": hello_image::NAME,
                    "ports": [{ "containerPort": 8080 }],
                    "env": [field("POD_NAME", "metadata.name"), field("NODE_NAME", "spec.nodeName")],
                    "readinessProbe": { "httpGet": { "path": "/healthz", "port": 8080 }, "periodSeconds": 1 },
                }] },
            },
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": NAME, "labels": { "app": NAME } },
        "spec": {
            "type": "NodePort", "selector": { "app": NAME },
            "ports": [{ "port": 80, "targetPort": 8080 }],
        },
    })
}

/// Asks the node port until it answers; rules follow endpoints after a moment. The caller bounds the wait.
async fn answers(port: u16) -> anyhow::Result<()> {
    const AGAIN: Duration = Duration::from_millis(20);
    while let Err(error) = ask(port).await {
        tracing::debug!(%error, "the demo does not answer yet");
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

async fn ask(port: u16) -> anyhow::Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let running = tokio::spawn(connection);
    let request = http::Request::get("/healthz")
        .header(http::header::HOST, "127.0.0.1")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    running.abort();
    if !status.is_success() {
        bail!("it answers {status}");
    }
    Ok(())
}
