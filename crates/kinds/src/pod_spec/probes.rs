//! Errors of probes and lifecycle hooks: upstream's `validateProbe`, `validateLifecycle` and what both
//! can do, `validateHandler`.

use crate::check;
use k8s_openapi::{
    api::core::v1::{
        ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, PodSpec, Probe, SleepAction,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// What a probe decides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Liveness and startup: a single success is enough.
    Once,
    /// Readiness: never ends the container.
    Ready,
}

/// Errors of a probe.
pub(super) fn validate(e: &mut ErrorList, path: &Path, probe: &Probe, kind: Kind) {
    let actions = Actions {
        exec: probe.exec.as_ref(),
        http: probe.http_get.as_ref(),
        tcp: probe.tcp_socket.as_ref().map(|it| &it.port),
        grpc: probe.grpc.as_ref().map(|it| it.port),
        sleep: None,
    };
    actions.validate(e, path, None);
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        check::not_negative(e, &path.child(field), value);
    }
    let grace = probe.termination_grace_period_seconds;
    let at = path.child("terminationGracePeriodSeconds");
    if let Some(grace) = grace.filter(|it| *it <= 0) {
        e.push(Error::invalid(&at, grace, "must be greater than 0"));
    }
    match (kind, grace, probe.success_threshold.unwrap_or(0)) {
        (Kind::Ready, Some(grace), _) => {
            let text = "must not be set for readinessProbes";
            e.push(Error::invalid(&at, grace, text));
        }
        (Kind::Once, _, count) if count != 1 => {
            let at = path.child("successThreshold");
            e.push(Error::invalid(&at, count, "must be 1"));
        }
        _ => {}
    }
}

/// Errors of the hooks and the signal that ends a container.
pub(super) fn lifecycle(
    e: &mut ErrorList,
    path: &Path,
    it: &Lifecycle,
    grace: Option<i64>,
    spec: &PodSpec,
) {
    for (field, hook) in [("postStart", &it.post_start), ("preStop", &it.pre_stop)] {
        if let Some(hook) = hook {
            Actions::of(hook).validate(e, &path.child(field), grace);
        }
    }
    if let Some(signal) = &it.stop_signal {
        let path = path.child("stopSignal");
        match spec.os.as_ref().map(|it| it.name.as_str()) {
            None => {
                let text = "may not be set for containers with empty `spec.os.name`";
                e.push(Error::forbidden(&path, text));
            }
            Some("windows") if !matches!(signal.as_str(), "SIGTERM" | "SIGKILL") => {
                e.push(Error::not_supported(&path, signal, &["SIGKILL", "SIGTERM"]));
            }
            Some(_) => {}
        }
    }
}

/// The one thing that a probe or hook does.
struct Actions<'a> {
    exec: Option<&'a ExecAction>,
    http: Option<&'a HTTPGetAction>,
    tcp: Option<&'a IntOrString>,
    grpc: Option<i32>,
    sleep: Option<&'a SleepAction>,
}

impl<'a> Actions<'a> {
    fn of(hook: &'a LifecycleHandler) -> Self {
        Self {
            exec: hook.exec.as_ref(),
            http: hook.http_get.as_ref(),
            tcp: hook.tcp_socket.as_ref().map(|it| &it.port),
            grpc: None,
            sleep: hook.sleep.as_ref(),
        }
    }

    fn validate(&self, e: &mut ErrorList, path: &Path, grace: Option<i64>) {
        let given = [
            ("exec", self.exec.is_some()),
            ("httpGet", self.http.is_some()),
            ("tcpSocket", self.tcp.is_some()),
            ("grpc", self.grpc.is_some()),
            ("sleep", self.sleep.is_some()),
        ];
        let mut given = given.into_iter().filter(|it| it.1).map(|it| it.0);
        let Some(first) = given.next() else {
            return e.push(Error::required(path, "must specify a handler type"));
        };
        self.one(e, &path.child(first), first, grace);
        for other in given {
            let text = "may not specify more than 1 handler type";
            e.push(Error::forbidden(&path.child(other), text));
        }
    }

    fn one(&self, e: &mut ErrorList, path: &Path, field: &str, grace: Option<i64>) {
        match (field, self.exec, self.http, self.tcp) {
            ("exec", Some(exec), ..) => {
                if exec.command.as_ref().is_none_or(Vec::is_empty) {
                    e.push(Error::required(&path.child("command"), ""));
                }
            }
            ("httpGet", _, Some(http), _) => http_get(e, path, http),
            ("tcpSocket", _, _, Some(port)) => check::port_or_name(e, &path.child("port"), port),
            _ => {
                if let Some(port) = self.grpc {
                    check::port(e, &path.child("port"), port);
                }
                if let (Some(sleep), Some(grace)) = (self.sleep, grace)
                    && !(0..=grace).contains(&sleep.seconds)
                {
                    let text = format!(
                        "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                    );
                    e.push(Error::invalid(path, sleep.seconds, &text));
                }
            }
        }
    }
}

fn http_get(e: &mut ErrorList, path: &Path, http: &HTTPGetAction) {
    check::required(e, &path.child("path"), http.path.as_ref());
    check::port_or_name(e, &path.child("port"), &http.port);
    let schemes = &["HTTP", "HTTPS"];
    let scheme = http.scheme.as_deref().unwrap_or_default();
    if !schemes.contains(&scheme) {
        e.push(Error::not_supported(&path.child("scheme"), scheme, schemes));
    }
    for header in http.http_headers.iter().flatten() {
        let wrong = names::http_header_errors(&header.name);
        check::messages(e, &path.child("httpHeaders"), &header.name, wrong);
    }
}
