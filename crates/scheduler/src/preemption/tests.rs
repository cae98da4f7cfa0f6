//! Plans over small clusters, as tables.

use super::*;
use api::Object;
use k8s_openapi::api::core::v1::Node;
use reconcile::Change;
use serde_json::{Value, json};

/// A node for two pods of one processor each.
fn node(name: &str, more: Value) -> Change<Node> {
    let mut tree = json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": more});
    tree["status"]["allocatable"] = json!({"cpu": "2", "memory": "4Gi", "pods": "10"});
    let node = Node::decode(tree.to_string().as_bytes()).unwrap();
    let (old, new) = (None, Some(Arc::new(node)));
    Change { old, new }
}

/// `name@node priority cpu start`; the label `app` is the name.
fn pod(text: &str) -> Arc<Pod> {
    let parts: Vec<_> = text.split(' ').collect();
    let (name, node) = parts[0].split_once('@').unwrap_or((parts[0], ""));
    let mut tree = json!({
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"priority": parts[1].parse::<i32>().unwrap(), "containers": [
            {"name": "c", "image": "i", "resources": {"requests": {"cpu": parts[2]}}}]},
    });
    if !node.is_empty() {
        tree["spec"]["nodeName"] = node.into();
    }
    if let Some(minute) = parts.get(3) {
        tree["status"]["startTime"] = format!("2026-01-01T00:{minute}:00Z").into();
    }
    Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
}

fn change(new: Arc<Pod>) -> Change<Pod> {
    let (old, new) = (None, Some(new));
    Change { old, new }
}

fn changed(text: &str, edit: impl FnOnce(&mut Pod)) -> Arc<Pod> {
    let mut pod = Pod::clone(&pod(text));
    edit(&mut pod);
    Arc::new(pod)
}

fn cluster(pods: &[&str]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for name in ["a", "b"] {
        snapshot.see_node(&node(name, json!({})));
    }
    for text in pods {
        snapshot.see_pod(&change(pod(text)));
    }
    snapshot
}

