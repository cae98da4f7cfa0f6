//! The administrator's socket: a local door for what is no part of the API, such as importing images. Only
//! root can reach it, and whoever connects learns the server's process.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use runtime::Images;
use serde_json::json;
use std::{
    convert::Infallible, os::unix::fs::PermissionsExt as _, path::Path, path::PathBuf, sync::Arc,
};
use stdx::tasks::Tasks;
use tokio::net::{UnixListener, UnixStream};

/// The largest request and answer, in bytes: paths and lists of images.
const BODY_LIMIT_BYTES: usize = 4 << 20;

/// Serves the socket on `tasks`. A socket left behind by a server that was killed is replaced.
pub(crate) fn serve(path: &Path, images: Arc<dyn Images>, tasks: &Tasks) -> anyhow::Result<()> {
    let _ = std::fs::remove_file(path);
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot protect {}", path.display()))?;
    let group = tasks.clone();
    tasks.spawn("admin socket", async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let images = Arc::clone(&images);
            group.spawn("admin connection", async move {
                let service = service_fn(move |request| {
                    let images = Arc::clone(&images);
                    async move { Ok::<_, Infallible>(answer(request, images).await) }
                });
                let served = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection to the admin socket broke");
                }
            });
        }
    });
    Ok(())
}

async fn answer(request: Request<Incoming>, images: Arc<dyn Images>) -> Response<Full<Bytes>> {
    let result = match (request.method().clone(), request.uri().path()) {
        (Method::GET, "/images") => images
            .list_images()
            .await
            .map(|all| json!(all.iter().map(show).collect::<Vec<_>>())),
        (Method::POST, "/images") => match body(request).await {
            Ok(path) => images
                .import_image(Path::new(&path))
                .await
                .map(|all| json!(all.iter().map(show).collect::<Vec<_>>())),
            Err(error) => return reply(StatusCode::BAD_REQUEST, &json!(error.to_string())),
        },
        (Method::DELETE, "/images") => match body(request).await {
            Ok(name) => images.remove_image(&name).await.map(|()| json!(null)),
            Err(error) => return reply(StatusCode::BAD_REQUEST, &json!(error.to_string())),
        },
        _ => return reply(StatusCode::NOT_FOUND, &json!("no such request")),
    };
    match result {
        Ok(tree) => reply(StatusCode::OK, &tree),
        Err(error) => reply(StatusCode::UNPROCESSABLE_ENTITY, &json!(error.to_string())),
    }
}

/// An image as the socket shows it.
pub(crate) fn show(image: &runtime::image::Image) -> serde_json::Value {
    json!({"id": image.id, "names": image.repo_tags, "digests": image.repo_digests, "bytes": image.size_bytes})
}

async fn body(request: Request<Incoming>) -> anyhow::Result<String> {
    let collected = Limited::new(request.into_body(), BODY_LIMIT_BYTES)
        .collect()
        .await;
    let bytes = collected
        .map_err(|error| anyhow::anyhow!("{error}"))?
        .to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}

fn reply(status: StatusCode, tree: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(tree.to_string())));
    *response.status_mut() = status;
    response
}

/// A connection to a running server.
pub(crate) struct Admin {
    stream: UnixStream,
}

impl Admin {
    /// Connects to the server of `socket`; nothing when none runs.
    pub(crate) async fn connect(socket: &PathBuf) -> Option<Self> {
        UnixStream::connect(socket)
            .await
            .ok()
            .map(|stream| Self { stream })
    }

    /// The server's process.
    pub(crate) fn process(&self) -> anyhow::Result<i32> {
        let peer = self
            .stream
            .peer_cred()
            .context("cannot tell which process serves the admin socket")?;
        peer.pid()
            .context("the kernel does not tell which process serves the admin socket")
    }

    /// Returns when the server's process ends, which closes its side.
    pub(crate) async fn closed(mut self) {
        use tokio::io::AsyncReadExt as _;
        let _ = self.stream.read(&mut [0; 1]).await;
    }

    /// Asks one thing.
    pub(crate) async fn ask(
        self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<serde_json::Value> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.stream)).await?;
        let running = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, "sampan")
            .body(Full::new(Bytes::from(body)))?;
        let response = sender
            .send_request(request)
            .await
            .context("the server hung up")?;
        let status = response.status();
        let bytes = Limited::new(response.into_body(), BODY_LIMIT_BYTES)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?
            .to_bytes();
        running.abort();
        let tree: serde_json::Value = serde_json::from_slice(&bytes)?;
        if !status.is_success() {
            bail!("{}", tree.as_str().unwrap_or("the server refused"));
        }
        Ok(tree)
    }
}
