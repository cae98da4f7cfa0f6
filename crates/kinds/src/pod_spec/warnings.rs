//! What a pod or template may hold but should not: upstream's `GetWarningsForPod` and
//! `GetWarningsForPodTemplate`.

mod containers;

use super::{
    annotations::{APPARMOR, SECCOMP_CONTAINER, SECCOMP_POD},
    lists, scheduling,
};
use k8s_openapi::{
    api::core::v1::{
        NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec, ProjectedVolumeSource, Volume,
    },
    apimachinery::pkg::{api::resource::Quantity as Wire, apis::meta::v1::ObjectMeta},
};
use machinery::{addresses::address_warnings, field::Path, names, quantity::Quantity};
use std::collections::{BTreeMap, BTreeSet};

const NO_SELECTOR: &str = "a null labelSelector results in matching no pod";
const USE_SECCOMP: &str = r#"non-functional in v1.27+; use the "seccompProfile" field instead"#;

/// Warnings of a new pod.
pub(crate) fn pod(pod: &Pod) -> Vec<String> {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    spec_and_metadata(&Path::default(), spec, &pod.metadata, true)
}

/// Warnings of a workload's template.
pub(crate) fn template(template: &PodTemplateSpec, path: &Path) -> Vec<String> {
    let (bare, unnamed) = (PodSpec::default(), ObjectMeta::default());
    let spec = template.spec.as_ref().unwrap_or(&bare);
    let metadata = template.metadata.as_ref().unwrap_or(&unnamed);
    spec_and_metadata(path, spec, metadata, false)
}

/// Why a name should be a label, when it is not: `why` says what it is used for.
pub(crate) fn name(metadata: &ObjectMeta, why: &str) -> Option<String> {
    let wrong = names::label_errors(metadata.name.as_deref().unwrap_or_default());
    let list = wrong.join(" ");
    let text = "which can result in surprising behavior; a DNS label is recommended";
    (!wrong.is_empty()).then(|| format!("metadata.name: this is used in {why}, {text}: [{list}]"))
}

fn spec_and_metadata(path: &Path, spec: &PodSpec, metadata: &ObjectMeta, pod: bool) -> Vec<String> {
    let mut all = Vec::new();
    let w = &mut all;
    let at = path.child("spec");
    node_labels(w, &at, spec);
    let annotations = metadata.annotations.clone().unwrap_or_default();
    let notes = path.child("metadata").child("annotations");
    for (key, text) in OLD_ANNOTATIONS {
        if annotations.contains_key(*key) {
            w.push(format!("{}: {text}", notes.key(key)));
        }
    }
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let path = at.child("volumes").index(index);
        old_volume(w, &path, volume);
    }
    tokens(w, &at.child("volumes"), spec);
    repeated(w, &at, spec);
    for name in ["memory", "ephemeral-storage"] {
        fraction(w, &at.child("overhead"), spec.overhead.as_ref(), name);
    }
    let context = spec.security_context.as_ref();
    if context.is_none_or(|it| it.seccomp_profile.is_none())
        && annotations.contains_key(SECCOMP_POD)
    {
        w.push(format!("{}: {USE_SECCOMP}", notes.key(SECCOMP_POD)));
    }
    let apparmor = context.is_some_and(|it| it.app_armor_profile.is_some());
    for (path, container) in lists::containers(spec, &at) {
        let own = container.security_context.as_ref();
        let key = format!("{SECCOMP_CONTAINER}{}", container.name);
        let field = own.is_some_and(|it| it.seccomp_profile.is_some());
        if !field && annotations.contains_key(&key) {
            w.push(format!("{}: {USE_SECCOMP}", notes.key(&key)));
        }
        let key = format!("{APPARMOR}{}", container.name);
        let field = apparmor || own.is_some_and(|it| it.app_armor_profile.is_some());
        // A pod's annotation becomes the field before it could be looked for here.
        if !pod && !field && annotations.contains_key(&key) {
            w.push(apparmor_annotation(&notes, &key));
        }
        containers::one(w, &path, &container);
    }
    containers::ports(w, &at, spec);
    if spec
        .termination_grace_period_seconds
        .is_some_and(|it| it < 0)
    {
        let path = at.child("terminationGracePeriodSeconds");
        let text = "must be >= 0; negative values are invalid and will be treated as 1";
        w.push(format!("{path}: {text}"));
    }
    affinity(w, &at.child("affinity"), spec);
    odd_addresses(w, &at, spec);
    all
}

