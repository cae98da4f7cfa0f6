//! `/healthz`, `/livez`, `/readyz`, `/version` and `/metrics`.

use crate::{
    Door,
    answer::{self, Answer},
    query::Query,
};
use std::fmt::Write;

/// Paths that anybody may read.
pub(crate) fn is_public(path: &str) -> bool {
    ["/healthz", "/livez", "/readyz"].iter().any(|root| {
        path == *root
            || path
                .strip_prefix(root)
                .is_some_and(|rest| rest.starts_with('/'))
    })
}

/// The checks, by name.
fn checks(door: &Door, path: &str) -> Vec<(&'static str, bool)> {
    let stopping = door.tasks().stopping().is_cancelled();
    let mut checks = vec![("ping", true), ("etcd", !door.cache.is_cut())];
    if path.starts_with("/readyz") {
        checks.push(("informer-sync", true));
        checks.push(("shutdown", !stopping));
    }
    checks
}

/// Answers, when the path is one of these.
pub(crate) fn answer(door: &Door, path: &str, query: &Query) -> Option<Answer> {
    match path {
        "/version" | "/version/" => {
            return Some(Ok(answer::json(
                200,
                machinery::versions::info().to_string(),
            )));
        }
        "/metrics" => return Some(Ok(door.metrics.answer(door))),
        _ if !is_public(path) => return None,
        _ => {}
    }
    let root = &path[1..path[1..].find('/').map_or(path.len(), |at| at + 1)];
    let checks = checks(door, path);
    if let Some(one) = path[1 + root.len()..]
        .strip_prefix('/')
        .filter(|it| !it.is_empty())
    {
        let (_, good) = checks.into_iter().find(|(name, _)| *name == one)?;
        return Some(Ok(if good {
            answer::text(200, "ok")
        } else {
            answer::text(500, format!("{one} check failed"))
        }));
    }
    let excluded: Vec<&str> = query.all("exclude").collect();
    let mut report = String::new();
    let mut healthy = true;
    for (name, good) in checks {
        if excluded.contains(&name) {
            let _ = writeln!(report, "[+]{name} excluded: ok");
        } else if good {
            let _ = writeln!(report, "[+]{name} ok");
        } else {
            healthy = false;
            let _ = writeln!(report, "[-]{name} failed: reason withheld");
        }
    }
    Some(Ok(match (healthy, query.all("verbose").next().is_some()) {
        (true, false) => answer::text(200, "ok"),
        (true, true) => answer::text(200, format!("{report}{root} check passed\n")),
        (false, _) => answer::text(500, format!("{report}{root} check failed\n")),
    }))
}
