//! InterPodAffinity: pods that want to be near others, or away from them, by topology domain.

use super::{Event, Filter, Judge, Score, Scorer, Verdict, scale_between};
use crate::{
    pod::PodInfo,
    snapshot::{NodeInfo, Snapshot},
};
use k8s_openapi::api::core::v1::{Affinity, PodAffinityTerm};
use machinery::labels;
use std::collections::{HashMap, HashSet};

pub(super) struct InterPodAffinity;

const NO_AFFINITY: &str = "node(s) didn't match pod affinity rules";
const ANTI_AFFINITY: &str = "node(s) didn't match pod anti-affinity rules";
const EXISTING_ANTI_AFFINITY: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// A term with its selector parsed; the namespaces are those it lists, or its pod's own.
struct Term<'a> {
    key: &'a str,
    namespaces: Vec<&'a str>,
    all_namespaces: bool,
    selector: labels::Selector,
}

impl<'a> Term<'a> {
    fn new(term: &'a PodAffinityTerm, owner: &'a PodInfo) -> Self {
        let mut typed = term.label_selector.clone();
        for (keys, operator) in [
            (&term.match_label_keys, "In"),
            (&term.mismatch_label_keys, "NotIn"),
        ] {
            for key in keys.iter().flatten() {
                let value = owner.labels().and_then(|labels| labels.get(key));
                if let (Some(typed), Some(value)) = (&mut typed, value) {
                    typed.match_expressions.get_or_insert_default().push(
                        k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement {
                            key: key.clone(),
                            operator: operator.to_owned(),
                            values: Some(vec![value.clone()]),
                        },
                    );
                }
            }
        }
        let listed = term.namespaces.as_deref().unwrap_or_default();
        let namespaces = if listed.is_empty() && term.namespace_selector.is_none() {
            vec![owner.namespace()]
        } else {
            listed.iter().map(String::as_str).collect()
        };
        Self {
            key: &term.topology_key,
            namespaces,
            // Invariant: admission turns namespace selectors other than the empty one into lists.
            all_namespaces: term.namespace_selector.is_some(),
            selector: labels::Selector::from_typed(typed.as_ref())
                .unwrap_or_else(|_| labels::Selector::nothing()),
        }
    }

    fn selects(&self, pod: &PodInfo) -> bool {
        (self.all_namespaces || self.namespaces.contains(&pod.namespace()))
            && self.selector.matches(pod.labels())
    }
}

fn affinity(pod: &PodInfo) -> Option<&Affinity> {
    pod.spec()?.affinity.as_ref()
}

fn required_affinity(pod: &PodInfo) -> impl Iterator<Item = Term<'_>> {
    affinity(pod)
        .and_then(|all| {
            all.pod_affinity
                .as_ref()?
                .required_during_scheduling_ignored_during_execution
                .as_deref()
        })
        .unwrap_or_default()
        .iter()
        .map(|term| Term::new(term, pod))
}

fn required_anti_affinity(pod: &PodInfo) -> impl Iterator<Item = Term<'_>> {
    affinity(pod)
        .and_then(|all| {
            all.pod_anti_affinity
                .as_ref()?
                .required_during_scheduling_ignored_during_execution
                .as_deref()
        })
        .unwrap_or_default()
        .iter()
        .map(|term| Term::new(term, pod))
}

/// Domains (label key and value) where some placed pod is selected by the term.
fn domains<'a>(term: &Term<'a>, snapshot: &'a Snapshot) -> HashSet<&'a str> {
    snapshot
        .nodes()
        .filter(|info| info.pods.values().any(|other| term.selects(other)))
        .filter_map(|info| info.label(term.key))
        .collect()
}

impl Filter for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node, Event::PodRemoved, Event::PodPlaced]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, snapshot: &'a Snapshot) -> Option<Judge<'a>> {
        let near: Vec<_> = required_affinity(pod)
            .map(|term| {
                let found = domains(&term, snapshot);
                // The first pod of a group that wants to be together may start anywhere.
                let first = found.is_empty() && term.selects(pod);
                (term.key, found, first)
            })
            .collect();
        let away: Vec<_> = required_anti_affinity(pod)
            .map(|term| {
                let found = domains(&term, snapshot);
                (term.key, found)
            })
            .collect();
        let mut kept_out: HashSet<(String, String)> = HashSet::new();
        for info in snapshot.nodes() {
            for other in info.pods.values() {
                for term in required_anti_affinity(other).filter(|term| term.selects(pod)) {
                    if let Some(domain) = info.label(term.key) {
                        kept_out.insert((term.key.to_owned(), domain.to_owned()));
                    }
                }
            }
        }
        if near.is_empty() && away.is_empty() && kept_out.is_empty() {
            return None;
        }
        Some(Box::new(move |info| {
            let fits_near = near.iter().all(|(key, found, first)| {
                info.label(key)
                    .is_some_and(|domain| *first || found.contains(domain))
            });
            if !fits_near {
                return Verdict::of_node(false, NO_AFFINITY);
            }
            let too_near = away
                .iter()
                .any(|(key, found)| info.label(key).is_some_and(|domain| found.contains(domain)));
            if too_near {
                return Verdict::when(false, ANTI_AFFINITY);
            }
            let refused = kept_out
                .iter()
                .any(|(key, domain)| info.label(key) == Some(domain));
            Verdict::when(!refused, EXISTING_ANTI_AFFINITY)
        }))
    }
}

impl Score for InterPodAffinity {
    fn weight(&self) -> i64 {
        2
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, snapshot: &'a Snapshot) -> Option<Scorer<'a>> {
        let all = affinity(pod)?;
        let near = all
            .pod_affinity
            .as_ref()
            .and_then(|some| {
                some.preferred_during_scheduling_ignored_during_execution
                    .as_deref()
            })
            .unwrap_or_default();
        let away = all
            .pod_anti_affinity
            .as_ref()
            .and_then(|some| {
                some.preferred_during_scheduling_ignored_during_execution
                    .as_deref()
            })
            .unwrap_or_default();
        if near.is_empty() && away.is_empty() {
            return None;
        }
        let mut scores: HashMap<(&str, &str), i64> = HashMap::new();
        for (terms, sign) in [(near, 1), (away, -1)] {
            for weighted in terms {
                let term = Term::new(&weighted.pod_affinity_term, pod);
                for info in snapshot.nodes() {
                    add(&mut scores, &term, info, sign * i64::from(weighted.weight));
                }
            }
        }
        Some(Box::new(move |info| {
            scores
                .iter()
                .filter(|((key, domain), _)| info.label(key) == Some(domain))
                .map(|(_, score)| score)
                .sum()
        }))
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale_between(scores, false);
    }
}

fn add<'a>(
    scores: &mut HashMap<(&'a str, &'a str), i64>,
    term: &Term<'a>,
    info: &'a NodeInfo,
    weight: i64,
) {
    let Some(domain) = info.label(term.key) else {
        return;
    };
    let found = info
        .pods
        .values()
        .filter(|other| term.selects(other))
        .count();
    *scores.entry((term.key, domain)).or_insert(0) += weight * i64::try_from(found).unwrap_or(0);
}
