//! One request and its answer, for any kind.

use crate::{Error, Path};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use machinery::status::Status;

/// The largest answer that is read whole.
const ANSWER_LIMIT_BYTES: usize = 512 << 20;

/// A handle to the API. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: kube::Client,
    manager: &'static str,
}

/// The form in which answers are wanted: the value of `Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Whole objects.
    Json,
    /// `meta.k8s.io/v1` Table, with whole objects only where the server must.
    Table,
    /// `PartialObjectMetadata`: what garbage collection needs of kinds it does not know.
    Metadata,
}

impl Form {
    fn accept(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Table => "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Self::Metadata => {
                "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
            }
        }
    }
}

/// A change to an object, as one of the patch formats.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 7386.
    Merge(serde_json::Value),
    /// Kubernetes' strategic merge.
    Strategic(serde_json::Value),
    /// RFC 6902.
    Json(serde_json::Value),
    /// Server-side apply; `force` takes fields from other managers.
    Apply {
        /// The fields wanted.
        object: serde_json::Value,
        /// Whether to take fields that others own.
        force: bool,
    },
}

impl Patch {
    fn content_type(&self) -> &'static str {
        match self {
            Self::Merge(_) => "application/merge-patch+json",
            Self::Strategic(_) => "application/strategic-merge-patch+json",
            Self::Json(_) => "application/json-patch+json",
            Self::Apply { .. } => "application/apply-patch+yaml",
        }
    }

    fn body(&self) -> Bytes {
        let (Self::Merge(tree)
        | Self::Strategic(tree)
        | Self::Json(tree)
        | Self::Apply { object: tree, .. }) = self;
        Bytes::from(tree.to_string())
    }
}

impl Client {
    /// A client over `inner` that names itself `manager` as field manager and user agent.
    #[must_use]
    pub fn new(inner: kube::Client, manager: &'static str) -> Self {
        Self { inner, manager }
    }

    /// The name under which this client owns fields.
    #[must_use]
    pub fn manager(&self) -> &'static str {
        self.manager
    }

    /// The same connection under another name.
    #[must_use]
    pub fn named(&self, manager: &'static str) -> Self {
        Self {
            inner: self.inner.clone(),
            manager,
        }
    }

    /// kube's client below, for exec and other upgraded connections.
    #[must_use]
    pub fn kube(&self) -> &kube::Client {
        &self.inner
    }

    /// Sends any request as it is; failures of the server are answers here, not errors.
    ///
    /// # Errors
    /// [`Error::Transport`] when no answer arrives.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, Error> {
        let headers = request.headers_mut();
        if !headers.contains_key(header::USER_AGENT) {
            headers.insert(
                header::USER_AGENT,
                header::HeaderValue::from_static(self.manager),
            );
        }
        let what = format!("{} {}", request.method(), request.uri().path());
        self.inner
            .send(request)
            .await
            .map_err(|error| transport(&what, error))
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// [`Error::Status`] for any answer that is not a success.
    pub async fn call(
        &self,
        method: Method,
        path: &Path,
        content_type: &str,
        body: Bytes,
        form: Form,
    ) -> Result<Bytes, Error> {
        let what = format!("{method} {}", path.as_str());
        let response = self.open(method, path, content_type, body, form).await?;
        collect(&what, response).await
    }

    /// Sends a request and hands out its successful answer unread.
    ///
    /// # Errors
    /// [`Error::Status`] for any answer that is not a success.
    pub async fn open(
        &self,
        method: Method,
        path: &Path,
        content_type: &str,
        body: Bytes,
        form: Form,
    ) -> Result<Response<Body>, Error> {
        let what = format!("{method} {}", path.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(path.as_str())
            .header(header::ACCEPT, form.accept());
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request
            .body(Body::from(body))
            .map_err(|error| transport(&what, error))?;
        let response = self.send(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let body = collect(&what, response).await?;
        Err(Error::Status(Box::new(read_status(code, &body))))
    }

    /// Applies the fields of `object` at `path`; those that others own are taken from them.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn apply_at(&self, path: Path, object: serde_json::Value) -> Result<Bytes, Error> {
        let force = true;
        self.patch_at(path, &Patch::Apply { object, force }).await
    }

    /// Patches the object (or subresource) at `path`.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn patch_at(&self, path: Path, patch: &Patch) -> Result<Bytes, Error> {
        let path = path.query("fieldManager", self.manager);
        let path = match patch {
            Patch::Apply { force: true, .. } => path.query("force", "true"),
            _ => path,
        };
        self.call(
            Method::PATCH,
            &path,
            patch.content_type(),
            patch.body(),
            Form::Json,
        )
        .await
    }
}

fn transport(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Transport {
        request: what.to_owned(),
        source: source.into(),
    }
}

async fn collect(what: &str, response: Response<Body>) -> Result<Bytes, Error> {
    Limited::new(response.into_body(), ANSWER_LIMIT_BYTES)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| transport(what, error))
}

/// The Status in a failed answer; an answer without one (a proxy's, say) becomes one.
fn read_status(code: u16, body: &[u8]) -> Status {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(&body[..body.len().min(1024)]);
        Status::failure(
            code,
            "",
            format!("the server answered {code}: {}", text.trim()),
        )
    })
}
