//! Everything that a resource has, a page at a time and by its metadata, so that memory is bounded however much
//! there is.

use bytes::Bytes;
use client::{Client, Error, Form, Path};
use http::Method;
use serde::{Deserialize, de::DeserializeOwned};

/// Objects asked for at a time.
const SIZE: &str = "500";

/// One page.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Page<T> {
    pub(crate) metadata: Metadata,
    #[serde(default = "Vec::new")]
    pub(crate) items: Vec<T>,
}

/// The metadata of a page.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) resource_version: String,
    /// The token of the page after it; empty at the last.
    #[serde(rename = "continue")]
    pub(crate) next: String,
}

/// The path of the page that a token names; of the first without one.
pub(crate) fn path(collection: &Path, token: &str) -> Path {
    let page = collection.clone().query("limit", SIZE);
    page.query_if("continue", token)
}

/// Sends a request about all objects of a collection, a page at a time, and gives each page to `see`. The pages
/// are of one revision, unless that is forgotten meanwhile: what comes or goes then may be missed.
///
/// # Errors
/// See [`Client::call`].
pub(crate) async fn each<T: DeserializeOwned>(
    client: &Client,
    (method, collection): (Method, &Path),
    body: Bytes,
    mut see: impl FnMut(Vec<T>),
) -> Result<(), Error> {
    let mut token = String::new();
    loop {
        let page = path(collection, &token);
        let json = "application/json";
        let answer = client.call(method.clone(), &page, json, body.clone(), Form::Metadata);
        let json = match answer.await {
            Ok(json) => json,
            // An expired token comes with one that goes on from there, at another revision.
            Err(error) => match error.status().filter(|_| error.is_expired()) {
                Some(status) if !status.metadata.continue_token.is_empty() => {
                    status.metadata.continue_token.clone_into(&mut token);
                    continue;
                }
                _ => return Err(error),
            },
        };
        let page: Page<T> = collection.read(&json)?;
        see(page.items);
        token = page.metadata.next;
        if token.is_empty() {
            return Ok(());
        }
    }
}
