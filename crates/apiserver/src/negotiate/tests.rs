//! `Accept` headers, good and damaged.

use super::*;

fn check(accept: &str, protobuf: bool) -> Option<(Shape, Encoding)> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, accept.parse().unwrap());
    let form = form(&headers, &Query::parse(None), protobuf).ok()?;
    Some((form.shape, form.encoding))
}

#[test]
fn forms_that_clients_ask_for() {
    const PROTO: &str = "application/vnd.kubernetes.protobuf";
    let whole = Some((Shape::Whole, Encoding::Json));
    let table = [
        (
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json".to_owned(),
            Some((Shape::Table, Encoding::Json)),
        ),
        ("application/json".into(), whole),
        ("application/json;stream=watch".into(), whole),
        ("application/json;stream=other".into(), None),
        ("application/yaml;stream=watch".into(), None),
        (format!("{PROTO},application/json"), Some((Shape::Whole, Encoding::Protobuf))),
        (
            format!("{PROTO};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
            Some((Shape::Metadata, Encoding::Protobuf)),
        ),
        (format!("{PROTO};as=Table;g=meta.k8s.io;v=v1"), None),
        (
            format!("{PROTO};as=Table;g=meta.k8s.io;v=v1, application/json;as=Table;g=meta.k8s.io;v=v1"),
            Some((Shape::Table, Encoding::Json)),
        ),
        (
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1".into(),
            Some((Shape::Metadata, Encoding::Json)),
        ),
        ("application/json;as=Other;g=meta.k8s.io;v=v1, */*".into(), whole),
        ("text/html".into(), None),
        ("text/html;q=0.9, application/yaml;q=0.8".into(), Some((Shape::Whole, Encoding::Yaml))),
    ];
    for (accept, expected) in table {
        assert_eq!(check(&accept, true), expected, "{accept}");
    }
    assert_eq!(check(PROTO, false), None);
}

#[test]
fn people_get_indented_json() {
    let check = |agent: &str, query: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, agent.parse().unwrap());
        form(&headers, &Query::parse(query), true).unwrap().pretty
    };
    assert!(check("curl/8.0", None));
    assert!(!check("curl/8.0", Some("pretty=false")));
    assert!(check("kubectl/v1.36.0", Some("pretty=true")));
    assert!(!check("kubectl/v1.36.0", None));
}

#[test]
fn damaged_accept_headers_are_answered_in_a_form_or_refused() {
    let good = "application/json;as=Table;v=v1;g=meta.k8s.io;q=0.5, application/vnd.kubernetes.protobuf, */*;q=nan";
    fuzz::run("Accept headers", 3000, |random| {
        let bytes = random.damaged(good.as_bytes(), b";q=inf,,;=;as=Table,application/yaml");
        let Ok(value) = http::HeaderValue::from_bytes(&bytes) else {
            return;
        };
        let headers: HeaderMap = [(header::ACCEPT, value)].into_iter().collect();
        let ranges = ranges(&headers);
        assert!(
            ranges.is_sorted_by(|a, b| a.quality >= b.quality),
            "{headers:?}"
        );
        assert!(
            ranges
                .iter()
                .all(|it| it.quality > 0.0 && !it.media_type.is_empty()),
            "{headers:?}"
        );
        let query = Query::parse(None);
        match form(&headers, &query, false) {
            Ok(form) => assert!(form.encoding != Encoding::Protobuf, "{headers:?}"),
            Err(status) => assert_eq!(status.code, 406, "{headers:?}"),
        }
        // A Status is always told.
        assert_eq!(
            super::status(&headers, &query).shape,
            Shape::Whole,
            "{headers:?}"
        );
    });
}
