//! Requests that the door makes of itself, under its own name: what it does to objects by itself takes the
//! same path as what others do.

use crate::{Door, User, answer, answer::Body};
use http::{HeaderValue, Method, Request, Response, header};
use std::sync::Arc;

const AGENT: HeaderValue = HeaderValue::from_static("apiserver");

impl Door {
    /// The answer to a request of the door itself.
    pub(crate) async fn ask_itself(
        self: &Arc<Self>,
        method: Method,
        path: &str,
        media_type: &'static str,
        body: String,
    ) -> Response<Body> {
        let mut request = Request::new(answer::full(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap_or_default();
        request.extensions_mut().insert(User::apiserver());
        let fields = request.headers_mut();
        fields.insert(header::USER_AGENT, AGENT);
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.handle(request).await
    }
}
