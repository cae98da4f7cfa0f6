//! `describe node`.

use super::text::{Text, items, text, time};
use api::Object;
use k8s_openapi::api::core::v1::Pod;
use machinery::{
    pods,
    quantity::{Amounts, Quantity, add_all},
};
use serde_json::Value;

const ROLE: &str = "node-role.kubernetes.io/";

pub(super) fn describe(out: &mut Text, node: &Value, pods: &[Value], lease: &Value) {
    let (metadata, spec, status) = (&node["metadata"], &node["spec"], &node["status"]);
    let roles: Vec<&str> = metadata["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix(ROLE))
        .collect();
    out.field(0, "Name", text(&metadata["name"]));
    out.field(0, "Roles", &roles.join(","));
    out.map(0, "Labels", &metadata["labels"], "=");
    out.map(0, "Annotations", &metadata["annotations"], ": ");
    out.field(
        0,
        "CreationTimestamp",
        &time(&metadata["creationTimestamp"]),
    );
    let taints: Vec<String> = items(&spec["taints"])
        .map(|it| match text(&it["value"]) {
            "" => format!("{}:{}", text(&it["key"]), text(&it["effect"])),
            value => format!("{}={value}:{}", text(&it["key"]), text(&it["effect"])),
        })
        .collect();
    out.list(0, "Taints", &taints);
    out.field(
        0,
        "Unschedulable",
        &(spec["unschedulable"] == true).to_string(),
    );
    out.line(0, "Lease:");
    let holder = lease["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or("<unset>");
    out.field(1, "HolderIdentity", holder);
    out.field(1, "AcquireTime", &time(&lease["spec"]["acquireTime"]));
    out.field(1, "RenewTime", &time(&lease["spec"]["renewTime"]));
    conditions(out, status);
    out.line(0, "Addresses:");
    for address in items(&status["addresses"]) {
        out.field(1, text(&address["type"]), text(&address["address"]));
    }
    for (title, field) in [("Capacity", "capacity"), ("Allocatable", "allocatable")] {
        out.line(0, &format!("{title}:"));
        for (name, amount) in status[field].as_object().into_iter().flatten() {
            out.field(1, name, text(amount));
        }
    }
    info(out, &status["nodeInfo"]);
    for (title, field) in [("PodCIDR", "podCIDR"), ("ProviderID", "providerID")] {
        if !text(&spec[field]).is_empty() {
            out.field(0, title, text(&spec[field]));
        }
    }
    if !text(&spec["podCIDR"]).is_empty() {
        let all: Vec<_> = items(&spec["podCIDRs"]).map(text).collect();
        out.field(0, "PodCIDRs", &all.join(","));
    }
    allocated(out, &status["allocatable"], pods);
}

fn conditions(out: &mut Text, status: &Value) {
    out.line(0, "Conditions:");
    out.line(
        1,
        "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage",
    );
    out.line(
        1,
        "----\t------\t-----------------\t------------------\t------\t-------",
    );
    for it in items(&status["conditions"]) {
        out.line(
            1,
            &format!(
                "{} \t{} \t{} \t{} \t{} \t{}",
                text(&it["type"]),
                text(&it["status"]),
                time(&it["lastHeartbeatTime"]),
                time(&it["lastTransitionTime"]),
                text(&it["reason"]),
                text(&it["message"])
            ),
        );
    }
}

fn info(out: &mut Text, info: &Value) {
    out.line(0, "System Info:");
    for (title, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
        ("Kube-Proxy Version", "kubeProxyVersion"),
    ] {
        out.line(1, &format!("{title}:\t{}", text(&info[field])));
    }
}

fn amount(amounts: &Amounts, name: &str) -> Quantity {
    amounts.get(name).copied().unwrap_or_default()
}

fn allocated(out: &mut Text, allocatable: &Value, trees: &[Value]) {
    let whole = |name: &str| Quantity::parse(text(&allocatable[name])).unwrap_or_default();
    let share = |amounts: &Amounts, name: &str| {
        let amount = amount(amounts, name);
        format!("{amount} ({}%)", amount.percent_of(whole(name)))
    };
    let running: Vec<Pod> = trees
        .iter()
        .filter_map(|tree| Pod::decode(tree.to_string().as_bytes()).ok())
        .filter(|pod| !pods::is_terminal(pod))
        .collect();
    out.line(
        0,
        &format!("Non-terminated Pods:\t({} in total)", running.len()),
    );
    out.line(
        1,
        "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
    );
    out.line(
        1,
        "---------\t----\t\t------------\t----------\t---------------\t-------------\t---",
    );
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let now = jiff::Timestamp::now();
    for pod in &running {
        let (asked, most) = (pods::requests(pod), pods::limits(pod));
        let since = pod.metadata.creation_timestamp.as_ref().map(|it| it.0);
        out.line(
            1,
            &format!(
                "{}\t{}\t\t{}\t{}\t{}\t{}\t{}",
                pod.metadata.namespace.as_deref().unwrap_or_default(),
                pod.metadata.name.as_deref().unwrap_or_default(),
                share(&asked, "cpu"),
                share(&most, "cpu"),
                share(&asked, "memory"),
                share(&most, "memory"),
                machinery::durations::age(since, now)
            ),
        );
        add_all(&mut requests, &asked);
        add_all(&mut limits, &most);
    }
    out.line(0, "Allocated resources:");
    out.line(
        1,
        "(Total limits may be over 100 percent, i.e., overcommitted.)",
    );
    out.line(1, "Resource\tRequests\tLimits");
    out.line(1, "--------\t--------\t------");
    for name in ["cpu", "memory", "ephemeral-storage"] {
        out.line(
            1,
            &format!(
                "{name}\t{}\t{}",
                share(&requests, name),
                share(&limits, name)
            ),
        );
    }
}
