//! Errors of certificate signing requests: upstream's `validateCertificateSigningRequest`. Signatures are
//! the signer's to check; here a request only has to be one by its heading.

use crate::check;
use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition as Condition,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

const USAGES: &[&str] = &[
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
const LEGACY: &str = "kubernetes.io/legacy-unknown";
const EXPIRATION_MINIMUM_SECONDS: i32 = 600;
const SUBDOMAIN_LIMIT_BYTES: usize = 253;
/// A domain, a slash, a namespace, a dot and a name.
const SIGNER_LIMIT_BYTES: usize = SUBDOMAIN_LIMIT_BYTES + 1 + 63 + 1 + SUBDOMAIN_LIMIT_BYTES;
const EXCLUSIVE: &str = "Approved and Denied conditions are mutually exclusive";

/// The conditions of a request.
fn conditions(object: &CertificateSigningRequest) -> &[Condition] {
    let list = object
        .status
        .as_ref()
        .and_then(|it| it.conditions.as_deref());
    list.unwrap_or_default()
}

/// The conditions of a request, to be changed.
pub(super) fn conditions_mut(object: &mut CertificateSigningRequest) -> &mut [Condition] {
    let list = object
        .status
        .as_mut()
        .and_then(|it| it.conditions.as_deref_mut());
    list.unwrap_or_default()
}

fn certificate(object: &CertificateSigningRequest) -> &[u8] {
    let status = object
        .status
        .as_ref()
        .and_then(|it| it.certificate.as_ref());
    status.map_or(&[], |it| &it.0)
}

fn of<'a>(object: &'a CertificateSigningRequest, kind: &str) -> Vec<&'a Condition> {
    let list = conditions(object).iter();
    list.filter(|it| it.type_ == kind).collect()
}

/// Errors of a request; what was wrong in `old` already may stay.
pub(super) fn request(
    object: &CertificateSigningRequest,
    old: Option<&CertificateSigningRequest>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let spec = &object.spec;
    let text = String::from_utf8_lossy(&spec.request.0);
    if !text.contains("-----BEGIN CERTIFICATE REQUEST-----") {
        let shown = BASE64_STANDARD.encode(&spec.request.0);
        let text = "PEM block type must be CERTIFICATE REQUEST";
        e.push(Error::invalid(&path.child("request"), shown, text));
    }
    let at = path.child("usages");
    let usages = spec.usages.as_deref().unwrap_or_default();
    if usages.is_empty() {
        e.push(Error::required(&at, "usages must be provided"));
    }
    for (index, it) in usages.iter().enumerate() {
        if !USAGES.contains(&it.as_str()) {
            e.push(Error::not_supported(&at.index(index), it, USAGES));
        }
    }
    for (index, it) in usages.iter().enumerate() {
        if usages[..index].contains(it) {
            e.push(Error::duplicate(&at.index(index), it));
        }
    }
    signer(e, &path.child("signerName"), &spec.signer_name, old);
    if let Some(seconds) = spec.expiration_seconds
        && seconds < EXPIRATION_MINIMUM_SECONDS
    {
        let text = "may not specify a duration less than 600 seconds (10 minutes)";
        e.push(Error::invalid(
            &path.child("expirationSeconds"),
            seconds,
            text,
        ));
    }
    for index in 0..conditions(object).len() {
        condition(
            e,
            &Path::new("status").child("conditions").index(index),
            object,
            index,
        );
    }
    let pem = certificate(object);
    let same = old.is_some_and(|it| certificate(it) == pem);
    let is_pem = String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----");
    if !pem.is_empty() && !same && !is_pem {
        let path = Path::new("status").child("certificate");
        let text = "must contain at least one CERTIFICATE PEM block";
        e.push(Error::invalid(&path, "<certificate data>", text));
    }
    errors
}

