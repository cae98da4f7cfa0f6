//! Which form the answer takes: `Accept`, by upstream's rules.

use http::{HeaderMap, header};
use machinery::status::Status;

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The object or list itself.
    Whole,
    /// `meta.k8s.io/v1` Table.
    Table,
    /// `meta.k8s.io/v1` PartialObjectMetadata, and its list.
    Metadata,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) shape: Shape,
    pub(crate) encoding: Encoding,
}

impl Form {
    pub(crate) const JSON: Self = Self {
        shape: Shape::Whole,
        encoding: Encoding::Json,
    };

    pub(crate) fn media_type(self) -> &'static str {
        match self.encoding {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
            Encoding::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }
}

/// One media range of an `Accept` header.
pub(crate) struct Range<'a> {
    pub(crate) media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl<'a> Range<'a> {
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

/// The ranges of a header, best first.
pub(crate) fn ranges(headers: &HeaderMap) -> Vec<Range<'_>> {
    let mut ranges: Vec<Range<'_>> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let quality = parameters
                .iter()
                .find(|(name, _)| *name == "q")
                .and_then(|(_, value)| value.parse().ok())
                .unwrap_or(1.0);
            Range {
                media_type,
                parameters,
                quality,
            }
        })
        .filter(|range| !range.media_type.is_empty() && range.quality > 0.0)
        .collect();
    ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    ranges
}

/// Picks the first form that is served. `protobuf` says whether the resource can be written so.
pub(crate) fn form(headers: &HeaderMap, protobuf: bool) -> Result<Form, Status> {
    let ranges = ranges(headers);
    if ranges.is_empty() {
        return Ok(Form::JSON);
    }
    ranges
        .iter()
        .find_map(|range| accepted(range, protobuf))
        .ok_or_else(|| {
            Status::failure(
                406,
                "NotAcceptable",
                "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
            )
        })
}

fn accepted(range: &Range<'_>, protobuf: bool) -> Option<Form> {
    let encoding = match range.media_type {
        "application/json" | "application/*" | "*/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        "application/vnd.kubernetes.protobuf" if protobuf => Encoding::Protobuf,
        _ => return None,
    };
    let shape = match range.parameter("as") {
        None => Shape::Whole,
        Some(kind) => {
            let known = range.parameter("g") == Some("meta.k8s.io")
                && matches!(range.parameter("v"), Some("v1" | "v1beta1"))
                && encoding != Encoding::Protobuf;
            match kind {
                "Table" if known => Shape::Table,
                "PartialObjectMetadata" | "PartialObjectMetadataList" if known => Shape::Metadata,
                _ => return None,
            }
        }
    };
    Some(Form { shape, encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectls_headers() {
        let table = [
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Some(Shape::Table),
            ),
            ("application/json", Some(Shape::Whole)),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Some(Shape::Whole),
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Some(Shape::Metadata),
            ),
            (
                "application/json;as=Other;g=meta.k8s.io;v=v1, */*",
                Some(Shape::Whole),
            ),
            ("text/html", None),
        ];
        for (accept, shape) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(
                form(&headers, false).ok().map(|form| form.shape),
                shape,
                "{accept}"
            );
        }
    }
}
