//! Which form the answer takes: `Accept`, by upstream's rules.

use crate::{query::Query, resources::Resource};
use http::{HeaderMap, header};
use machinery::status::Status;

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// JSON for people: indented.
    pub(crate) pretty: bool,
}

impl Form {
    pub(crate) const JSON: Self = Self {
        shape: Shape::Whole,
        encoding: Encoding::Json,
        pretty: false,
    };

    pub(crate) fn media_type(self) -> &'static str {
        match self.encoding {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
            Encoding::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    /// The media type of a watch in this form.
    pub(crate) fn stream_type(self) -> &'static str {
        match self.encoding {
            Encoding::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
            _ => "application/json",
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

/// Picks the form of an answer about a resource.
pub(crate) fn of_resource(
    headers: &HeaderMap,
    query: &Query,
    resource: &Resource,
) -> Result<Form, Status> {
    let form = form(headers, query, resource.has_protobuf())?;
    if resource.is_action() && form.shape != Shape::Whole {
        // What is not stored has no metadata to show.
        return Err(not_acceptable(
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        ));
    }
    Ok(form)
}

/// Picks the first form that is served. `protobuf` says whether the resource can be written so.
pub(crate) fn form(headers: &HeaderMap, query: &Query, protobuf: bool) -> Result<Form, Status> {
    let ranges = ranges(headers);
    let pretty = pretty(headers, query);
    if ranges.is_empty() {
        return Ok(Form {
            pretty,
            ..Form::JSON
        });
    }
    let found = ranges.iter().find_map(|range| accepted(range, protobuf));
    let form = found.ok_or_else(|| match protobuf {
        true => not_acceptable(
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        ),
        false => not_acceptable("application/json, application/yaml"),
    })?;
    Ok(Form {
        pretty: pretty || form.pretty,
        ..form
    })
}

/// The form of a watch, which is a stream: never YAML, never indented.
pub(crate) fn stream(form: Form) -> Result<Form, Status> {
    match form.encoding {
        Encoding::Yaml => Err(not_acceptable(
            "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
        )),
        _ => Ok(Form {
            pretty: false,
            ..form
        }),
    }
}

/// The form of a Status, which must be had: what cannot be served is JSON.
pub(crate) fn status(headers: &HeaderMap, query: &Query) -> Form {
    let ranges = ranges(headers);
    let plain = ranges
        .iter()
        .filter(|range| range.parameter("as").is_none());
    let found = plain.filter_map(|range| accepted(range, true)).next();
    Form {
        pretty: pretty(headers, query),
        ..found.unwrap_or(Form::JSON)
    }
}

pub(crate) fn not_acceptable(served: &str) -> Status {
    Status::failure(
        406,
        "NotAcceptable",
        format!("only the following media types are accepted: {served}"),
    )
}

/// Whether a person reads the answer: `?pretty`, or else what clients people use at a prompt.
fn pretty(headers: &HeaderMap, query: &Query) -> bool {
    match query.get("pretty").filter(|asked| !asked.is_empty()) {
        Some(asked) => matches!(asked, "1" | "t" | "T" | "true" | "TRUE" | "True"),
        None => headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .is_some_and(|agent| {
                ["curl", "Wget", "Mozilla/5.0"]
                    .iter()
                    .any(|known| agent.starts_with(known))
            }),
    }
}

fn accepted(range: &Range<'_>, protobuf: bool) -> Option<Form> {
    let encoding = match range.media_type {
        "application/json" | "application/*" | "*/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        "application/vnd.kubernetes.protobuf" if protobuf => Encoding::Protobuf,
        _ => return None,
    };
    let stream = range.parameter("stream").unwrap_or_default();
    if !matches!(stream, "" | "watch") || (!stream.is_empty() && encoding == Encoding::Yaml) {
        return None;
    }
    let shape = match range.parameter("as") {
        None => Shape::Whole,
        Some(kind) => {
            let known = range.parameter("g") == Some("meta.k8s.io")
                && matches!(range.parameter("v"), Some("v1" | "v1beta1"));
            match kind {
                // Tables have no protobuf.
                "Table" if known && encoding != Encoding::Protobuf => Shape::Table,
                "PartialObjectMetadata" | "PartialObjectMetadataList" if known => Shape::Metadata,
                _ => return None,
            }
        }
    };
    Some(Form {
        shape,
        encoding,
        pretty: range.parameter("pretty") == Some("1"),
    })
}

#[cfg(test)]
mod tests;
