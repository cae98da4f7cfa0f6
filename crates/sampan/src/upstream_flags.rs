//! Flags of kube-apiserver that have no counterpart here. Those that only tune upstream's own machinery are
//! dropped, so that a rig's command line works as it stands; those that would change what the server does are
//! refused with the reason.

use anyhow::bail;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
};

/// Tuning of machinery that Sampan does not have, and the defaults that it always has.
const WITHOUT_MEANING: &[&str] = &[
    "alsologtostderr",
    "apiserver-count",
    "contention-profiling",
    "default-watch-cache-size",
    "delete-collection-workers",
    "enable-aggregator-routing",
    "enable-garbage-collector",
    "enable-logs-handler",
    "enable-priority-and-fairness",
    "endpoint-reconciler-type",
    "external-hostname",
    "feature-gates",
    "goaway-chance",
    "http2-max-streams-per-connection",
    "kubelet-preferred-address-types",
    "kubelet-timeout",
    "lease-reuse-duration-seconds",
    "livez-grace-period",
    "log-flush-frequency",
    "logging-format",
    "logtostderr",
    "max-mutating-requests-inflight",
    "max-requests-inflight",
    "min-request-timeout",
    "permit-address-sharing",
    "permit-port-sharing",
    "profiling",
    "runtime-config",
    "service-account-extend-token-expiration",
    "service-account-lookup",
    "service-account-max-token-expiration",
    "show-hidden-metrics-for-version",
    "shutdown-delay-duration",
    "stderrthreshold",
    "storage-media-type",
    "target-ram-mb",
    "v",
    "vmodule",
    "watch-cache",
    "watch-cache-sizes",
];

/// Where an etcd is and how to use it.
pub(crate) const ETCD: &[&str] = &[
    "etcd-servers",
    "etcd-cafile",
    "etcd-certfile",
    "etcd-keyfile",
    "etcd-prefix",
];

/// What would change the server's answers, and why it is refused.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["admission-control"],
        "it was removed upstream; use --enable-admission-plugins and --disable-admission-plugins",
    ),
    (
        &["admission-control-config-file"],
        "configuration of admission plugins is not supported yet",
    ),
    (
        &["anonymous-auth"],
        "requests without credentials are answered on /healthz, /livez, /readyz and /version only, and this cannot be changed yet",
    ),
    (
        &[
            "audit-policy-file",
            "audit-log-path",
            "audit-webhook-config-file",
        ],
        "audit is not supported yet",
    ),
    (
        &["authentication-config"],
        "authentication from a file is not supported yet; use --client-ca-file or --token-auth-file",
    ),
    (
        &["authentication-token-webhook-config-file"],
        "authentication webhooks are not supported yet",
    ),
    (
        &["authorization-config"],
        "authorization from a file is not supported yet; use --authorization-mode",
    ),
    (
        &["authorization-policy-file"],
        "ABAC is not supported; use --authorization-mode=RBAC",
    ),
    (
        &["authorization-webhook-config-file"],
        "authorization webhooks are not supported yet",
    ),
    (
        &["cloud-provider"],
        "cloud providers run outside the server",
    ),
    (
        &["egress-selector-config-file"],
        "egress selection is not supported",
    ),
    (
        &["encryption-provider-config"],
        "encryption at rest is not supported yet",
    ),
    (
        ETCD,
        "etcd is not supported yet: leave it out, the server brings its own store (--data-dir)",
    ),
    (
        &["insecure-bind-address", "insecure-port"],
        "it was removed upstream: the API is served with TLS only",
    ),
    (
        &[
            "kubelet-certificate-authority",
            "kubelet-client-certificate",
            "kubelet-client-key",
        ],
        "kubelets on other machines are not supported yet",
    ),
    (
        &["oidc-issuer-url"],
        "OpenID Connect is not supported yet; use --client-ca-file or --token-auth-file",
    ),
    (
        &["proxy-client-cert-file", "proxy-client-key-file"],
        "API aggregation is not supported yet",
    ),
    (
        &["requestheader-client-ca-file"],
        "authenticating proxies are not supported yet",
    ),
    (
        &["storage-backend"],
        "the server brings its own store (--data-dir)",
    ),
    (
        &["tls-sni-cert-key"],
        "one certificate is served to all; use --tls-cert-file",
    ),
];

/// The arguments without those that mean nothing here.
///
/// # Errors
/// When one is refused.
pub(crate) fn sift(arguments: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    if arguments
        .get(1)
        .is_none_or(|command| command != "server" && command != "up")
    {
        return Ok(arguments);
    }
    let names = arguments.iter().filter_map(|argument| flag(argument));
    for (name, _) in names {
        if let Some((_, reason)) = REFUSED.iter().find(|(names, _)| names.contains(&name)) {
            bail!("--{name}: {reason}");
        }
    }
    Ok(without(arguments, |name| WITHOUT_MEANING.contains(&name)))
}

/// The arguments without the flags that `drops` names, and their values.
pub(crate) fn without(
    arguments: Vec<OsString>,
    mut drops: impl FnMut(&str) -> bool,
) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut all = arguments.into_iter().peekable();
    while let Some(argument) = all.next() {
        match flag(&argument) {
            Some((name, has_value)) if drops(name) => {
                if !has_value {
                    // `--name value`; what begins with a dash is the next flag.
                    all.next_if(|next| !next.as_bytes().starts_with(b"-"));
                }
            }
            _ => kept.push(argument),
        }
    }
    kept
}

/// The name of a long flag, or of `-v`, and whether its value stands in the same argument.
fn flag(argument: &OsStr) -> Option<(&str, bool)> {
    let bytes = argument.as_bytes();
    let text = match bytes.iter().position(|byte| *byte == b'=') {
        Some(end) => &bytes[..end],
        None => bytes,
    };
    let has_value = text.len() < bytes.len();
    let text = std::str::from_utf8(text).ok()?;
    if let Some(name) = text.strip_prefix("--") {
        return Some((name, has_value));
    }
    let level = text.strip_prefix("-v")?;
    let is_level = level.bytes().all(|byte| byte.is_ascii_digit());
    is_level.then_some(("v", has_value || !level.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sifted(line: &str) -> anyhow::Result<String> {
        let kept = sift(line.split(' ').map(OsString::from).collect())?;
        Ok(kept.join(&OsString::from(" ")).into_string().unwrap())
    }

    #[test]
    fn what_tunes_nothing_here_is_dropped() {
        for (line, left) in [
            (
                "sampan server --profiling=false --secure-port=1",
                "sampan server --secure-port=1",
            ),
            (
                "sampan server --goaway-chance 0.1 --profiling --bind-address ::1",
                "sampan server --bind-address ::1",
            ),
            (
                "sampan server -v=4 --v 5 -v 6 -v7 --feature-gates=A=true,B=false",
                "sampan server",
            ),
            ("sampan image ls --profiling", "sampan image ls --profiling"),
        ] {
            assert_eq!(sifted(line).unwrap(), left);
        }
    }

    #[test]
    fn what_would_change_answers_is_refused() {
        let error = sifted("sampan server --etcd-servers=http://127.0.0.1:2379").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("--etcd-servers: etcd is not supported yet"),
            "{error}"
        );
        for name in REFUSED.iter().flat_map(|(names, _)| *names) {
            assert!(!WITHOUT_MEANING.contains(name), "{name}");
        }
    }
}
