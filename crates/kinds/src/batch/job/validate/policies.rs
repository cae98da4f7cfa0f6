//! Errors of what a job makes of its pods' ends: `podFailurePolicy`, `successPolicy`,
//! `podReplacementPolicy`, and lists of indexes such as `0-3,7`.

use crate::check;
use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicy,
    SuccessPolicyRule,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::BTreeSet;

const RULES_LIMIT: usize = 20;
const EXIT_CODES_LIMIT: usize = 255;
const CONDITIONS_LIMIT: usize = 20;
const INDEXES_BYTES: usize = 64 * 1024;
const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: &[&str] = &["In", "NotIn"];
const STATUSES: &[&str] = &["False", "True", "Unknown"];

/// A text of a list that must be given, with the list in the message.
fn known(e: &mut ErrorList, path: &Path, value: &str, list: &[&str]) {
    if value.is_empty() {
        let quoted: Vec<_> = list.iter().map(|it| format!("{it:?}")).collect();
        let text = format!("valid values: [{}]", quoted.join(" "));
        e.push(Error::required(path, &text));
    } else if !list.contains(&value) {
        e.push(Error::not_supported(path, value, list));
    }
}

/// `Invalid value: text` of something too large to show.
fn unshown(path: &Path, text: &str) -> Error {
    let mut error = Error::invalid(path, "", text);
    error.message = format!("Invalid value: {text}");
    error
}

pub(super) fn failure(e: &mut ErrorList, path: &Path, it: &JobSpec) {
    let Some(policy) = &it.pod_failure_policy else {
        return;
    };
    let path = path.child("rules");
    if policy.rules.len() > RULES_LIMIT {
        e.push(Error::too_many(&path, policy.rules.len(), RULES_LIMIT));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        let path = path.index(index);
        let at = path.child("action");
        if rule.action == "FailIndex" && it.backoff_limit_per_index.is_none() {
            let text = "requires the backoffLimitPerIndex to be set";
            e.push(Error::invalid(&at, &rule.action, text));
        }
        known(e, &at, &rule.action, ACTIONS);
        if let Some(codes) = &rule.on_exit_codes {
            exit_codes(e, &path.child("onExitCodes"), codes, it);
        }
        conditions(e, &path.child("onPodConditions"), rule);
        match (&rule.on_exit_codes, rule.on_pod_conditions.as_deref()) {
            (Some(_), Some([_, ..])) => {
                let text = "specifying both OnExitCodes and OnPodConditions is not supported";
                e.push(unshown(&path, text));
            }
            (None, None | Some([])) => {
                let text = "specifying one of OnExitCodes and OnPodConditions is required";
                e.push(unshown(&path, text));
            }
            _ => {}
        }
    }
}

fn exit_codes(
    e: &mut ErrorList,
    path: &Path,
    it: &PodFailurePolicyOnExitCodesRequirement,
    spec: &JobSpec,
) {
    known(e, &path.child("operator"), &it.operator, OPERATORS);
    let pods = spec.template.spec.clone().unwrap_or_default();
    let init = pods.init_containers.unwrap_or_default();
    let mut containers = pods.containers.iter().chain(&init);
    if let Some(name) = &it.container_name
        && !containers.any(|it| it.name == *name)
    {
        let text = "must be one of the container or initContainer names in the pod template";
        e.push(Error::invalid(&path.child("containerName"), name, text));
    }
    let at = path.child("values");
    let shown = || serde_json::json!(it.values);
    if it.values.is_empty() {
        e.push(Error::invalid(
            &at,
            shown(),
            "at least one value is required",
        ));
    } else if it.values.len() > EXIT_CODES_LIMIT {
        e.push(Error::too_many(&at, it.values.len(), EXIT_CODES_LIMIT));
    }
    let mut taken = BTreeSet::new();
    for (index, code) in it.values.iter().enumerate() {
        let at = at.index(index);
        if it.operator == "In" && *code == 0 {
            e.push(Error::invalid(
                &at,
                *code,
                "must not be 0 for the In operator",
            ));
        }
        if !taken.insert(*code) {
            e.push(Error::duplicate(&at, *code));
        }
    }
    if !it.values.is_sorted() {
        e.push(Error::invalid(&at, shown(), "must be ordered"));
    }
}

