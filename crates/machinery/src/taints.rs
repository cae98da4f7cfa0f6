//! Taints and tolerations: upstream's `Toleration.ToleratesTaint` and `FindMatchingUntoleratedTaint`.

use k8s_openapi::api::core::v1::{Taint, Toleration};

/// `NoSchedule`
pub const NO_SCHEDULE: &str = "NoSchedule";
/// `PreferNoSchedule`
pub const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";
/// `NoExecute`
pub const NO_EXECUTE: &str = "NoExecute";

/// Whether `toleration` accepts `taint`. An empty effect accepts every effect, an empty key with
/// `Exists` every key.
#[must_use]
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    if !effect.is_empty() && effect != taint.effect || !key.is_empty() && key != taint.key {
        return false;
    }
    let (wanted, actual) = (text(&toleration.value), text(&taint.value));
    let numbers = || Some((actual.parse::<i64>().ok()?, wanted.parse::<i64>().ok()?));
    match text(&toleration.operator).as_str() {
        "" | "Equal" => wanted == actual && (!key.is_empty() || taint.key.is_empty()),
        "Exists" => true,
        "Gt" => numbers().is_some_and(|(actual, wanted)| actual > wanted),
        "Lt" => numbers().is_some_and(|(actual, wanted)| actual < wanted),
        _ => false,
    }
}

/// The first taint with one of `effects` that no toleration accepts.
#[must_use]
pub fn untolerated<'a>(
    taints: &'a [Taint],
    tolerations: &[Toleration],
    effects: &[&str],
) -> Option<&'a Taint> {
    taints.iter().find(|taint| {
        effects.contains(&taint.effect.as_str())
            && !tolerations.iter().any(|it| tolerates(it, taint))
    })
}

/// As kubectl prints it: `key=value:effect`.
#[must_use]
pub fn text(taint: &Taint) -> String {
    match taint.value.as_deref() {
        None | Some("") => format!("{}:{}", taint.key, taint.effect),
        Some(value) => format!("{}={value}:{}", taint.key, taint.effect),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let taint = Taint {
            key: "k".to_owned(),
            value: Some("v".to_owned()),
            effect: NO_SCHEDULE.to_owned(),
            time_added: None,
        };
        let toleration = |key: &str, operator: &str, value: &str, effect: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Toleration {
                key: some(key),
                operator: some(operator),
                value: some(value),
                effect: some(effect),
                toleration_seconds: None,
            }
        };
        let table = [
            (toleration("k", "", "v", ""), true),
            (toleration("k", "Equal", "v", NO_SCHEDULE), true),
            (toleration("k", "Equal", "w", NO_SCHEDULE), false),
            (toleration("k", "Equal", "v", NO_EXECUTE), false),
            (toleration("k", "Exists", "", ""), true),
            (toleration("", "Exists", "", ""), true),
            (toleration("j", "Exists", "", ""), false),
            (toleration("k", "Other", "v", ""), false),
        ];
        for (toleration, verdict) in table {
            assert_eq!(tolerates(&toleration, &taint), verdict, "{toleration:?}");
            let found = untolerated(std::slice::from_ref(&taint), &[toleration], &[NO_SCHEDULE]);
            assert_eq!(found.is_none(), verdict);
        }
        assert!(untolerated(std::slice::from_ref(&taint), &[], &[NO_EXECUTE]).is_none());
        assert_eq!(text(&taint), "k=v:NoSchedule");
    }
}
