//! The committed table is whole, is the one its sources made, and says what Kubernetes says.

use super::*;

fn raw() -> Vec<u8> {
    zstd::bulk::decompress(include_bytes!("builtin.zst"), 16 << 20).expect("decompresses")
}

#[test]
fn the_table_round_trips() {
    let schemas = builtin();
    assert!(schemas.kinds().len() > 300);
    assert_eq!(table::encode(schemas), raw());
}

#[test]
fn the_table_is_the_one_its_sources_made() {
    let expected = format!("table {} {:016x}", raw().len(), table::checksum(&raw()));
    assert!(
        include_str!("sources.txt").contains(&expected),
        "run tools/schema: {expected}"
    );
}

#[test]
fn every_kind_of_the_closed_list_has_a_type() {
    for (group, version, kind) in [
        ("", "v1", "Pod"),
        ("", "v1", "PodList"),
        ("", "v1", "DeleteOptions"),
        ("", "v1", "PatchOptions"),
        ("apps", "v1", "Deployment"),
        ("autoscaling", "v1", "Scale"),
        ("policy", "v1", "Eviction"),
        ("authentication.k8s.io", "v1", "TokenRequest"),
        ("apiregistration.k8s.io", "v1", "APIService"),
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        ("meta.k8s.io", "v1", "PartialObjectMetadataList"),
    ] {
        assert!(
            builtin().kind(group, version, kind).is_some(),
            "{group}/{version} {kind}"
        );
    }
}

#[test]
fn merge_rules_are_upstreams() {
    let schemas = builtin();
    let pod_spec = schemas.get(schemas.named("io.k8s.api.core.v1.PodSpec").expect("known"));
    let containers = pod_spec.field("containers").expect("known");
    assert_eq!(
        containers.list,
        ListKind::Map {
            keys: vec!["name".into()]
        }
    );
    assert_eq!(containers.patch.merge_key.as_deref(), Some("name"));
    assert!(containers.required && containers.patch.merge);
    assert!(pod_spec.field("volumes").expect("known").patch.retain_keys);
    let selector = schemas
        .named("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector")
        .expect("known");
    assert_eq!(schemas.get(selector).structure, Structure::Atomic);
    let probe = schemas.get(schemas.named("io.k8s.api.core.v1.Probe").expect("known"));
    assert!(probe.field("httpGet").is_some_and(|f| f.proto.is_none()) && probe.inline.len() == 1);
}

#[test]
fn a_type_copied_to_another_arena_keeps_its_parts() {
    let mut mine = Schemas::new();
    let pod = builtin().kind("", "v1", "Pod").expect("known");
    let copy = mine.import(builtin(), pod);
    let spec = mine
        .get(copy)
        .field("spec")
        .expect("known")
        .shape
        .object()
        .expect("an object");
    assert_eq!(&*mine.get(spec).name, "io.k8s.api.core.v1.PodSpec");
}

#[test]
fn descriptions_are_there() {
    let words = descriptions::load();
    assert!(
        words
            .of_type("io.k8s.api.core.v1.Pod")
            .is_some_and(|w| w.starts_with("Pod is a collection"))
    );
    assert!(
        words
            .of_field("io.k8s.api.core.v1.PodSpec", "nodeName")
            .is_some()
    );
}

#[test]
fn go_says_what_is_left_out_and_what_types_are_called() {
    let of = |name: &str| builtin().get(builtin().named(name).expect("known"));
    let container = of("io.k8s.api.core.v1.Container");
    let field = |name: &str| container.field(name).expect("known");
    assert!(field("args").omits_zero && !field("name").omits_zero);
    assert_eq!(
        field("imagePullPolicy").go_type.as_deref(),
        Some("v1.PullPolicy")
    );
    assert_eq!(field("image").go_type, None);
    // A pointer, and a field of a struct whose fields stand beside the outer one's own.
    assert!(
        !of("io.k8s.api.core.v1.PodSpec")
            .field("automountServiceAccountToken")
            .expect("known")
            .omits_zero
    );
    assert!(
        of("io.k8s.api.core.v1.EphemeralContainer")
            .field("args")
            .expect("known")
            .omits_zero
    );
    assert!(
        !of("io.k8s.api.rbac.v1.Role")
            .field("rules")
            .expect("known")
            .omits_zero
    );
}
