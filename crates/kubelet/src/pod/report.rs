//! Tells the API how a pod is (upstream: `status/status_manager.go`).

use super::{name, namespace, observe::Facts, plan::Plan, status::status, uid};
use crate::shared::Shared;
use k8s_openapi::api::core::v1::Pod;
use std::{borrow::Cow, sync::Arc};

/// Writes of one status that another writer came before.
const ATTEMPTS: usize = 5;

/// Writes the status if it changed; the object as it was written. The object's own revision guards against going back.
pub(super) async fn report(
    shared: &Shared,
    pod: &Arc<Pod>,
    facts: &Facts,
    plan: &Plan,
) -> Result<Option<Pod>, String> {
    let mut base = Cow::Borrowed(&**pod);
    for _ in 0..ATTEMPTS {
        let status = status(&base, facts, plan, &shared.host_ips());
        if base.status.as_ref() == Some(&status) {
            return Ok(None);
        }
        let mut next = base.into_owned();
        next.status = Some(status);
        match shared.client.update_status(&next).await {
            Ok(written) => return Ok(Some(written)),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(format!("write status: {error}")),
        }
        match shared.client.get::<Pod>(namespace(pod), name(pod)).await {
            Ok(fresh) if uid(&fresh) == uid(pod) => {
                // The status is of the spec that was acted upon.
                let spec = pod.spec.clone();
                base = Cow::Owned(Pod { spec, ..fresh });
            }
            Ok(_) => return Ok(None),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("write status: the object changes too fast".to_owned())
}
