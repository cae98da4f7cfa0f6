//! What was wrong before may stay; the same wrong may not come.

use crate::{
    Strategy,
    apps::{daemon_set::DaemonSet, stateful_set::StatefulSet},
    cases::{self, merged},
    core::{
        persistent_volume::PersistentVolume, persistent_volume_claim::PersistentVolumeClaim,
        pod::Pod,
    },
    networking::{ingress::Ingress, network_policy::NetworkPolicy},
    policy::pod_disruption_budget::PodDisruptionBudget,
    storage::csi_storage_capacity::CSIStorageCapacity,
};
use serde_json::{Value, json};

const LABEL: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// `bad` is refused when it comes, with an error in each line, and stays when something else changes.
#[track_caller]
fn stays<S: Strategy>(law: &S, good: &Value, bad: &Value, errors: &str) {
    let errors = errors.replace("LABEL", LABEL);
    let errors: Vec<_> = errors.lines().collect();
    cases::creates(law, good.clone(), &[(bad.clone(), &errors)]);
    let touched = json!({"metadata": {"labels": {"touched": "yes"}}});
    cases::updates(law, merged(good, bad), &[(touched, &[])]);
}

/// And it is refused when it comes by an update.
#[track_caller]
fn comes<S: Strategy>(law: &S, good: &Value, bad: &Value, errors: &str) {
    stays(law, good, bad, errors);
    let errors = errors.replace("LABEL", LABEL);
    let errors: Vec<_> = errors.lines().collect();
    cases::updates(law, good.clone(), &[(bad.clone(), &errors)]);
}

fn odd() -> Value {
    json!({"matchExpressions": [{"key": "k", "operator": "In", "values": ["-"]}]})
}

/// What is wrong with a pod, where, and why.
fn pods() -> Vec<(Value, &'static str, &'static str)> {
    let spread = |it: Value| {
        let base = json!({"maxSkew": 1, "topologyKey": "t", "whenUnsatisfiable": "DoNotSchedule"});
        json!({"spec": {"topologySpreadConstraints": [merged(&base, &it)]}})
    };
    let near = |it: Value| {
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        json!({"spec": {"affinity": {"podAffinity": {required: [{"topologyKey": "t", "labelSelector": it}]}}}})
    };
    let on = |it: Value| {
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        json!({"spec": {"affinity": {"nodeAffinity": {required: {"nodeSelectorTerms": [it]}}}}})
    };
    let huge = json!({"cpu": "1", "hugepages-2Mi": "3Mi"});
    let token = json!([{"serviceAccountToken": {"path": "../t", "expirationSeconds": 600}}]);
    vec![
        (
            near(odd()),
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].values[0]",
            "Invalid value: \"-\": LABEL",
        ),
        (
            on(odd()),
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values[0]",
            "Invalid value: \"-\": LABEL",
        ),
        (
            spread(json!({"labelSelector": odd()})),
            "spec.topologySpreadConstraints[0].labelSelector.matchExpressions[0].values[0]",
            "Invalid value: \"-\": LABEL",
        ),
        (
            spread(json!({"matchLabelKeys": ["k"]})),
            "spec.topologySpreadConstraints[0].matchLabelKeys",
            "Forbidden: must not be specified when labelSelector is not set",
        ),
        (
            json!({"spec": {"containers": [{"name": "c", "image": "i", "resources": {"limits": huge, "requests": huge}}]}}),
            "spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi\nspec.containers[0].resources.requests[hugepages-2Mi]",
            "Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi",
        ),
        (
            json!({"spec": {"volumes": [{"name": "v", "projected": {"sources": token}}], "serviceAccountName": "s"}}),
            "spec.volumes[0].projected.path",
            "Invalid value: \"../t\": must not contain '..'",
        ),
        (
            json!({"spec": {"hostNetwork": true, "securityContext": {"sysctls": [{"name": "net.a", "value": "1"}]}}}),
            "spec.securityContext.sysctls[0].name",
            "Invalid value: \"net.a\": may not be specified when 'hostNetwork' is true",
        ),
        (
            json!({"spec": {"hostUsers": false, "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "v"}}],
                "containers": [{"name": "c", "image": "i", "volumeDevices": [{"name": "v", "devicePath": "/d"}]}]}}),
            "spec.containers[0].volumeDevices",
            "Forbidden: when `hostUsers` is false",
        ),
        (
            json!({"spec": {"hostAliases": [{"ip": "01.2.3.4", "hostnames": ["a"]}]}}),
            "spec.hostAliases[0].ip",
            "Invalid value: \"01.2.3.4\": must not have leading 0s",
        ),
        (
            json!({"spec": {"dnsConfig": {"nameservers": ["01.2.3.4"]}}}),
            "spec.dnsConfig.nameservers[0]",
            "Invalid value: \"01.2.3.4\": must not have leading 0s",
        ),
        (
            json!({"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "x"}}}),
            "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]",
            "Invalid value: \"x\": must be a 32bit integer",
        ),
    ]
}

#[test]
fn of_pods_and_templates() {
    let pod = json!({"metadata": {"name": "p", "labels": {"a": "b"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "i"}]}});
    let set = json!({"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": pod["spec"]}}});
    for (bad, path, why) in pods() {
        stays(&Pod, &pod, &bad, &format!("{path}: {why}"));
        let errors = format!("{path}: {why}");
        let below = errors.lines().map(|it| {
            let it = it.strip_prefix("metadata.").unwrap_or(it);
            format!("spec.template.{it}\n")
        });
        let bad = json!({"spec": {"template": bad}});
        comes(&DaemonSet, &set, &bad, &below.collect::<String>());
    }
}

