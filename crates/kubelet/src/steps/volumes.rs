//! Brings a pod's volumes up to date.

use crate::{
    pod,
    references::Referenced,
    shared::Shared,
    volumes::{self, Context, Mounted, Tokens},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use std::{collections::BTreeMap, sync::Arc};

/// A pod's volumes, and when to come back for its tokens.
pub struct Ready {
    /// By name.
    pub mounted: BTreeMap<String, Mounted>,
    /// Tokens grow old then.
    pub refresh_at: Option<Timestamp>,
}

/// Sets every volume up.
pub async fn set_up(
    shared: &Shared,
    pod: &Arc<Pod>,
    pod_ips: &[String],
    referenced: &Referenced,
    tokens: &mut Tokens,
) -> Result<Ready, String> {
    let context = Context {
        pod: Arc::clone(pod),
        referenced: referenced.clone(),
        node: shared.view(pod, pod_ips),
        tokens: tokens.fetch(&shared.client, pod, shared.clock.now()).await,
        may_mount: shared.config.may_mount,
    };
    let dir = shared.pod_dir(pod::uid(pod));
    let refresh_at = volumes::refresh_at(&context);
    let done = tokio::task::spawn_blocking(move || volumes::set_up_all(&dir, &context)).await;
    let mounted = done.map_err(|error| format!("volume set-up ended abnormally: {error}"))??;
    Ok(Ready {
        mounted,
        refresh_at,
    })
}

/// Takes a pod's directory away.
pub async fn tear_down(shared: &Shared, uid: &str) -> Result<(), String> {
    let dir = shared.pod_dir(uid);
    let done = tokio::task::spawn_blocking(move || volumes::tear_down_all(&dir)).await;
    done.map_err(|error| format!("volume tear-down ended abnormally: {error}"))?
}
