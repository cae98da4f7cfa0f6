//! `DefaultTolerationSeconds`: a pod stays five minutes on a node that is not ready or unreachable,
//! unless it says otherwise.

use super::{Admit, Review};
use k8s_openapi::api::core::v1::{Pod, Toleration};
use machinery::status::Status;

const SECONDS: i64 = 300;
const TAINTS: [&str; 2] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

pub(super) struct DefaultTolerationSeconds;

impl Admit for DefaultTolerationSeconds {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.writes("", "pods")
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let Some(spec) = review.wished::<Pod>().and_then(|pod| pod.spec.as_mut()) else {
            return Ok(());
        };
        let tolerations = spec.tolerations.get_or_insert_default();
        for taint in TAINTS {
            if !tolerations.iter().any(|own| tolerates(own, taint)) {
                tolerations.push(Toleration {
                    key: Some(taint.to_owned()),
                    operator: Some("Exists".to_owned()),
                    effect: Some("NoExecute".to_owned()),
                    toleration_seconds: Some(SECONDS),
                    value: None,
                });
            }
        }
        Ok(())
    }
}

fn tolerates(own: &Toleration, taint: &str) -> bool {
    let key = own.key.as_deref().unwrap_or_default();
    let effect = own.effect.as_deref().unwrap_or_default();
    (key == taint || key.is_empty()) && (effect == "NoExecute" || effect.is_empty())
}
