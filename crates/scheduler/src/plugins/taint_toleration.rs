//! TaintToleration: keeps pods off nodes whose taints they do not tolerate, and prefers nodes with
//! fewer `PreferNoSchedule` taints that they do not tolerate.

use super::{Event, Filter, Judge, Score, Scorer, Verdict, scale_to_highest};
use crate::{
    pod::PodInfo,
    snapshot::{NodeInfo, Snapshot},
};
use k8s_openapi::api::core::v1::Taint;
use machinery::taints;

pub(super) struct TaintToleration;

fn taints_of(info: &NodeInfo) -> &[Taint] {
    info.node
        .as_ref()
        .and_then(|node| node.spec.as_ref()?.taints.as_deref())
        .unwrap_or_default()
}

impl Filter for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Judge<'a>> {
        Some(Box::new(|info| {
            match taints::untolerated(
                taints_of(info),
                pod.tolerations(),
                &["NoSchedule", "NoExecute"],
            ) {
                None => Verdict::Fits,
                Some(taint) => Verdict::Never(vec![format!(
                    "node(s) had untolerated taint {{{}: {}}}",
                    taint.key,
                    taint.value.as_deref().unwrap_or_default()
                )]),
            }
        }))
    }
}

impl Score for TaintToleration {
    fn weight(&self) -> i64 {
        3
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Scorer<'a>> {
        Some(Box::new(|info| {
            let untolerated = taints_of(info)
                .iter()
                .filter(|taint| {
                    let one = std::slice::from_ref(*taint);
                    taints::untolerated(one, pod.tolerations(), &["PreferNoSchedule"]).is_some()
                })
                .count();
            i64::try_from(untolerated).unwrap_or(i64::MAX)
        }))
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale_to_highest(scores, true);
    }
}