/// Templates of stateful sets were not looked at once.
#[test]
fn of_templates_of_stateful_sets() {
    let container = |it: Value| merged(&json!({"name": "c", "image": "i"}), &it);
    let with = |it: Value| json!({"spec": {"template": {"spec": {"containers": [container(it)]}}}});
    let set = json!({"metadata": {"name": "s"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}}}});
    let set = merged(&set, &with(json!({})));
    comes(
        &StatefulSet,
        &set,
        &with(json!({"imagePullPolicy": "Odd"})),
        "spec.template.spec.containers[0].imagePullPolicy: Unsupported value: \"Odd\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
    );
}

#[test]
fn of_selectors() {
    let named = |it: Value| merged(&json!({"metadata": {"name": "a"}}), &it);
    let text =
        |path: &str| format!("{path}.matchExpressions[0].values[0]: Invalid value: \"-\": LABEL");
    comes(
        &PodDisruptionBudget,
        &named(json!({"spec": {"minAvailable": 1, "selector": {}}})),
        &json!({"spec": {"selector": odd()}}),
        &text("spec.selector"),
    );
    comes(
        &NetworkPolicy,
        &named(json!({"spec": {"podSelector": {}}})),
        &json!({"spec": {"podSelector": odd()}}),
        &text("spec.podSelector"),
    );
    stays(
        &CSIStorageCapacity,
        &named(json!({"storageClassName": "c"})),
        &json!({"nodeTopology": odd()}),
        &text("nodeTopology"),
    );
    let claim = named(
        json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}),
    );
    stays(
        &PersistentVolumeClaim,
        &claim,
        &json!({"spec": {"selector": odd()}}),
        &text("spec.selector"),
    );
    let volume = named(
        json!({"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}, "hostPath": {"path": "/a"}}}),
    );
    stays(
        &PersistentVolume,
        &volume,
        &json!({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [odd()]}}}}),
        &text("spec.nodeAffinity.required.nodeSelectorTerms[0]"),
    );
}

#[test]
fn of_names() {
    const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    let source = json!({"apiGroup": "A", "kind": "k", "name": "n"});
    let claim = json!({"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}});
    let text = ["dataSource", "dataSourceRef"]
        .map(|it| format!("spec.{it}.apiGroup: Invalid value: \"A\": {SUBDOMAIN}"))
        .join("\n");
    let bad = json!({"spec": {"dataSourceRef": source}});
    stays(&PersistentVolumeClaim, &claim, &bad, &text);
    let backend = json!({"service": {"name": "s", "port": {"number": 1}}});
    let ingress = json!({"metadata": {"name": "a"}, "spec": {"defaultBackend": backend}});
    let text = format!("spec.tls[0].secretName: Invalid value: \"A\": {SUBDOMAIN}");
    comes(
        &Ingress,
        &ingress,
        &json!({"spec": {"tls": [{"secretName": "A"}]}}),
        &text,
    );
    let rule = |host: &str| {
        let paths = json!([{"path": "a", "pathType": "Exact", "backend": backend}]);
        json!({"spec": {"rules": [{"host": host, "http": {"paths": paths}}]}})
    };
    let text = "spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute path";
    comes(&Ingress, &ingress, &rule("*.a.b"), text);
    // The rules of one host were never lax.
    let touched = json!({"metadata": {"labels": {"touched": "yes"}}});
    let old = merged(&ingress, &rule("a.b"));
    cases::updates(&Ingress, old, &[(touched, &[text])]);
}
