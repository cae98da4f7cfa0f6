//! CertificateSigningRequest of certificates.k8s.io/v1beta1: the signer followed from what was asked for, usages
//! had a default, and a condition without a status was true.

use super::{
    Notes, Older, Shape,
    tree::{at, fill, is_absent, items},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

const GROUP: &str = "certificates.k8s.io";

pub(super) static ROWS: &[Older] = &[Older {
    group: GROUP,
    version: "v1beta1",
    kind: "CertificateSigningRequest",
    current: (GROUP, "v1"),
    releases: (19, 22),
    shape: Shape {
        upgrade,
        ..Shape::SAME
    },
}];

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    if let Some(spec) = at(tree, &["spec"]) {
        let usages = json!(["digital signature", "key encipherment"]);
        if fill(spec, "usages", usages.clone()) {
            notes.set("spec.usages", &usages);
        }
        if is_absent(spec, "signerName") {
            let signer = json!(signer(spec));
            notes.set("spec.signerName", &signer);
            spec.insert("signerName".to_owned(), signer);
        }
    }
    if let Some(status) = at(tree, &["status"]) {
        for condition in items(status, "conditions") {
            fill(condition, "status", "True");
        }
    }
}

/// Upstream's `DefaultSignerNameFromSpec`: what nodes ask for has signers of its own.
fn signer(spec: &super::tree::Object) -> &'static str {
    let mut usages: Vec<&str> = spec
        .get("usages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|usage| *usage != "key encipherment")
        .collect();
    usages.sort_unstable();
    match usages.as_slice() {
        ["client auth", "digital signature"] if is_node(spec) => {
            "kubernetes.io/kube-apiserver-client-kubelet"
        }
        ["digital signature", "server auth"] if is_node(spec) => "kubernetes.io/kubelet-serving",
        _ => "kubernetes.io/legacy-unknown",
    }
}

/// Whether the request is for a member of `system:nodes` who is called `system:node:…`.
fn is_node(spec: &super::tree::Object) -> bool {
    let der = || {
        let pem = STANDARD.decode(spec.get("request")?.as_str()?).ok()?;
        let pem = String::from_utf8(pem).ok()?;
        let body: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        STANDARD.decode(body.trim()).ok()
    };
    let has = |der: &[u8], text: &str| der.windows(text.len()).any(|it| it == text.as_bytes());
    der().is_some_and(|der| has(&der, "system:nodes") && has(&der, "system:node:"))
}