/// No more disruptions of the pod `app` are allowed.
fn budget(app: &str) -> Arc<PodDisruptionBudget> {
    let tree = json!({"metadata": {"name": app, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": app}}}, "status": {"disruptionsAllowed": 0}});
    Arc::new(PodDisruptionBudget::decode(tree.to_string().as_bytes()).unwrap())
}

fn ask(pod: Arc<Pod>, snapshot: &mut Snapshot, budgets: &[Arc<PodDisruptionBudget>]) -> String {
    let (info, random) = (PodInfo::new(pod), Random::from_seed(1));
    let diagnosis = match cycle::find(&info, snapshot, &random) {
        Ok(node) => return format!("-> {node}"),
        Err(diagnosis) => diagnosis,
    };
    let shown = |snapshot: &Snapshot| format!("{:?}", snapshot.nodes().collect::<Vec<_>>());
    let before = shown(snapshot);
    let outcome = plan(&info, &diagnosis, snapshot, budgets, &random);
    assert_eq!(shown(snapshot), before, "planning changes nothing");
    match outcome {
        Outcome::Refused { why, .. } => why,
        Outcome::Room(room) => {
            let names: Vec<_> = room.victims.iter().map(|it| &*it.key.name).collect();
            format!("{} without {}", room.node, names.join(" "))
        }
    }
}

#[test]
fn the_best_room_is_taken() {
    let none: &[&str] = &[];
    // Who is there, who has a budget that allows no disruption, who comes, and what is planned.
    let table: &[(&[&str], &[&str], &str, &str)] = &[
        (&["p@a 0 2", "q@b 50 2"], none, "x 100 2", "a without p"),
        (&["p@a 0 2", "q@b 50 2"], &["p"], "x 100 2", "b without q"),
        (&["p@a 0 2", "q@b 100 2"], &["p"], "x 100 2", "a without p"),
        // The fewest and least important leave; of equals those that started last.
        (
            &["p@a 5 1", "q@a 0 1", "r@b 100 2"],
            none,
            "x 100 1",
            "a without q",
        ),
        (
            &["p@a 0 1 01", "q@a 0 1 02", "r@b 100 2"],
            none,
            "x 100 1",
            "a without q",
        ),
        // Those whose budget would break are spared first.
        (
            &["p@a 5 1", "q@a 0 1", "r@b 100 2"],
            &["q"],
            "x 100 1",
            "a without p",
        ),
        // A less important first victim, the lower sum, fewer victims, the later start.
        (
            &["p@a 9 1", "q@a 1 1", "r@b 8 1", "s@b 8 1"],
            none,
            "x 100 2",
            "b without r s",
        ),
        (
            &["p@a 9 1", "q@a 2 1", "r@b 9 1", "s@b 1 1"],
            none,
            "x 100 2",
            "b without r s",
        ),
        (
            &["p@a -9 1", "q@a -9 1", "r@b -9 2"],
            none,
            "x 100 2",
            "b without r",
        ),
        (
            &["p@a 0 2 01", "q@b 0 2 02"],
            none,
            "x 100 2",
            "b without q",
        ),
    ];
    for (pods, budgets, comes, expected) in table {
        let budgets: Vec<_> = budgets.iter().map(|app| budget(app)).collect();
        let found = ask(pod(comes), &mut cluster(pods), &budgets);
        assert_eq!(found, *expected, "{pods:?} {comes}");
    }
}

#[test]
fn refusals_are_in_upstreams_words() {
    let table: &[(&[&str], &str, &str)] = &[
        (
            &["p@a 100 2", "q@b 100 2"],
            "x 100 1",
            "0/2 nodes are available: 2 No preemption victims found for incoming pod.",
        ),
        (
            &["p@a 0 2", "q@b 0 2"],
            "x 100 3",
            "0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
        ),
        (
            &["p@a 0 1", "r@a 200 1", "q@b 200 2"],
            "x 100 2",
            "0/2 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod.",
        ),
    ];
    for (pods, comes, expected) in table {
        assert_eq!(ask(pod(comes), &mut cluster(pods), &[]), *expected);
    }
    let mut snapshot = cluster(&["p@a 0 2", "q@b 0 2"]);
    let meek = changed("x 100 2", |pod| {
        pod.spec.as_mut().unwrap().preemption_policy = Some("Never".to_owned());
    });
    assert_eq!(
        ask(meek, &mut snapshot, &[]),
        "not eligible due to preemptionPolicy=Never."
    );
    snapshot.see_node(&node("b", json!({"unschedulable": true})));
    assert_eq!(ask(pod("x 100 2"), &mut snapshot, &[]), "a without p");
}

#[test]
fn room_is_kept_for_whom_it_was_made() {
    let mut snapshot = cluster(&["q@b 1000 2"]);
    let nominated = |text: &str| {
        changed(text, |pod| {
            let status = pod.status.get_or_insert_default();
            status.nominated_node_name = Some("a".to_owned());
        })
    };
    snapshot.see_pod(&change(nominated("x 100 2")));
    assert_eq!(
        ask(pod("lower 50 2"), &mut snapshot, &[]),
        "0/2 nodes are available: 2 No preemption victims found for incoming pod."
    );
    assert_eq!(ask(pod("higher 200 2"), &mut snapshot, &[]), "-> a");
    assert_eq!(ask(nominated("x 100 2"), &mut snapshot, &[]), "-> a");
    // While those that were told to leave are still there, nobody else has to.
    let leaving = changed("p@a 0 2", |pod| {
        pod.metadata.deletion_timestamp = Some(started_at("2026-01-01T00:00:00Z"));
        let tree = json!({"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": REASON}]});
        let whole = json!({"metadata": {}, "status": tree}).to_string();
        pod.status = Pod::decode(whole.as_bytes()).unwrap().status;
    });
    snapshot.see_pod(&change(leaving));
    assert_eq!(
        ask(nominated("x 100 2"), &mut snapshot, &[]),
        "not eligible due to a terminating pod on the nominated node."
    );
    // One that was placed, or is gone, keeps no room.
    let gone = Change {
        old: Some(nominated("x 100 2")),
        new: None,
    };
    snapshot.see_pod(&gone);
    assert_eq!(snapshot.nominees().count(), 0);
}

fn started_at(time: &str) -> Time {
    let tree = json!({"metadata": {"creationTimestamp": time}}).to_string();
    let pod = Pod::decode(tree.as_bytes()).unwrap();
    pod.metadata.creation_timestamp.unwrap()
}
