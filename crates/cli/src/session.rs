//! One invocation's connection: where the server is, which namespace is meant, and requests on trees
//! with the server's warnings shown as they arrive.

use crate::{
    flags::Flags,
    resolve::{Catalogue, Resource},
};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use client::{Client, Error, Path};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Limited};
use kube::{
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use machinery::status::Status;
use serde_json::Value;
use std::path::PathBuf;
use tokio::sync::OnceCell;

/// The largest answer that is read.
const ANSWER_LIMIT_BYTES: usize = 1 << 30;
const USER_AGENT: &str = concat!("kubectl/v1.36.0 sampan/", env!("CARGO_PKG_VERSION"));
/// What `sampan server` writes; used when nothing else names a cluster.
const SERVER_KUBECONFIG: &str = "/etc/sampan/kubeconfig.yaml";
/// Tables as the server prints them, whole objects where it cannot.
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
/// Plain objects.
pub(crate) const JSON: &str = "application/json";
/// The media types of patches.
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";
pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// Everything a verb needs to ask the server.
pub(crate) struct Session {
    pub(crate) flags: Flags,
    config: OnceCell<kube::Config>,
    client: OnceCell<Client>,
    catalogue: OnceCell<Catalogue>,
}

impl Session {
    pub(crate) fn new(flags: Flags) -> Self {
        Self {
            flags,
            config: OnceCell::new(),
            client: OnceCell::new(),
            catalogue: OnceCell::new(),
        }
    }

    /// The address and identity, from flags over the kubeconfig.
    pub(crate) async fn config(&self) -> Result<&kube::Config> {
        self.config.get_or_try_init(|| self.load()).await
    }

    /// The kubeconfig files that flags, environment and home directory name, merged.
    pub(crate) fn kubeconfig(&self) -> Result<Option<Kubeconfig>> {
        if let Some(path) = &self.flags.kubeconfig {
            let read = Kubeconfig::read_from(path);
            return Ok(Some(
                read.with_context(|| format!("reading {}", path.display()))?,
            ));
        }
        let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
        // Files that do not exist are passed over, as kubectl does.
        let named = std::env::split_paths(&named).filter(|path| path.is_file());
        let mut merged: Option<Kubeconfig> = None;
        for path in named {
            let next = Kubeconfig::read_from(&path)
                .with_context(|| format!("reading {}", path.display()))?;
            merged = Some(match merged {
                Some(first) => first.merge(next)?,
                None => next,
            });
        }
        if merged.is_some() {
            return Ok(merged);
        }
        let home = std::env::home_dir().map(|home| home.join(".kube/config"));
        let known = [home, Some(PathBuf::from(SERVER_KUBECONFIG))];
        match known.into_iter().flatten().find(|path| path.is_file()) {
            Some(path) => Ok(Some(
                Kubeconfig::read_from(&path)
                    .with_context(|| format!("reading {}", path.display()))?,
            )),
            None => Ok(None),
        }
    }

    async fn load(&self) -> Result<kube::Config> {
        let flags = &self.flags;
        let mut config = match self.kubeconfig()? {
            Some(file) => {
                let options = KubeConfigOptions {
                    context: flags.context.clone(),
                    cluster: flags.cluster.clone(),
                    user: flags.user.clone(),
                };
                kube::Config::from_custom_kubeconfig(file, &options).await?
            }
            None => kube::Config::new("http://localhost:8080".parse()?),
        };
        if let Some(server) = &flags.server {
            let server = if server.contains("://") {
                server.clone()
            } else {
                format!("http://{server}")
            };
            config.cluster_url = server.parse().context("invalid --server")?;
        }
        if let Some(token) = &flags.token {
            config.auth_info.token = Some(token.clone().into());
        }
        let text = |path: &PathBuf| path.display().to_string();
        if let Some(path) = &flags.client_certificate {
            config.auth_info.client_certificate = Some(text(path));
            config.auth_info.client_certificate_data = None;
        }
        if let Some(path) = &flags.client_key {
            config.auth_info.client_key = Some(text(path));
            config.auth_info.client_key_data = None;
        }
        if let Some(path) = &flags.certificate_authority {
            config.root_cert = Some(certificates(path)?);
        }
        config.accept_invalid_certs |= flags.insecure_skip_tls_verify;
        if flags.impersonate.is_some() {
            config.auth_info.impersonate.clone_from(&flags.impersonate);
            config.auth_info.impersonate_groups = Some(flags.impersonate_groups.clone());
        }
        // Watches, logs and terminals may be silent for as long as they like.
        config.read_timeout = None;
        config.write_timeout = None;
        Ok(config)
    }

    /// The connection.
    pub(crate) async fn client(&self) -> Result<&Client> {
        self.client
            .get_or_try_init(|| async {
                let config = self.config().await?.clone();
                let inner = kube::Client::try_from(config)?;
                anyhow::Ok(Client::new(inner, USER_AGENT))
            })
            .await
    }

    /// The namespace of `-n`, else of the context, else `default`.
    pub(crate) async fn namespace(&self) -> Result<String> {
        match &self.flags.namespace {
            Some(given) => Ok(given.clone()),
            None => Ok(self.config().await?.default_namespace.clone()),
        }
    }

    /// What the server serves.
    pub(crate) async fn catalogue(&self) -> Result<&Catalogue> {
        self.catalogue
            .get_or_try_init(|| Catalogue::discover(self))
            .await
    }

    /// Sends a request; an answer that is no success becomes the error.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &Path,
        accept: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<http::Response<Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path.as_str())
            .header(header::ACCEPT, accept);
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let response = self
            .client()
            .await?
            .send(request.body(Body::from(body))?)
            .await?;
        for warning in response.headers().get_all(header::WARNING) {
            if let Some(text) = warning.to_str().ok().and_then(warning_text) {
                eprintln!("Warning: {text}");
            }
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let body = read(response).await?;
        let status = serde_json::from_slice(&body).unwrap_or_else(|_| {
            Status::failure(
                code,
                "",
                String::from_utf8_lossy(&body[..body.len().min(1024)]).trim(),
            )
        });
        Err(Error::Status(Box::new(status)).into())
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn bytes(&self, method: Method, path: &Path, accept: &str) -> Result<Bytes> {
        read(self.open(method, path, accept, "", Bytes::new()).await?).await
    }

    /// GET of a tree.
    pub(crate) async fn get(&self, path: &Path, accept: &str) -> Result<Value> {
        tree(&self.bytes(Method::GET, path, accept).await?)
    }

    /// A request with a tree as its body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &Path,
        content_type: &str,
        body: &Value,
    ) -> Result<Value> {
        let body = Bytes::from(body.to_string());
        let response = self.open(method, path, JSON, content_type, body).await?;
        tree(&read(response).await?)
    }

    /// Creates `object` in its collection.
    pub(crate) async fn create(
        &self,
        resource: &Resource,
        namespace: &str,
        object: &Value,
        manager: &str,
        dry_run: &str,
    ) -> Result<Value> {
        let path = resource
            .collection(namespace)
            .query("fieldManager", manager)
            .query_if("dryRun", dry_run)
            .query("fieldValidation", "Strict");
        self.send(Method::POST, &path, JSON, object).await
    }

    /// Patches one object (or, with a path of its own, a subresource).
    pub(crate) async fn patch(
        &self,
        path: Path,
        content_type: &str,
        patch: &Value,
        manager: &str,
        dry_run: &str,
    ) -> Result<Value> {
        let path = path
            .query("fieldManager", manager)
            .query_if("dryRun", dry_run)
            .query("fieldValidation", "Strict");
        self.send(Method::PATCH, &path, content_type, patch).await
    }

    /// The object, or nothing when it does not exist.
    pub(crate) async fn find(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>> {
        match self.get(&resource.object(namespace, name), JSON).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if crate::failure::status(&error).is_some_and(|it| it.is("NotFound")) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

async fn read(response: http::Response<Body>) -> Result<Bytes> {
    match Limited::new(response.into_body(), ANSWER_LIMIT_BYTES)
        .collect()
        .await
    {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) => bail!("the server's answer broke off: {error}"),
    }
}

fn tree(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body).context("the server's answer is not JSON")
}

/// The quoted part of `299 - "text"`.
fn warning_text(header: &str) -> Option<String> {
    let quoted = &header[header.find('"')?..];
    serde_json::from_str(quoted).ok()
}

/// The certificates of a PEM file, in DER.
fn certificates(path: &std::path::Path) -> Result<Vec<Vec<u8>>> {
    use base64::Engine;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut found = Vec::new();
    for part in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body: String = part
            .split("-----END CERTIFICATE-----")
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        found.push(base64::engine::general_purpose::STANDARD.decode(body)?);
    }
    if found.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(found)
}
