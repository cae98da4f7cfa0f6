//! What the graph keeps, and what it forgets.

use super::*;

fn resource(plural: &str) -> Arc<Resource> {
    Arc::new(Resource {
        group: String::new(),
        version: "v1".into(),
        plural: plural.into(),
        kind: "ConfigMap".into(),
        namespaced: true,
        verbs: vec![],
    })
}

const PLAIN: &str = r#"{"uid": "a", "name": "a", "namespace": "n"}"#;
const OWNED: &str = r#"{"uid": "b", "name": "b", "namespace": "n", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "a"}]}"#;
const FREED: &str = r#"{"uid": "b", "name": "b", "namespace": "n"}"#;

fn see(graph: &mut Graph, json: &str) -> Vec<Uid> {
    graph.put(
        &resource("configmaps"),
        &serde_json::from_str(json).unwrap(),
    )
}

fn is_empty(graph: &Graph) -> bool {
    graph.objects.is_empty() && graph.dependents.is_empty() && graph.homes.is_empty()
}

#[test]
fn little_is_kept_and_nothing_is_left() {
    assert_eq!(size_of::<(Uid, Object)>(), 40);
    let (a, b) = (Uid::of("a"), Uid::of("b"));
    let mut graph = Graph::default();
    assert_eq!(see(&mut graph, PLAIN), []);
    assert_eq!(see(&mut graph, OWNED), std::slice::from_ref(&b));
    graph.complete();
    assert!(graph.get(&a).unwrap().ties.is_none());
    assert_eq!(graph.homes.len(), 1);
    assert_eq!(graph.remove(&a), std::slice::from_ref(&b));
    assert_eq!(graph.remove(&b), [a]);
    assert!(is_empty(&graph));
}

#[test]
fn objects_without_ties_are_kept_while_something_names_them() {
    let (a, b) = (Uid::of("a"), Uid::of("b"));
    let mut graph = Graph::default();
    see(&mut graph, PLAIN);
    assert!(graph.get(&a).is_some(), "its dependents may be yet to come");
    graph.complete();
    assert!(is_empty(&graph));
    see(&mut graph, PLAIN);
    assert!(is_empty(&graph));
    see(&mut graph, OWNED);
    assert!(graph.get(&a).is_none());
    see(&mut graph, PLAIN);
    assert!(graph.get(&a).is_some());
    // Changed, it still names its owner, which is not forgotten meanwhile.
    assert_eq!(see(&mut graph, OWNED), [b.clone(), a.clone()]);
    assert!(graph.get(&a).is_some());
    assert_eq!(see(&mut graph, FREED), [a]);
    assert!(is_empty(&graph));
}

#[test]
fn an_owner_that_was_met_is_kept_unless_something_went_meanwhile() {
    let a = Uid::of("a");
    let mut graph = Graph::default();
    graph.complete();
    let maps = resource("configmaps");
    let before = graph.removals();
    graph.met(&a, (&maps, "n"), before);
    assert!(is_empty(&graph), "nothing names it");
    see(&mut graph, OWNED);
    assert_eq!(graph.remove(&a), [Uid::of("b")]);
    graph.met(&a, (&maps, "n"), before);
    assert!(graph.get(&a).is_none(), "it may be what went");
    graph.met(&a, (&maps, "n"), graph.removals());
    assert!(graph.get(&a).is_some());
}

#[test]
fn a_list_tells_what_is_absent() {
    let (a, b) = (Uid::of("a"), Uid::of("b"));
    let mut graph = Graph::default();
    graph.complete();
    see(&mut graph, OWNED);
    let mut absent = graph.absent(&resource("secrets"), &HashSet::new());
    assert_eq!(
        absent,
        std::slice::from_ref(&a),
        "it may have been a Secret"
    );
    absent = graph.absent(&resource("configmaps"), &HashSet::from([a.clone()]));
    assert_eq!(absent, [b]);
    see(&mut graph, PLAIN);
    assert_eq!(graph.absent(&resource("secrets"), &HashSet::new()), []);
}

#[test]
fn the_latest_owners_that_let_go_are_remembered_once() {
    let mut graph = Graph::default();
    for number in 0..=LET_GO {
        graph.let_go(Uid::of(&number.to_string()));
        graph.let_go(Uid::of(&number.to_string()));
    }
    assert_eq!(graph.let_go.len(), LET_GO);
    assert!(!graph.has_let_go(&Uid::of("0")));
    assert!(graph.has_let_go(&Uid::of("1")));
}
