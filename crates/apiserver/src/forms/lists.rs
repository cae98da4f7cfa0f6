//! Lists, a block at a time as the connection takes them: the whole is never put together.

use super::{Made, PARTIAL, PARTIAL_HEAD, Writer, metadata, pack, stream};
use crate::{
    BoxError,
    answer::{self, Answer},
    negotiate::{Encoding, Shape},
    watch_cache::Item,
};
use api::protobuf;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use machinery::status::Status;
use serde_json::Value;
use std::sync::Arc;

/// Bytes of a list handed to the connection at a time, but for the object that ends them.
const BLOCK_BYTES: usize = 64 << 10;

impl Writer {
    /// An answer of many. `metadata` is the list's.
    pub(crate) fn list(&self, made: &Arc<Made>, items: Vec<Arc<Item>>, metadata: Value) -> Answer {
        match (self.form.shape, self.form.encoding) {
            (Shape::Table, _) => {
                let made = made.holding(&items);
                let mut rows = Vec::with_capacity(items.len());
                for item in &items {
                    rows.push(self.row(&self.view(made, item)?)?);
                }
                self.encoded(200, self.table(rows, metadata, true).to_string().into())
            }
            (_, Encoding::Protobuf) => self.protobuf_list(made, &items, &metadata),
            (_, Encoding::Json) if !self.form.pretty => {
                let size = items.iter().map(|item| item.size()).sum();
                self.streamed(size, self.json_list(made, items, &metadata))
            }
            _ => {
                let mut whole = BytesMut::new();
                for block in self.json_list(made, items, &metadata) {
                    whole.extend_from_slice(&block?);
                }
                self.encoded(200, whole.freeze())
            }
        }
    }

    /// Group, version and kind of the list.
    fn listed(&self) -> (String, String) {
        let (version, kind) = match self.form.shape {
            Shape::Metadata => (PARTIAL.0.to_owned(), PARTIAL.1),
            _ => (self.resource.api_version(), self.resource.kind()),
        };
        (version, format!("{kind}List"))
    }

    /// The stored bytes joined.
    fn json_list(
        &self,
        made: &Arc<Made>,
        items: Vec<Arc<Item>>,
        metadata: &Value,
    ) -> impl Iterator<Item = Result<Bytes, Status>> + Send + use<> {
        let (version, kind) = self.listed();
        let head = format!(
            r#"{{"kind":"{kind}","apiVersion":"{version}","metadata":{metadata},"items":["#
        );
        let writer = self.clone();
        let made = made.holding(&items).is_some().then(|| Arc::clone(made));
        let mut first = true;
        blocks(head.into_bytes(), b"]}\n", items, move |item, block| {
            if !std::mem::take(&mut first) {
                block.push(b',');
            }
            writer.append(made.as_deref(), item, block)
        })
    }

    fn append(
        &self,
        made: Option<&Made>,
        item: &Arc<Item>,
        block: &mut Vec<u8>,
    ) -> Result<(), Status> {
        if self.form.shape == Shape::Whole {
            block.extend_from_slice(&self.view(made, item)?);
            return Ok(());
        }
        block.extend_from_slice(PARTIAL_HEAD.as_bytes());
        match self.resource.is_served_as_stored() {
            true => block.extend_from_slice(item.metadata_json()),
            false => {
                let view = self.view(made, item)?;
                block.extend_from_slice(metadata(&view)?.get().as_bytes());
            }
        }
        block.push(b'}');
        Ok(())
    }

    /// Encoded object by object, and only then begun: what holds them says before how long they are.
    fn protobuf_list(&self, made: &Made, items: &[Arc<Item>], metadata: &Value) -> Answer {
        let made = made.holding(items);
        let objects = items.iter().map(|item| self.protobuf(made, item));
        let objects = objects.collect::<Result<Vec<Bytes>, Status>>()?;
        let (version, kind) = self.listed();
        let around =
            protobuf::List::around(&objects, (&version, &kind), metadata.to_string().as_bytes())
                .map_err(|error| Status::internal(&error))?;
        let size = around.length;
        let put = |object: &Bytes, block: &mut Vec<u8>| {
            protobuf::List::put(block, object);
            Ok(())
        };
        self.streamed(size, blocks(around.head, around.tail, objects, put))
    }

    /// An answer of blocks, compressed if that is worth it.
    fn streamed(
        &self,
        size: usize,
        blocks: impl Iterator<Item = Result<Bytes, Status>> + Send + 'static,
    ) -> Answer {
        let mut response = answer::whole(200, self.form.media_type(), Bytes::new());
        let blocks = blocks.map(|block| block.map_err(BoxError::from));
        let frame = |block: Result<Bytes, BoxError>| block.map(http_body::Frame::data);
        if !self.gzip || size < pack::GZIP_FROM_BYTES {
            *response.body_mut() = stream(futures::stream::iter(blocks.map(frame)));
            return Ok(response);
        }
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        let packed = pack::Packed::new(blocks);
        *response.body_mut() = stream(futures::stream::iter(packed.map(frame)));
        Ok(response)
    }
}

/// Parts joined to blocks, between a head and a tail.
fn blocks<T: Send>(
    head: Vec<u8>,
    tail: &'static [u8],
    parts: Vec<T>,
    mut put: impl FnMut(&T, &mut Vec<u8>) -> Result<(), Status> + Send,
) -> impl Iterator<Item = Result<Bytes, Status>> + Send {
    let mut parts = parts.into_iter();
    let mut block = head;
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        while block.len() < BLOCK_BYTES {
            let Some(part) = parts.next() else {
                block.extend_from_slice(tail);
                ended = true;
                break;
            };
            if let Err(error) = put(&part, &mut block) {
                ended = true;
                return Some(Err(error));
            }
        }
        Some(Ok(std::mem::take(&mut block).into()))
    })
}
