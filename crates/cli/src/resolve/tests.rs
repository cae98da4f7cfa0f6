//! Words and what they mean, on a small catalogue.

use super::*;
use serde_json::json;

fn catalogue() -> Catalogue {
    let mut resources = Vec::new();
    let resource = |plural: &str, kind: &str, short: &str| {
        json!({"resource": plural, "singularResource": kind.to_lowercase(), "responseKind": {"kind": kind},
            "shortNames": [short], "categories": if kind == "Node" { json!([]) } else { json!(["all"]) },
            "scope": "Namespaced", "verbs": ["get"]})
    };
    let tree = json!({"items": [
        {"metadata": {}, "versions": [{"version": "v1", "resources": [resource("pods", "Pod", "po"), resource("nodes", "Node", "no"), resource("events", "Event", "ev")]}]},
        {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [resource("deployments", "Deployment", "deploy")]}]},
        {"metadata": {"name": "events.k8s.io"}, "versions": [{"version": "v1", "resources": [resource("events", "Event", "ev")]}]}
    ]});
    read_aggregated(&tree, &mut resources);
    Catalogue { resources }
}

#[test]
fn words() {
    let all = catalogue();
    let table = [
        ("po", "pods"),
        ("pod", "pods"),
        ("Pods", "pods"),
        ("pods.v1", "pods"),
        ("deploy", "deployments.apps"),
        ("deployments.apps", "deployments.apps"),
        ("deploy.v1.apps", "deployments.apps"),
        ("ev", "events"),
        ("events.events.k8s.io", "events.events.k8s.io"),
    ];
    for (word, qualified) in table {
        assert_eq!(all.resource(word).unwrap().qualified(), qualified, "{word}");
    }
    assert_eq!(
        all.resource("foo").unwrap_err().to_string(),
        "the server doesn't have a resource type \"foo\""
    );
    let names = |words| -> Vec<String> {
        all.resources(words)
            .unwrap()
            .iter()
            .map(|it| it.qualified())
            .collect()
    };
    assert_eq!(names("no,po,pods"), ["nodes", "pods"]);
    assert_eq!(names("all").len(), 4);
    assert_eq!(
        all.kind("apps/v1", "Deployment").unwrap().name_of("x"),
        "deployment.apps/x"
    );
}
