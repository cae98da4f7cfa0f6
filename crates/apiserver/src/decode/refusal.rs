//! Why a body is refused, in the words of upstream's decoders: `SimpleMetaFactory`, the versioning codec and
//! `transformDecodeError`.

use api::{
    schema::{self, Schemas, TypeRef},
    strict,
};
use machinery::status::Status;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Display;

/// Go's name of the struct that it reads a kind into.
const META: &str = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
/// What Go's decoder calls its list of kinds: the place in upstream's source where that is made.
const SCHEME: &str = "pkg/api/legacyscheme/scheme.go:30";
/// Bytes of a body that messages show.
const SUMMARY_BYTES: usize = 30;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TypeMeta {
    api_version: Option<String>,
    kind: Option<String>,
}

/// A kind as a body's must be.
pub(crate) struct Expected<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
}

/// Refuses JSON of another kind; a kind that is not named passes.
pub(crate) fn expect_kind(json: &[u8], expected: &Expected<'_>) -> Result<(), Status> {
    let wanted = crate::resources::api_version(expected.group, expected.version);
    let meta = type_meta(json).map_err(|wrong| unrecognized(json, expected.kind, &wrong))?;
    let api_version = meta.api_version.filter(|it| !it.is_empty());
    let api_version = api_version.as_deref().unwrap_or(&wanted);
    let kind = meta.kind.filter(|it| !it.is_empty());
    let kind = kind.as_deref().unwrap_or(expected.kind);
    if (api_version, kind) == (&*wanted, expected.kind) {
        return Ok(());
    }
    let (group, version) = match api_version.split_once('/') {
        None => ("", api_version),
        Some((_, rest)) if rest.contains('/') => {
            let wrong = format!("unexpected GroupVersion string: {api_version}");
            return Err(unrecognized(json, expected.kind, &wrong));
        }
        Some(parts) => parts,
    };
    let known = schema::builtin().kind(group, version, kind).is_some()
        || kinds::find_older(api_version, kind).is_some();
    let because = match known {
        true if kind == expected.kind => {
            return Err(Status::bad_request(format!(
                "the API version in the data ({api_version}) does not match the expected API version ({wanted})"
            )));
        }
        true => format!(
            "converting ({version}.{kind}) to ({}.{}): unknown conversion",
            internal_package(expected.group),
            expected.kind
        ),
        false => format!(
            "no kind {kind:?} is registered for version {api_version:?} in scheme {SCHEME:?}"
        ),
    };
    Err(Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {}: {because}",
        expected.kind
    )))
}

/// Where upstream keeps a group's kinds in no version.
fn internal_package(group: &str) -> &str {
    match group.split('.').next().unwrap_or_default() {
        "" | "events" => "core",
        first => first,
    }
}

/// The kind that JSON names, or what Go says when it cannot be read.
fn type_meta(json: &[u8]) -> Result<TypeMeta, String> {
    let is_list = json.trim_ascii_start().first() == Some(&b'[');
    let error = match serde_json::from_slice(json) {
        // The decoder would take a list's items for the fields.
        Ok(meta) if !is_list => return Ok(meta),
        read => read.err(),
    };
    let wrong = strict::syntax_error(json).or_else(|| {
        let tree: Value = serde_json::from_slice(json).ok()?;
        let found = |value: &Value| {
            let found = match value {
                Value::Null => return None,
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            Some(format!("json: cannot unmarshal {found} into Go"))
        };
        let Value::Object(fields) = &tree else {
            return found(&tree).map(|found| format!("{found} value of type {META}"));
        };
        let mut named = ["apiVersion", "kind"].into_iter();
        named.find_map(|name| {
            let value = fields.get(name).filter(|value| !value.is_string())?;
            found(value).map(|found| format!("{found} struct field .{name} of type string"))
        })
    });
    match wrong {
        None if json.trim_ascii() == b"null" => Ok(TypeMeta::default()),
        wrong => Err(format!(
            "couldn't get version/kind; json parse error: {}",
            wrong
                .or_else(|| error.map(|it| it.to_string()))
                .unwrap_or_default()
        )),
    }
}

/// 400 for a body that does not even say what it is.
fn unrecognized(body: &[u8], kind: &str, wrong: &str) -> Status {
    let shown = &body[..body.len().min(SUMMARY_BYTES)];
    let more = if body.len() > SUMMARY_BYTES {
        " ..."
    } else {
        ""
    };
    let summary = match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(shown).into_owned(),
        Some(_) => shown.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Status::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {wrong} ({summary}{more})"
    ))
}

