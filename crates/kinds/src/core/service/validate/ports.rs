//! Errors of a service's ports.

use crate::check;
use k8s_openapi::{api::core::v1::ServicePort, apimachinery::pkg::util::intstr::IntOrString};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    names,
};
use serde_json::json;
use std::collections::BTreeSet;

/// Errors of each port by itself.
pub(super) fn each(e: &mut ErrorList, path: &Path, ports: &[ServicePort]) {
    let mut taken = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        let at = path.child("name");
        if !name.is_empty() {
            check::messages(e, &at, name, names::label_errors(name));
            if !taken.insert(name) {
                e.push(Error::duplicate(&at, name));
            }
        } else if ports.len() > 1 {
            e.push(Error::required(&at, ""));
        }
        check::port(e, &path.child("port"), port.port);
        check::protocol(e, &path, port.protocol.as_ref());
        let target = port.target_port.as_ref().unwrap_or(&IntOrString::Int(0));
        check::port_or_name(e, &path.child("targetPort"), target);
        check::app_protocol(e, &path, port.app_protocol.as_ref());
    }
}

/// Ports and node ports are each taken once for a protocol; a cluster IP has no node ports.
pub(super) fn unique(e: &mut ErrorList, path: &Path, ports: &[ServicePort], kind: &str) {
    let node = |it: &ServicePort| it.node_port.filter(|it| *it != 0);
    let numbered = || ports.iter().enumerate();
    for (index, _) in numbered().filter(|it| kind == "ClusterIP" && node(it.1).is_some()) {
        let path = path.index(index).child("nodePort");
        let text = "may not be used when `type` is 'ClusterIP'";
        e.push(Error::forbidden(&path, text));
    }
    let mut taken = BTreeSet::new();
    for (index, port) in numbered() {
        if let Some(number) = node(port)
            && !taken.insert((&port.protocol, number))
        {
            e.push(Error::duplicate(
                &path.index(index).child("nodePort"),
                number,
            ));
        }
    }
    let mut taken = BTreeSet::new();
    for (index, port) in numbered() {
        if !taken.insert((&port.protocol, port.port)) {
            e.push(Error::duplicate(&path.index(index), shown(port)));
        }
    }
}

/// A port's protocol and number as upstream's internal type shows them.
fn shown(port: &ServicePort) -> Value {
    let protocol = json!(port.protocol.as_deref().unwrap_or_default());
    let number = port.port;
    Value::shown(format!(
        "{{\"Name\":\"\",\"Protocol\":{protocol},\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
    ))
}
