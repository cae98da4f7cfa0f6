//! The path grammar: what a request is about, before anybody asks who sends it. Upstream's
//! `RequestInfoFactory`.

use crate::query::Query;
use http::Method;
use machinery::percent;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// `create`, `get`, `list`, `watch`, `update`, `patch`, `delete`, `deletecollection`; the
    /// lower-case method for paths that are no resources.
    pub(crate) verb: &'static str,
    /// The decoded path.
    pub(crate) path: String,
    /// The resource, when the path names one.
    pub(crate) target: Option<Target>,
}

/// A resource named by a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
    /// What follows the subresource (`proxy/REST`), with its leading slash.
    pub(crate) rest: String,
}

/// Reads method, path and query.
pub(crate) fn parse(method: &Method, path: &str, query: &Query) -> Route {
    let target = target(path);
    let verb = match &target {
        None => plain_verb(method),
        Some(target) => resource_verb(method, target, query),
    };
    Route {
        verb,
        path: percent::decode(path),
        target,
    }
}

fn plain_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "",
    }
}

fn resource_verb(method: &Method, target: &Target, query: &Query) -> &'static str {
    let many = target.name.is_empty();
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if many => "deletecollection",
        Method::DELETE => "delete",
        Method::GET | Method::HEAD if target.subresource.is_empty() && query.truth("watch") => {
            "watch"
        }
        Method::GET | Method::HEAD if many => "list",
        Method::GET | Method::HEAD => "get",
        _ => "",
    }
}

/// `/api/V/…` and `/apis/G/V/…`, each with `namespaces/NS/` or not, and `watch/` (deprecated) left out.
fn target(path: &str) -> Option<Target> {
    let mut segments = path.strip_prefix('/')?.split('/');
    let (group, version) = match segments.next()? {
        "api" => (String::new(), segments.next()?),
        "apis" => (segments.next()?.to_owned(), segments.next()?),
        _ => return None,
    };
    let version = version.to_owned();
    let mut parts: Vec<&str> = segments.collect();
    if parts.last() == Some(&"") && parts.len() <= 3 {
        parts.pop();
    }
    let mut target = Target {
        group,
        version,
        ..Target::default()
    };
    // A namespace itself is at namespaces/NS, its own subresources below that; anything else there
    // is a resource in the namespace.
    if parts.first() == Some(&"namespaces")
        && parts.len() > 2
        && !matches!(parts[2], "status" | "finalize")
    {
        target.namespace = percent::decode(parts[1]);
        parts.drain(..2);
    }
    let mut parts = parts.into_iter();
    target.plural = parts.next().filter(|it| !it.is_empty())?.to_owned();
    target.name = percent::decode(parts.next().unwrap_or_default());
    target.subresource = parts.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = parts.collect();
    if !rest.is_empty() {
        target.rest = format!("/{}", rest.join("/"));
    }
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, uri: &str, expected: &str) {
        let (path, raw) = uri
            .split_once('?')
            .map_or((uri, None), |(p, q)| (p, Some(q)));
        let route = parse(&method, path, &Query::parse(raw));
        let got = match route.target {
            None => format!("{} {}", route.verb, route.path),
            Some(t) => format!(
                "{} {}|{}|{}|{}|{}|{}|{}",
                route.verb,
                t.group,
                t.version,
                t.namespace,
                t.plural,
                t.name,
                t.subresource,
                t.rest
            ),
        };
        assert_eq!(got, expected, "{uri}");
    }

    #[test]
    fn the_grammar() {
        check(Method::GET, "/api/v1/pods", "list |v1||pods|||");
        check(
            Method::GET,
            "/api/v1/namespaces/x/pods?watch=true",
            "watch |v1|x|pods|||",
        );
        check(
            Method::GET,
            "/api/v1/namespaces/x",
            "get |v1||namespaces|x||",
        );
        check(
            Method::PUT,
            "/api/v1/namespaces/x/finalize",
            "update |v1||namespaces|x|finalize|",
        );
        check(
            Method::POST,
            "/apis/apps/v1/namespaces/x/deployments",
            "create apps|v1|x|deployments|||",
        );
        check(
            Method::PATCH,
            "/apis/apps/v1/namespaces/x/deployments/d/scale",
            "patch apps|v1|x|deployments|d|scale|",
        );
        check(
            Method::DELETE,
            "/api/v1/namespaces/x/pods",
            "deletecollection |v1|x|pods|||",
        );
        check(
            Method::GET,
            "/api/v1/namespaces/x/services/s:80/proxy/a/b/",
            "get |v1|x|services|s:80|proxy|/a/b/",
        );
        check(
            Method::GET,
            "/api/v1/nodes/n/proxy/",
            "get |v1||nodes|n|proxy|/",
        );
        check(Method::GET, "/api", "get /api");
        check(Method::GET, "/apis/apps/v1", "get /apis/apps/v1");
        check(Method::GET, "/healthz", "get /healthz");
    }
}
