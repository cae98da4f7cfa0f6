//! EndpointSlice of discovery.k8s.io/v1beta1: where an endpoint is was a map of labels, `topology`.

use super::{
    Notes, Older, Shape,
    tree::{Object, items, put, take},
};
use serde_json::Value;

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

pub(super) static ROWS: &[Older] = &[Older {
    group: "discovery.k8s.io",
    version: "v1beta1",
    kind: "EndpointSlice",
    current: ("discovery.k8s.io", "v1"),
    releases: (21, 25),
    shape: Shape { upgrade, downgrade },
}];

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    let Some(object) = tree.as_object_mut() else {
        return;
    };
    for (index, endpoint) in items(object, "endpoints").enumerate() {
        let Some(Value::Object(mut topology)) = take(endpoint, "topology") else {
            continue;
        };
        put(endpoint, "zone", topology.remove(ZONE));
        // Another host than the node's own stays, so that nothing is lost.
        if topology
            .get(HOST)
            .is_some_and(|host| endpoint.get("nodeName") == Some(host))
        {
            topology.remove(HOST);
        }
        if !topology.is_empty() {
            endpoint.insert("deprecatedTopology".to_owned(), topology.into());
        }
        for field in ["zone", "deprecatedTopology"] {
            if let Some(value) = endpoint.get(field) {
                notes.set(format!("endpoints[{index}].{field}"), value);
            }
        }
    }
}

fn downgrade(tree: &mut Value) {
    let Some(object) = tree.as_object_mut() else {
        return;
    };
    for endpoint in items(object, "endpoints") {
        let mut topology = match take(endpoint, "deprecatedTopology") {
            Some(Value::Object(kept)) => kept,
            _ => Object::new(),
        };
        put(&mut topology, ZONE, take(endpoint, "zone"));
        put(
            &mut topology,
            HOST,
            endpoint.get("nodeName").filter(|it| !it.is_null()).cloned(),
        );
        if !topology.is_empty() {
            endpoint.insert("topology".to_owned(), topology.into());
        }
    }
}
