//! `rollout status`: waits until a change is everywhere, saying how far it is.

use super::Targets;
use crate::{live, print, session::Session};
use anyhow::{Result, bail};
use serde_json::Value;

#[derive(Debug, clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    targets: Targets,
    /// Wait until the rollout is done.
    #[arg(short, long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    watch: bool,
    /// How long to wait; 0 for ever.
    #[arg(long, default_value = "0s")]
    timeout: String,
}

impl Status {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let timeout = machinery::durations::parse_go(&self.timeout)?.unsigned_abs();
        let timeout = (!timeout.is_zero()).then_some(timeout);
        for item in self.targets.items(session).await? {
            let mut last = String::new();
            let look = |object: &Value| -> Result<Option<()>> {
                let (text, done) = progress(&item.resource.kind, object)?;
                if text != last {
                    print::line(&text)?;
                    last = text;
                }
                Ok((done || !self.watch).then_some(()))
            };
            if live::until(session, &item.path(), timeout, look)
                .await?
                .is_none()
            {
                bail!("timed out waiting for the condition");
            }
        }
        Ok(())
    }
}

/// How far one kind's rollout is.
type Stage = fn(&Value) -> Result<(String, bool)>;

/// How far a rollout is, in kubectl's words, and whether it is done.
fn progress(kind: &str, object: &Value) -> Result<(String, bool)> {
    let (shown, stage): (&str, Stage) = match kind {
        "Deployment" => ("deployment", deployment),
        "DaemonSet" => ("daemon set", daemon_set),
        "StatefulSet" => ("statefulset", stateful_set),
        other => bail!("no status viewer has been implemented for {other}"),
    };
    let seen = number(&object["status"]["observedGeneration"]);
    if seen < number(&object["metadata"]["generation"]) {
        return Ok((
            format!("Waiting for {shown} spec update to be observed..."),
            false,
        ));
    }
    stage(object)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn deployment(object: &Value) -> Result<(String, bool)> {
    let (name, status) = (name_of(object), &object["status"]);
    let desired = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let conditions = status["conditions"].as_array();
    let stuck = conditions
        .into_iter()
        .flatten()
        .any(|it| it["type"] == "Progressing" && it["reason"] == "ProgressDeadlineExceeded");
    if stuck {
        bail!("deployment {name:?} exceeded its progress deadline");
    }
    let [total, updated, available] =
        ["replicas", "updatedReplicas", "availableReplicas"].map(|it| number(&status[it]));
    let wait = format!("Waiting for deployment {name:?} rollout to finish: ");
    Ok(if updated < desired {
        (
            format!("{wait}{updated} out of {desired} new replicas have been updated..."),
            false,
        )
    } else if total > updated {
        (
            format!(
                "{wait}{} old replicas are pending termination...",
                total - updated
            ),
            false,
        )
    } else if available < updated {
        (
            format!("{wait}{available} of {updated} updated replicas are available..."),
            false,
        )
    } else {
        (format!("deployment {name:?} successfully rolled out"), true)
    })
}

fn daemon_set(object: &Value) -> Result<(String, bool)> {
    let (name, status) = (name_of(object), &object["status"]);
    let [desired, updated, available] = [
        "desiredNumberScheduled",
        "updatedNumberScheduled",
        "numberAvailable",
    ]
    .map(|it| number(&status[it]));
    let wait = format!("Waiting for daemon set {name:?} rollout to finish: ");
    Ok(if updated < desired {
        (
            format!("{wait}{updated} out of {desired} new pods have been updated..."),
            false,
        )
    } else if available < desired {
        (
            format!("{wait}{available} of {desired} updated pods are available..."),
            false,
        )
    } else {
        (format!("daemon set {name:?} successfully rolled out"), true)
    })
}

fn stateful_set(object: &Value) -> Result<(String, bool)> {
    let status = &object["status"];
    let desired = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let [ready, updated] = ["readyReplicas", "updatedReplicas"].map(|it| number(&status[it]));
    let revision = |field: &str| status[field].as_str().unwrap_or_default();
    if ready < desired {
        return Ok((
            format!("Waiting for {} pods to be ready...", desired - ready),
            false,
        ));
    }
    let (new, current) = (revision("updateRevision"), revision("currentRevision"));
    if new != current {
        let text = format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {new}..."
        );
        return Ok((text, false));
    }
    let text =
        format!("statefulset rolling update complete {desired} pods at revision {current}...");
    Ok((text, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn deployments() {
        let look = |status: Value| {
            let object = json!({"metadata":{"name":"web","generation":2},"spec":{"replicas":3},"status":status});
            progress("Deployment", &object).unwrap()
        };
        let table = [
            (
                json!({"observedGeneration":1}),
                "Waiting for deployment spec update to be observed...",
                false,
            ),
            (
                json!({"observedGeneration":2,"updatedReplicas":1}),
                "Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been updated...",
                false,
            ),
            (
                json!({"observedGeneration":2,"replicas":4,"updatedReplicas":3}),
                "Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending termination...",
                false,
            ),
            (
                json!({"observedGeneration":2,"replicas":3,"updatedReplicas":3,"availableReplicas":2}),
                "Waiting for deployment \"web\" rollout to finish: 2 of 3 updated replicas are available...",
                false,
            ),
            (
                json!({"observedGeneration":2,"replicas":3,"updatedReplicas":3,"availableReplicas":3}),
                "deployment \"web\" successfully rolled out",
                true,
            ),
        ];
        for (status, text, done) in table {
            assert_eq!(look(status), (text.to_owned(), done));
        }
    }
}
