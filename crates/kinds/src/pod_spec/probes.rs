//! Errors of probes and lifecycle handlers.

use crate::check;
use k8s_openapi::{
    api::core::v1::{ExecAction, HTTPGetAction, LifecycleHandler, Probe, TCPSocketAction},
    apimachinery::pkg::util::intstr::IntOrString,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// Errors of a probe; `once` when a single success must be enough.
pub(super) fn validate(e: &mut ErrorList, path: &Path, probe: &Probe, once: bool) {
    let grpc = probe.grpc.iter().map(|it| ("grpc", it.port));
    for (field, port) in grpc.clone() {
        number(e, &path.child(field).child("port"), port);
    }
    actions(
        e,
        path,
        probe.exec.as_ref(),
        probe.http_get.as_ref(),
        probe.tcp_socket.as_ref(),
        grpc.count(),
    );
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        check::not_negative(e, &path.child(field), value);
    }
    if let Some(grace) = probe.termination_grace_period_seconds {
        let path = path.child("terminationGracePeriodSeconds");
        if !once {
            e.push(Error::invalid(
                &path,
                grace,
                "must not be set for readinessProbes",
            ));
        } else if grace <= 0 {
            e.push(Error::invalid(&path, grace, "must be greater than 0"));
        }
    }
    if once && let Some(threshold) = probe.success_threshold.filter(|it| *it != 1) {
        e.push(Error::invalid(
            &path.child("successThreshold"),
            threshold,
            "must be 1",
        ));
    }
}

/// Errors of a lifecycle handler.
pub(super) fn handler(e: &mut ErrorList, path: &Path, handler: &LifecycleHandler) {
    if let Some(sleep) = &handler.sleep {
        check::not_negative(
            e,
            &path.child("sleep").child("seconds"),
            Some(sleep.seconds),
        );
    }
    let more = usize::from(handler.sleep.is_some());
    actions(
        e,
        path,
        handler.exec.as_ref(),
        handler.http_get.as_ref(),
        handler.tcp_socket.as_ref(),
        more,
    );
}

fn actions(
    e: &mut ErrorList,
    path: &Path,
    exec: Option<&ExecAction>,
    http: Option<&HTTPGetAction>,
    tcp: Option<&TCPSocketAction>,
    mut seen: usize,
) {
    let mut another = |e: &mut ErrorList, field: &str| {
        seen += 1;
        if seen > 1 {
            e.push(Error::forbidden(
                &path.child(field),
                "may not specify more than 1 handler type",
            ));
        }
        path.child(field)
    };
    if let Some(exec) = exec {
        let path = another(e, "exec");
        if exec.command.as_ref().is_none_or(Vec::is_empty) {
            e.push(Error::required(&path.child("command"), ""));
        }
    }
    if let Some(http) = http {
        let path = another(e, "httpGet");
        check::required(e, &path.child("path"), http.path.as_ref());
        port(e, &path.child("port"), &http.port);
        let list = &["HTTP", "HTTPS"];
        check::one_of(e, &path.child("scheme"), http.scheme.as_ref(), list);
        for header in http.http_headers.iter().flatten() {
            check::messages(
                e,
                &path.child("httpHeaders"),
                &header.name,
                names::http_header_errors(&header.name),
            );
        }
    }
    if let Some(tcp) = tcp {
        let path = another(e, "tcpSocket");
        port(e, &path.child("port"), &tcp.port);
    }
    if seen == 0 {
        e.push(Error::required(path, "must specify a handler type"));
    }
}

/// A port number or name.
pub(crate) fn port(e: &mut ErrorList, path: &Path, port: &IntOrString) {
    match port {
        IntOrString::Int(value) => number(e, path, *value),
        IntOrString::String(name) => check::messages(e, path, name, names::port_name_errors(name)),
    }
}

fn number(e: &mut ErrorList, path: &Path, value: i32) {
    for message in names::port_number_errors(value.into()) {
        e.push(Error::invalid(path, value, &message));
    }
}
