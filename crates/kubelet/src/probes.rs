//! Liveness, readiness and startup: a task for each probe of a running container
//! (upstream: `kubelet/prober`).

pub mod exec;
pub mod grpc;
pub mod http;
pub mod tcp;

use crate::shared::{Shared, container_reference};
use k8s_openapi::{
    api::core::v1::{Container, Pod, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Output of a probe that an event repeats.
const OUTPUT_LIMIT_BYTES: usize = 10 * 1024;

/// A probe that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What it saw.
    pub message: String,
}

impl Failed {
    fn new(message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if message.len() > OUTPUT_LIMIT_BYTES {
            let mut end = OUTPUT_LIMIT_BYTES;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
        }
        Self { message }
    }
}

/// Which of a container's probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Holds the others back until it succeeds.
    Startup,
    /// Restarts the container when it fails.
    Liveness,
    /// Takes the container out of service while it fails.
    Readiness,
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Kind::Startup => "Startup",
            Kind::Liveness => "Liveness",
            Kind::Readiness => "Readiness",
        }
    }
}

/// What a container's probes have found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Past its startup probe.
    pub started: bool,
    /// In service.
    pub ready: bool,
    /// Which probe wants it killed.
    pub kill: Option<Kind>,
}

/// What probes are about.
#[derive(Clone)]
pub struct Subject {
    /// The hands and the door.
    pub shared: Arc<Shared>,
    /// The pod.
    pub pod: Arc<Pod>,
    /// The container.
    pub container: Arc<Container>,
    /// The runtime's id of it.
    pub id: String,
    /// The pod's addresses.
    pub pod_ips: Vec<String>,
}

/// The probes of one container; they end when this is dropped.
pub struct Prober {
    task: tokio::task::JoinHandle<()>,
    verdict: watch::Receiver<Verdict>,
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Prober {
    /// Starts probing; `changed` is called after each change of the verdict.
    #[must_use]
    pub fn start(
        subject: Subject,
        was_ready: bool,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let container = &subject.container;
        let first = Verdict {
            started: container.startup_probe.is_none() || was_ready,
            ready: container.readiness_probe.is_none() || was_ready,
            kill: None,
        };
        let (sender, verdict) = watch::channel(first);
        let task = tokio::spawn(run_all(subject, sender, Arc::new(changed)));
        Self { task, verdict }
    }

    /// What is known now.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        *self.verdict.borrow()
    }
}

type Changed = Arc<dyn Fn() + Send + Sync>;

async fn run_all(subject: Subject, verdict: watch::Sender<Verdict>, changed: Changed) {
    let container = Arc::clone(&subject.container);
    if let Some(probe) = &container.startup_probe
        && !verdict.borrow().started
    {
        run_one(&subject, Kind::Startup, probe, &verdict, &changed).await;
    }
    let liveness = async {
        if let Some(probe) = &container.liveness_probe {
            run_one(&subject, Kind::Liveness, probe, &verdict, &changed).await;
        }
    };
    let readiness = async {
        if let Some(probe) = &container.readiness_probe {
            run_one(&subject, Kind::Readiness, probe, &verdict, &changed).await;
        }
    };
    tokio::join!(liveness, readiness);
}

fn seconds(value: Option<i32>, default: u64, least: u64) -> Duration {
    Duration::from_secs(
        value
            .map_or(default, |it| u64::try_from(it).unwrap_or(0))
            .max(least),
    )
}

/// Probes until a startup probe succeeds or a container must be killed; readiness never ends.
async fn run_one(
    subject: &Subject,
    kind: Kind,
    probe: &Probe,
    verdict: &watch::Sender<Verdict>,
    changed: &Changed,
) {
    let period = seconds(probe.period_seconds, 10, 1);
    let mut ticks = tokio::time::interval_at(
        tokio::time::Instant::now() + seconds(probe.initial_delay_seconds, 0, 0),
        period,
    );
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut successes, mut failures) = (0, 0);
    let success_threshold = probe.success_threshold.unwrap_or(1).max(1);
    let failure_threshold = probe.failure_threshold.unwrap_or(3).max(1);
    loop {
        ticks.tick().await;
        let outcome = once(subject, probe, seconds(probe.timeout_seconds, 1, 1)).await;
        match &outcome {
            Ok(()) => (successes, failures) = (successes + 1, 0),
            Err(failed) => {
                (successes, failures) = (0, failures + 1);
                let text = format!("{} probe failed: {}", kind.title(), failed.message);
                let about = container_reference(&subject.pod, &subject.container.name);
                subject.shared.recorder.warning(&about, "Unhealthy", &text);
            }
        }
        let (passes, fails) = (
            successes >= success_threshold,
            failures >= failure_threshold,
        );
        let moved = verdict.send_if_modified(|it| {
            let before = *it;
            match kind {
                Kind::Startup if passes => it.started = true,
                Kind::Readiness if passes => it.ready = true,
                Kind::Readiness if fails => it.ready = false,
                Kind::Startup | Kind::Liveness if fails => it.kill = Some(kind),
                _ => {}
            }
            *it != before
        });
        if moved {
            changed();
        }
        if (kind == Kind::Startup && passes) || (kind != Kind::Readiness && fails) {
            break;
        }
    }
    if kind == Kind::Startup && verdict.borrow().kill.is_some() {
        // The container is about to be killed: nothing else is to be found out.
        std::future::pending::<()>().await;
    }
}

async fn once(subject: &Subject, probe: &Probe, timeout: Duration) -> Result<(), Failed> {
    let container = &subject.container;
    if let Some(exec) = &probe.exec {
        return exec::run(subject, exec, timeout).await;
    }
    if let Some(http) = &probe.http_get {
        let target = http::Target::new(container, http, &subject.pod_ips).map_err(Failed::new)?;
        return http::get(&target, timeout).await.map(drop);
    }
    if let Some(tcp) = &probe.tcp_socket {
        let port = port(container, &tcp.port).map_err(Failed::new)?;
        let host = tcp.host.clone().filter(|it| !it.is_empty());
        return tcp::connect(
            &host
                .or_else(|| subject.pod_ips.first().cloned())
                .unwrap_or_default(),
            port,
            timeout,
        )
        .await;
    }
    if let Some(grpc) = &probe.grpc {
        let port = u16::try_from(grpc.port).map_err(|_| Failed::new("invalid port number"))?;
        let host = subject.pod_ips.first().cloned().unwrap_or_default();
        return grpc::check(
            &host,
            port,
            grpc.service.as_deref().unwrap_or_default(),
            timeout,
        )
        .await;
    }
    Err(Failed::new("missing probe handler"))
}

/// The number of a port that a probe or hook names.
pub fn port(container: &Container, port: &IntOrString) -> Result<u16, String> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number)
            .ok()
            .filter(|it| *it > 0)
            .ok_or_else(|| format!("invalid port number: {number}")),
        IntOrString::String(name) => {
            let named = container
                .ports
                .iter()
                .flatten()
                .find(|it| it.name.as_deref() == Some(name));
            let number = named.and_then(|it| u16::try_from(it.container_port).ok());
            number
                .or_else(|| name.parse().ok())
                .ok_or_else(|| format!("couldn't find port: {name:?}"))
        }
    }
}