fn conditions(e: &mut ErrorList, path: &Path, rule: &PodFailurePolicyRule) {
    let list = rule.on_pod_conditions.as_deref().unwrap_or_default();
    if list.len() > CONDITIONS_LIMIT {
        e.push(Error::too_many(path, list.len(), CONDITIONS_LIMIT));
    }
    for (index, it) in list.iter().enumerate() {
        let path = path.index(index);
        let wrong = names::qualified_name_errors(&it.type_);
        check::messages(e, &path.child("type"), &it.type_, wrong);
        let status = it.status.as_deref().unwrap_or_default();
        known(e, &path.child("status"), status, STATUSES);
    }
}

pub(super) fn replacement(e: &mut ErrorList, path: &Path, it: &JobSpec) {
    let list: &[&str] = if it.pod_failure_policy.is_some() {
        &["Failed"]
    } else {
        &["Failed", "TerminatingOrFailed"]
    };
    let policy = it.pod_replacement_policy.as_deref();
    if let Some(policy) = policy.filter(|it| !list.contains(it)) {
        e.push(Error::not_supported(path, policy, list));
    }
}

pub(super) fn success(e: &mut ErrorList, path: &Path, it: &JobSpec, policy: &SuccessPolicy) {
    let path = path.child("rules");
    if policy.rules.is_empty() {
        let text = "at least one rules must be specified when the successPolicy is specified";
        e.push(Error::required(&path, text));
    }
    if policy.rules.len() > RULES_LIMIT {
        e.push(Error::too_many(&path, policy.rules.len(), RULES_LIMIT));
    }
    // That it is missing is told elsewhere.
    let completions = it.completions.unwrap_or(0);
    for (index, rule) in policy.rules.iter().enumerate() {
        success_rule(e, &path.index(index), rule, completions);
    }
}

fn success_rule(e: &mut ErrorList, path: &Path, rule: &SuccessPolicyRule, completions: i32) {
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let text = "at least one of succeededCount or succeededIndexes must be specified";
        e.push(Error::required(path, text));
    }
    let mut total = None;
    if let Some(list) = &rule.succeeded_indexes {
        let path = path.child("succeededIndexes");
        if list.len() > INDEXES_BYTES {
            e.push(Error::too_long(&path, INDEXES_BYTES));
        }
        let found = indexes(list, completions);
        if let Err(why) = &found {
            let text = format!("error parsing succeededIndexes: {why}");
            e.push(Error::invalid(&path, list, &text));
        }
        let count = |it: Vec<(i32, i32)>| it.iter().map(|it| it.1 - it.0 + 1).sum::<i32>();
        total = Some(found.map_or(0, count));
    }
    let Some(count) = rule.succeeded_count else {
        return;
    };
    let path = path.child("succeededCount");
    check::not_negative(e, &path, Some(count));
    if count > completions {
        let text = format!(
            "must be less than or equal to {completions} (the number of specified completions)"
        );
        e.push(Error::invalid(&path, count, &text));
    }
    if let Some(total) = total.filter(|it| count > *it) {
        let text = format!(
            "must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
        );
        e.push(Error::invalid(&path, count, &text));
    }
}

/// The intervals of a list such as `0-3,7`, in growing order and below `completions`.
pub(in crate::batch::job) fn indexes(
    list: &str,
    completions: i32,
) -> Result<Vec<(i32, i32)>, String> {
    let mut found: Vec<(i32, i32)> = Vec::new();
    for part in list.split(',').filter(|_| !list.is_empty()) {
        let (first, last) = interval(part, completions)?;
        if let Some((_, before)) = found.last().filter(|it| it.1 >= first) {
            return Err(format!(
                "non-increasing order, previous: {before}, current: {first}"
            ));
        }
        found.push((first, last));
    }
    Ok(found)
}

fn interval(part: &str, completions: i32) -> Result<(i32, i32), String> {
    let number = |text: &str| {
        let number: i32 = text
            .parse()
            .map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
        if number >= completions {
            return Err(format!("too large index: {text:?}"));
        }
        Ok(number)
    };
    match part.split('-').collect::<Vec<_>>()[..] {
        [one] => number(one).map(|it| (it, it)),
        [first, last] => {
            let (first, last) = (number(first)?, number(last)?);
            if first >= last {
                return Err(format!(
                    "non-increasing order, previous: {first}, current: {last}"
                ));
            }
            Ok((first, last))
        }
        _ => Err(format!(
            "the fragment {part:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        )),
    }
}