/// Addresses that other software may read in another way.
fn odd_addresses(w: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let servers = spec
        .dns_config
        .as_ref()
        .and_then(|it| it.nameservers.as_ref());
    for (index, server) in servers.into_iter().flatten().enumerate() {
        let path = path.child("dnsConfig").child("nameservers").index(index);
        w.extend(address_warnings(&path, server));
    }
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let path = path.child("hostAliases").index(index).child("ip");
        w.extend(address_warnings(&path, &alias.ip));
    }
}

/// That an AppArmor annotation stands where a field should.
pub(crate) fn apparmor_annotation(path: &Path, key: &str) -> String {
    let text = r#"deprecated since v1.30; use the "appArmorProfile" field instead"#;
    format!("{}: {text}", path.key(key))
}

const OLD_ANNOTATIONS: &[(&str, &str)] = &[
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        r#"non-functional in v1.16+; use the "priorityClassName" field instead"#,
    ),
    (
        "security.alpha.kubernetes.io/sysctls",
        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
    ),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
    ),
];

fn node_labels(w: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    for key in spec.node_selector.iter().flat_map(BTreeMap::keys) {
        if let Some(text) = crate::node_labels::deprecated(key) {
            w.push(format!("{}: {text}", path.child("nodeSelector").key(key)));
        }
    }
    let node = spec
        .affinity
        .as_ref()
        .and_then(|it| it.node_affinity.as_ref());
    let at = path.child("affinity").child("nodeAffinity");
    let required = node.and_then(|it| {
        it.required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let below = at.child("requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    for (index, term) in required
        .iter()
        .flat_map(|it| &it.node_selector_terms)
        .enumerate()
    {
        node_term(w, &below.index(index), term, false);
    }
    let preferred = node.and_then(|it| {
        it.preferred_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let below = at.child("preferredDuringSchedulingIgnoredDuringExecution");
    for (index, it) in preferred.into_iter().flatten().enumerate() {
        node_term(
            w,
            &below.index(index).child("preference"),
            &it.preference,
            true,
        );
    }
    let spread = spec.topology_spread_constraints.iter().flatten();
    for (index, it) in spread.enumerate() {
        let path = path.child("topologySpreadConstraints").index(index);
        if let Some(text) = crate::node_labels::deprecated(&it.topology_key) {
            let path = path.child("topologyKey");
            w.push(format!("{path}: {} is {text}", it.topology_key));
        }
        if it.label_selector.is_none() {
            w.push(format!("{}: {NO_SELECTOR}", path.child("labelSelector")));
        }
    }
}

fn node_term(w: &mut Vec<String>, path: &Path, term: &NodeSelectorTerm, values: bool) {
    for (index, it) in term.match_expressions.iter().flatten().enumerate() {
        let path = path.child("matchExpressions").index(index);
        if let Some(text) = crate::node_labels::deprecated(&it.key) {
            w.push(format!("{}: {} is {text}", path.child("key"), it.key));
        }
        for (index, value) in it.values.iter().flatten().enumerate().filter(|_| values) {
            for text in names::label_value_errors(value) {
                let path = path.child("values").index(index);
                w.push(format!("{path}: {value} is invalid, {text}"));
            }
        }
    }
}

fn old_volume(w: &mut Vec<String>, path: &Path, it: &Volume) {
    let gone =
        |since: &str, gone: &str| format!("deprecated in v{since}, non-functional in v{gone}+");
    for (field, given, text) in [
        (
            "photonPersistentDisk",
            it.photon_persistent_disk.is_some(),
            gone("1.11", "1.16"),
        ),
        (
            "gitRepo",
            it.git_repo.is_some(),
            "deprecated in v1.11, and disabled by default in v1.33+".to_owned(),
        ),
        ("scaleIO", it.scale_io.is_some(), gone("1.16", "1.22")),
        ("flocker", it.flocker.is_some(), gone("1.22", "1.25")),
        ("storageOS", it.storageos.is_some(), gone("1.22", "1.25")),
        ("quobyte", it.quobyte.is_some(), gone("1.22", "1.25")),
        ("glusterfs", it.glusterfs.is_some(), gone("1.25", "1.26")),
    ] {
        if given {
            w.push(format!("{}: {text}", path.child(field)));
        }
    }
    let template = it
        .ephemeral
        .as_ref()
        .and_then(|it| it.volume_claim_template.as_ref());
    if let Some(resources) = template.and_then(|it| it.spec.resources.as_ref()) {
        let path = path.child("ephemeral.volumeClaimTemplate.spec.resources");
        fraction(
            w,
            &path.child("requests"),
            resources.requests.as_ref(),
            "storage",
        );
        fraction(
            w,
            &path.child("limits"),
            resources.limits.as_ref(),
            "storage",
        );
    }
    for (field, given) in [("cephfs", it.cephfs.is_some()), ("rbd", it.rbd.is_some())] {
        if given {
            w.push(format!("{}: {}", path.child(field), gone("1.28", "1.31")));
        }
    }
}

/// A part of a byte.
pub(crate) fn fraction(
    w: &mut Vec<String>,
    path: &Path,
    amounts: Option<&BTreeMap<String, Wire>>,
    name: &str,
) {
    let amount = amounts.and_then(|it| it.get(name)).map(Quantity::from_wire);
    if let Some(Ok(amount)) =
        amount.filter(|it| it.as_ref().is_ok_and(|it| it.milli_value() % 1000 != 0))
    {
        let shown = amount.to_string();
        let path = path.key(name);
        w.push(format!(
            "{path}: fractional byte value {shown:?} is invalid, must be an integer"
        ));
    }
}

/// Files that a token's file would hide.
fn tokens(w: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let projected = |volume: &Volume| volume.projected.clone().unwrap_or_default();
    let sources = |it: ProjectedVolumeSource| it.sources.unwrap_or_default();
    let volumes = || spec.volumes.iter().flatten();
    let tokens: BTreeSet<_> = volumes()
        .flat_map(|it| sources(projected(it)))
        .filter_map(|it| it.service_account_token.map(|it| it.path))
        .collect();
    for (index, volume) in volumes().enumerate() {
        let path = path.index(index).child("projected.sources");
        for source in sources(projected(volume)) {
            let keys = |items: Option<Vec<k8s_openapi::api::core::v1::KeyToPath>>| -> Vec<String> {
                items.into_iter().flatten().map(|it| it.path).collect()
            };
            let files = source
                .downward_api
                .and_then(|it| it.items)
                .unwrap_or_default();
            let lists = [
                ("configMap", keys(source.config_map.and_then(|it| it.items))),
                ("secrets", keys(source.secret.and_then(|it| it.items))),
                ("downwardAPI", files.into_iter().map(|it| it.path).collect()),
            ];
            for (field, list) in lists {
                for (at, file) in list.iter().enumerate().filter(|it| tokens.contains(it.1)) {
                    let path = path.child(field).index(at);
                    w.push(format!(
                        "{path}: has duplicated path with ServiceAccountToken {file:?}"
                    ));
                }
            }
            let bundle = source.cluster_trust_bundle.map(|it| it.path);
            if let Some(file) = bundle.filter(|it| tokens.contains(it)) {
                let path = path.child("ClusterTrustBundle");
                w.push(format!(
                    "{path}: has duplicated path with ServiceAccountToken {file:?}"
                ));
            }
        }
    }
}

fn repeated(w: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let mut taken = BTreeSet::new();
    for (index, it) in spec.host_aliases.iter().flatten().enumerate() {
        if !taken.insert(&it.ip) {
            let path = path.child("hostAliases").index(index).child("ip");
            w.push(format!("{path}: duplicate ip {:?}", it.ip));
        }
    }
    let mut taken = BTreeSet::new();
    let secrets = || spec.image_pull_secrets.iter().flatten().enumerate();
    let at = |index| path.child("imagePullSecrets").index(index).child("name");
    for (index, it) in secrets() {
        if !taken.insert(&it.name) {
            w.push(format!("{}: duplicate name {:?}", at(index), it.name));
        }
    }
    for (index, it) in secrets().filter(|it| it.1.name.is_empty()) {
        w.push(format!("{}: invalid empty name {:?}", at(index), it.name));
    }
}

fn affinity(w: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let Some(affinity) = &spec.affinity else {
        return;
    };
    for (field, required, preferred) in scheduling::pod_affinities(affinity) {
        let path = path.child(field);
        let at = path.child("requiredDuringSchedulingIgnoredDuringExecution");
        for (index, _) in required
            .iter()
            .enumerate()
            .filter(|it| it.1.label_selector.is_none())
        {
            w.push(format!(
                "{}: {NO_SELECTOR}",
                at.index(index).child("labelSelector")
            ));
        }
        let at = path.child("preferredDuringSchedulingIgnoredDuringExecution");
        for (index, it) in preferred.iter().enumerate() {
            if it.pod_affinity_term.label_selector.is_none() {
                let at = at.index(index).child("podAffinityTerm.labelSelector");
                w.push(format!("{at}: {NO_SELECTOR}"));
            }
        }
    }
}
