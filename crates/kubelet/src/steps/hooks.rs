//! `postStart` and `preStop` (upstream: `kubelet/lifecycle`).

use crate::{probes, shared::Shared};
use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use std::time::Duration;

/// An http hook is given this long.
const HTTP: Duration = Duration::from_secs(30);

/// Runs a hook to its end.
pub async fn run(
    shared: &Shared,
    container: &Container,
    id: &str,
    hook: &LifecycleHandler,
    pod_ips: &[String],
) -> Result<(), String> {
    if let Some(exec) = &hook.exec {
        let command = exec.command.clone().unwrap_or_default();
        let output = shared
            .runtime
            .exec_sync(id, &command, None)
            .await
            .map_err(|error| error.to_string())?;
        return match output.exit_code {
            0 => Ok(()),
            code => Err(format!(
                "command '{}' exited with {code}: {}",
                command.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )),
        };
    }
    if let Some(sleep) = &hook.sleep {
        tokio::time::sleep(Duration::from_secs(
            u64::try_from(sleep.seconds).unwrap_or(0),
        ))
        .await;
        return Ok(());
    }
    if let Some(http) = &hook.http_get {
        let target = probes::http::Target::new(container, http, pod_ips)?;
        return probes::http::get(&target, HTTP)
            .await
            .map(drop)
            .map_err(|outcome| outcome.message);
    }
    Err(format!(
        "invalid handler for container {:?}",
        container.name
    ))
}
