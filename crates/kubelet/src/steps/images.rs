//! Makes sure that a container's image is here (upstream: `images/image_manager.go`).

use super::{Failure, credentials};
use crate::{
    pod::observe::Memory,
    references::Referenced,
    shared::{Shared, container_reference},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use runtime::image::Image;
use std::time::Duration;
use stdx::backoff::Backoff;

/// Waits between pulls that fail.
pub const PULL_BACKOFF: Backoff = Backoff::new(Duration::from_secs(10), Duration::from_secs(300));

/// The image, pulled if the policy asks for it. Memory counts failures and holds the next try back.
pub async fn ensure(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    referenced: &Referenced,
    memory: &mut Memory,
) -> Result<Image, Failure> {
    let about = container_reference(pod, &container.name);
    let name = container.image.as_deref().unwrap_or_default();
    let present = match shared.runtime.image_status(name).await {
        Ok(present) => present,
        Err(error) if is_bad_name(&error) => {
            let message = format!(
                "Failed to apply default image tag {name:?}: {}",
                detail(&error)
            );
            shared.recorder.warning(&about, "InspectFailed", &message);
            return Err(Failure::new("InvalidImageName", message));
        }
        Err(error) => {
            let message = format!("Failed to inspect image {name:?}: {error}");
            shared.recorder.warning(&about, "InspectFailed", &message);
            return Err(Failure::new("ImageInspectError", message));
        }
    };
    let policy = policy(container);
    match (policy, present) {
        ("IfNotPresent" | "Never", Some(image)) => {
            let message = format!(
                "Container image {name:?} already present on machine and can be accessed by the pod"
            );
            shared.recorder.normal(&about, "Pulled", &message);
            Ok(image)
        }
        ("Never", None) => {
            let message =
                format!("Container image {name:?} is not present with pull policy of Never");
            shared
                .recorder
                .warning(&about, "ErrImageNeverPull", &message);
            Err(Failure::new("ErrImageNeverPull", message))
        }
        _ => pull(shared, pod, container, referenced, memory).await,
    }
}

/// Of the spec; without one `Always` for `latest`.
fn policy(container: &Container) -> &str {
    let image = container.image.as_deref().unwrap_or_default();
    let latest = || {
        image.ends_with(":latest")
            || !image
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .contains([':', '@'])
    };
    match container.image_pull_policy.as_deref() {
        Some(policy) if !policy.is_empty() => policy,
        _ if latest() => "Always",
        _ => "IfNotPresent",
    }
}

async fn pull(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    referenced: &Referenced,
    memory: &mut Memory,
) -> Result<Image, Failure> {
    let about = container_reference(pod, &container.name);
    let name = container.image.as_deref().unwrap_or_default();
    shared
        .recorder
        .normal(&about, "Pulling", &format!("Pulling image {name:?}"));
    let begun = tokio::time::Instant::now();
    let mut credentials: Vec<_> = credentials::of_image(pod, referenced, name)
        .into_iter()
        .map(Some)
        .collect();
    if credentials.is_empty() {
        credentials.push(None);
    }
    let mut last = None;
    for auth in credentials {
        match shared.runtime.pull_image(name, auth.as_ref()).await {
            Ok(image) => {
                let took = Duration::from_millis(
                    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                );
                let message = format!(
                    "Successfully pulled image {name:?} in {took:?} ({took:?} including waiting). Image size: {} bytes.",
                    image.size_bytes
                );
                shared.recorder.normal(&about, "Pulled", &message);
                memory.pull_failures = 0;
                return Ok(image);
            }
            Err(error) => last = Some(detail(&error)),
        }
    }
    let error = last.unwrap_or_default();
    shared.recorder.warning(
        &about,
        "Failed",
        &format!("Failed to pull image {name:?}: {error}"),
    );
    let delay = PULL_BACKOFF.delay(memory.pull_failures);
    memory.pull_failures = memory.pull_failures.saturating_add(1);
    memory.not_before = Some(
        shared
            .clock
            .now()
            .checked_add(delay)
            .unwrap_or(Timestamp::MAX),
    );
    Err(Failure::new("ErrImagePull", error))
}

fn is_bad_name(error: &runtime::Error) -> bool {
    matches!(error, runtime::Error::Invalid { .. })
        || matches!(error, runtime::Error::Image { reason, .. } if reason.starts_with("couldn't parse image name"))
}

/// The error without the name, which the message has already.
fn detail(error: &runtime::Error) -> String {
    match error {
        runtime::Error::Image { reason, .. } | runtime::Error::Invalid { reason, .. } => {
            reason.clone()
        }
        other => other.to_string(),
    }
}

/// Whether a container that waits for this reason lacks its image.
#[must_use]
pub fn is_missing(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull"
    )
}

/// What a container waits for between two pulls.
#[must_use]
pub fn back_off(image: &str, error: &str) -> (String, String) {
    (
        "ImagePullBackOff".to_owned(),
        format!("Back-off pulling image {image:?}: ErrImagePull: {error}"),
    )
}
