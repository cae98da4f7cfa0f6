//! Errors of certificate signing requests: upstream's `validateCertificateSigningRequest`.

use crate::{check, ratchet};
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
/// Conditions that decide on a request.
pub(super) const DECISIONS: &[&str] = &["Approved", "Denied"];
const EXCLUSIVE: &str = "Approved and Denied conditions are mutually exclusive";

/// The conditions of a request.
pub(super) fn conditions(object: &CertificateSigningRequest) -> &[Condition] {
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

/// Errors of a new request.
pub(super) fn created(object: &CertificateSigningRequest) -> ErrorList {
    let mut errors = ErrorList::new();
    let request = &object.spec.request.0;
    if let Err(why) = stdx::certificates::check_request(request) {
        let path = Path::new("spec").child("request");
        let shown = BASE64_STANDARD.encode(request);
        errors.push(Error::invalid(&path, shown, &why.to_string()));
    }
    well_formed(&mut errors, object);
    errors
}

/// Errors of all but the request itself, which never changes.
fn well_formed(e: &mut ErrorList, object: &CertificateSigningRequest) {
    let path = Path::new("spec");
    let spec = &object.spec;
    usages(e, &path.child("usages"), spec.usages.as_deref());
    signer(e, &path.child("signerName"), &spec.signer_name);
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
    let path = Path::new("status");
    for index in 0..conditions(object).len() {
        let path = path.child("conditions").index(index);
        condition(e, &path, object, index);
    }
    let pem = certificate(object);
    if let Err(why) = stdx::certificates::check_certificates(pem)
        && !pem.is_empty()
    {
        let path = path.child("certificate");
        let error = Error::invalid(&path, "<certificate data>", &why.to_string());
        e.push(error.ratcheted("allowArbitraryCertificate"));
    }
}

fn usages(e: &mut ErrorList, path: &Path, usages: Option<&[String]>) {
    let usages = usages.unwrap_or_default();
    if usages.is_empty() {
        e.push(Error::required(path, "usages must be provided"));
    }
    for (index, it) in usages.iter().enumerate() {
        if !USAGES.contains(&it.as_str()) {
            let error = Error::not_supported(&path.index(index), it, USAGES);
            e.push(error.ratcheted("allowUnknownUsages"));
        }
    }
    for (index, it) in usages.iter().enumerate() {
        if usages[..index].contains(it) {
            let error = Error::duplicate(&path.index(index), it);
            e.push(error.ratcheted("allowDuplicateUsages"));
        }
    }
}

fn signer(e: &mut ErrorList, path: &Path, name: &str) {
    if name == LEGACY {
        let text = "the legacy signerName is not allowed via this API version";
        return e.push(Error::invalid(path, name, text).ratcheted("allowLegacySignerName"));
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
    ratchet::late(e, "allowEmptyConditionType", |e| {
        check::required(e, &kind, Some(&it.type_));
    });
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
        let error = Error::invalid(&kind, &it.type_, EXCLUSIVE);
        e.push(error.ratcheted("allowBothApprovedAndDenied"));
    }
    if before(&it.type_) {
        let error = Error::duplicate(&kind, &it.type_);
        e.push(error.ratcheted("allowDuplicateConditionTypes"));
    }
}

/// Errors of a change by `subresource`: approval decides, status issues, nothing takes back.
pub(super) fn update(
    new: &CertificateSigningRequest,
    old: &CertificateSigningRequest,
    subresource: &str,
) -> ErrorList {
    let mut errors = ErrorList::new();
    well_formed(&mut errors, new);
    let path = Path::new("status").child("conditions");
    let count = |object, kind| {
        let list: &[Condition] = conditions(object);
        list.iter().filter(|it| it.type_ == kind).count()
    };
    for kind in ["Approved", "Denied", "Failed"] {
        if count(new, kind) < count(old, kind) {
            let text = format!("updates may not remove a condition of type {kind:?}");
            errors.push(Error::forbidden(&path, &text));
        }
    }
    for kind in DECISIONS.iter().filter(|_| subresource != "approval") {
        if count(new, kind) > count(old, kind) {
            let text = format!("updates may not add a condition of type {kind:?}");
            errors.push(Error::forbidden(&path, &text));
        }
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