/// 400 for a body of the right kind that cannot be read as such.
pub(crate) fn malformed(kind: &str, version: &str, error: &dyn Display) -> Status {
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: {error}"
    ))
}

/// Why JSON cannot be read as a type: what Go says of it or else what our decoder said.
pub(crate) fn why(json: &[u8], schema: Option<(&Schemas, TypeRef)>, error: &dyn Display) -> String {
    let told = schema.and_then(|(schemas, of)| strict::refusal(json, schemas, of));
    told.unwrap_or_else(|| error.to_string())
}

/// 400 for options that cannot be read; upstream shows what its decoder says and nothing else.
pub(crate) fn options(json: &[u8], of: &str, error: &dyn Display) -> Status {
    let schemas = schema::builtin();
    let schema = schemas.named(of).map(|of| (schemas, of));
    let wrong = type_meta(json).err();
    Status::bad_request(wrong.unwrap_or_else(|| why(json, schema, error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENT: Expected<'static> = Expected {
        group: "apps",
        version: "v1",
        kind: "Deployment",
    };

    #[test]
    fn bodies_of_another_kind() {
        let unrecognized = "the object provided is unrecognized (must be of type Deployment): couldn't get version/kind; json parse error: ";
        let table = [
            (
                r#"{"kind":"Pod","apiVersion":"v1"}"#,
                r#"Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion"#.to_owned(),
            ),
            (
                r#"{"kind":"Foo","apiVersion":"v1"}"#,
                r#"Foo in version "v1" cannot be handled as a Deployment: no kind "Foo" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30""#.to_owned(),
            ),
            (
                r#"{"apiVersion":"apps/v9"}"#,
                r#"Deployment in version "v9" cannot be handled as a Deployment: no kind "Deployment" is registered for version "apps/v9" in scheme "pkg/api/legacyscheme/scheme.go:30""#.to_owned(),
            ),
            (
                r#"{"kind":"Deployment","apiVersion":"apps/v1beta1"}"#,
                "the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)".to_owned(),
            ),
            (
                r#"{"apiVersion":"a/b/c"}"#,
                r#"the object provided is unrecognized (must be of type Deployment): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})"#.to_owned(),
            ),
            (
                r#"{"kind":5,"metadata":{"name":"a"}}"#,
                format!(r#"{unrecognized}json: cannot unmarshal number into Go struct field .kind of type string ({{"kind":5,"metadata":{{"name":" ...)"#),
            ),
            (
                "[]",
                format!("{unrecognized}json: cannot unmarshal array into Go value of type {META} (5b5d)"),
            ),
            (
                r#"{"kind":"Deployment",}"#,
                format!(r#"{unrecognized}invalid character '}}' looking for beginning of object key string ({{"kind":"Deployment",}})"#),
            ),
            ("", format!("{unrecognized}unexpected end of JSON input (<empty>)")),
        ];
        for (json, expected) in table {
            let status = expect_kind(json.as_bytes(), &DEPLOYMENT).unwrap_err();
            assert_eq!((status.code, status.message), (400, expected), "{json}");
        }
        for json in ["{}", "null", r#"{"kind":null,"apiVersion":""}"#] {
            assert!(expect_kind(json.as_bytes(), &DEPLOYMENT).is_ok(), "{json}");
        }
    }
}
