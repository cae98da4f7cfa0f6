//! Whether the node takes a pod that it is given: the scheduler asks first, but pods may name their node themselves
//! (upstream: `lifecycle/predicate.go`).

use k8s_openapi::api::core::v1::Pod;
use machinery::{
    pods,
    quantity::{Amounts, Format, Quantity, add_all},
};
use std::sync::Arc;

/// Why the node refuses a pod beside the others that it runs: reason and message.
pub(super) fn refusal(
    pod: &Pod,
    others: &[Arc<Pod>],
    allocatable: &Amounts,
) -> Option<(String, String)> {
    let message = |text: String| format!("Pod was rejected: {text}");
    if let Some((resource, text)) = lacking(pod, others, allocatable) {
        return Some((format!("OutOf{resource}"), message(text)));
    }
    let ports = |pod: &Pod| pod.spec.as_ref().map(pods::host_ports).unwrap_or_default();
    let wanted = ports(pod);
    let mut taken = others.iter().flat_map(|it| ports(it));
    taken
        .any(|taken| wanted.iter().any(|it| it.conflicts(&taken)))
        .then(|| {
            let text = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
            ("NodePorts".to_owned(), message(text.to_owned()))
        })
}

/// The first resource that is not there, and upstream's words for it.
fn lacking(pod: &Pod, others: &[Arc<Pod>], allocatable: &Amounts) -> Option<(String, String)> {
    let one = (
        "pods".to_owned(),
        Quantity::from_units(1, Format::DecimalSi),
    );
    let asked = |pod: &Pod| {
        let mut all = pods::requests(pod);
        all.extend([one.clone()]);
        all
    };
    let mut used = Amounts::new();
    for other in others {
        add_all(&mut used, &asked(other));
    }
    let wanted = asked(pod);
    // Upstream counts pods first. What the node does not know of is somebody else's to judge.
    let order = ["pods", "cpu", "memory", "ephemeral-storage"];
    order.into_iter().find_map(|name| {
        let wanted = *wanted.get(name)?;
        let used = used.get(name).copied().unwrap_or_default();
        let capacity = *allocatable.get(name)?;
        let units = |it: Quantity| match name {
            "cpu" => it.milli_value(),
            _ => it.value(),
        };
        (!wanted.is_zero() && used + wanted > capacity).then(|| {
            let text = format!(
                "Node didn't have enough resource: {name}, requested: {}, used: {}, capacity: {}",
                units(wanted),
                units(used),
                units(capacity)
            );
            (name.to_owned(), text)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(json!({"spec": spec})).expect("a pod")
    }

    #[track_caller]
    fn check(wanted: Value, other: Value, expected: Option<(&str, &str)>) {
        let amount = |text| Quantity::parse(text).expect("a quantity");
        let node = [("cpu", "2"), ("memory", "1Gi"), ("pods", "2")];
        let node = node.map(|(name, text)| (name.to_owned(), amount(text)));
        let others = [Arc::new(pod(other))];
        let found = refusal(&pod(wanted), &others, &Amounts::from(node));
        let expected =
            expected.map(|(reason, text)| (reason.to_owned(), format!("Pod was rejected: {text}")));
        assert_eq!(found, expected);
    }

    fn port(port: i32, address: &str) -> Value {
        let port = json!({"containerPort": 80, "hostPort": port, "hostIP": address});
        json!({"containers": [{"name": "c", "ports": [port]}]})
    }

    fn requests(of: Value) -> Value {
        json!({"containers": [{"name": "c", "resources": {"requests": of}}]})
    }

    #[test]
    fn a_node_takes_what_fits_beside_its_pods() {
        let taken = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
        check(port(80, ""), port(81, ""), None);
        check(port(80, ""), port(80, ""), Some(("NodePorts", taken)));
        check(port(80, "10.0.0.1"), port(80, "10.0.0.2"), None);
        check(
            port(80, "10.0.0.1"),
            port(80, ""),
            Some(("NodePorts", taken)),
        );
        check(
            requests(json!({"cpu": "1"})),
            requests(json!({"cpu": "1", "memory": "1Gi"})),
            None,
        );
        check(
            requests(json!({"cpu": "1", "example.com/unknown": "1"})),
            requests(json!({"cpu": "1001m"})),
            Some((
                "OutOfcpu",
                "Node didn't have enough resource: cpu, requested: 1000, used: 1001, capacity: 2000",
            )),
        );
        check(
            requests(json!({"memory": "1Mi"})),
            requests(json!({"memory": "1Gi"})),
            Some((
                "OutOfmemory",
                "Node didn't have enough resource: memory, requested: 1048576, used: 1073741824, capacity: 1073741824",
            )),
        );
    }

    #[test]
    fn a_node_counts_its_pods() {
        let one = Arc::new(pod(json!({"containers": []})));
        let limit = Amounts::from([(
            "pods".to_owned(),
            Quantity::from_units(1, Format::DecimalSi),
        )]);
        assert_eq!(refusal(&one, &[], &limit), None);
        let (reason, message) = refusal(&one, &[Arc::clone(&one)], &limit).expect("it is full");
        assert_eq!(reason, "OutOfpods");
        let text = "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1";
        assert_eq!(message, text);
    }
}