fn signer(e: &mut ErrorList, path: &Path, name: &str, old: Option<&CertificateSigningRequest>) {
    if name == LEGACY {
        if old.is_none_or(|it| it.spec.signer_name != LEGACY) {
            let text = "the legacy signerName is not allowed via this API version";
            e.push(Error::invalid(path, name, text));
        }
        return;
    }
    if name.is_empty() {
        e.push(Error::required(path, "signerName must be provided"));
        return;
    }
    let Some((domain, rest)) = name.split_once('/').filter(|it| !it.1.contains('/')) else {
        let text =
            "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        e.push(Error::invalid(path, name, text));
        return;
    };
    if domain.len() > SUBDOMAIN_LIMIT_BYTES {
        e.push(Error::too_long(path, SUBDOMAIN_LIMIT_BYTES));
    }
    labels(e, path, domain, names::label_errors);
    if !domain.contains('.') {
        let text = "should be a domain with at least two segments separated by dots";
        e.push(Error::invalid(path, domain, text));
    }
    labels(e, path, rest, names::subdomain_errors);
    if name.len() > SIGNER_LIMIT_BYTES {
        e.push(Error::too_long(path, SIGNER_LIMIT_BYTES));
    }
}

/// Errors of the first faulty word of a dotted name.
fn labels(e: &mut ErrorList, path: &Path, text: &str, errors: fn(&str) -> Vec<String>) {
    let words = text.split('.').map(|word| (word, errors(word)));
    if let Some((word, found)) = words.into_iter().find(|it| !it.1.is_empty()) {
        let found = found.iter();
        let found = found.map(|it| format!("validating label {word:?}: {it}"));
        check::messages(e, path, text, found.collect());
    }
}

fn condition(e: &mut ErrorList, path: &Path, object: &CertificateSigningRequest, index: usize) {
    let list = conditions(object);
    let it = &list[index];
    let kind = path.child("type");
    check::required(e, &kind, Some(&it.type_));
    let decides = matches!(it.type_.as_str(), "Approved" | "Denied" | "Failed");
    let statuses: &[&str] = if decides {
        &["True"]
    } else {
        &["False", "True", "Unknown"]
    };
    check::one_of(e, &path.child("status"), Some(&it.status), statuses);
    let other = match it.type_.as_str() {
        "Approved" => "Denied",
        "Denied" => "Approved",
        _ => "",
    };
    let before = |wanted: &str| list[..index].iter().any(|it| it.type_ == wanted);
    if !other.is_empty() && before(other) {
        e.push(Error::invalid(&kind, &it.type_, EXCLUSIVE));
    }
    if before(&it.type_) {
        e.push(Error::duplicate(&kind, &it.type_));
    }
}

/// Errors of a change by `subresource`: approval decides, status issues, nothing takes back.
pub(super) fn update(
    new: &CertificateSigningRequest,
    old: &CertificateSigningRequest,
    subresource: &str,
) -> ErrorList {
    let mut errors = request(new, Some(old));
    let path = Path::new("status").child("conditions");
    for kind in ["Approved", "Denied", "Failed"] {
        if of(new, kind).len() < of(old, kind).len() {
            let text = format!("updates may not remove a condition of type {kind:?}");
            errors.push(Error::forbidden(&path, &text));
        }
    }
    for kind in ["Approved", "Denied"]
        .into_iter()
        .filter(|_| subresource != "approval")
    {
        let (now, before) = (of(new, kind), of(old, kind));
        let what = match now.len().cmp(&before.len()) {
            std::cmp::Ordering::Greater => "add",
            std::cmp::Ordering::Equal if now != before => "modify",
            _ => continue,
        };
        let text = format!("updates may not {what} a condition of type {kind:?}");
        errors.push(Error::forbidden(&path, &text));
    }
    if certificate(new) != certificate(old) {
        let path = Path::new("status").child("certificate");
        if subresource != "status" {
            errors.push(Error::forbidden(
                &path,
                "updates may not set certificate content",
            ));
        } else if !certificate(old).is_empty() {
            let text = "updates may not modify existing certificate content";
            errors.push(Error::forbidden(&path, text));
        }
    }
    errors
}
