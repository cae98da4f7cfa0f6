//! A probe that runs a command in the container.

use super::{Failed, Subject};
use k8s_openapi::api::core::v1::ExecAction;
use std::time::Duration;

/// Runs it; anything but exit code 0 is a failure with its output.
pub async fn run(subject: &Subject, action: &ExecAction, timeout: Duration) -> Result<(), Failed> {
    let command = action.command.clone().unwrap_or_default();
    match subject
        .shared
        .runtime
        .exec_sync(&subject.id, &command, Some(timeout))
        .await
    {
        Ok(output) if output.exit_code == 0 => Ok(()),
        Ok(output) => {
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            Err(Failed::new(text))
        }
        Err(runtime::Error::Timeout { .. }) => {
            let shown = command.join(" ");
            Err(Failed::new(format!(
                "command timed out: {shown:?} timed out after {timeout:?}"
            )))
        }
        Err(error) => Err(Failed::new(error.to_string())),
    }
}
