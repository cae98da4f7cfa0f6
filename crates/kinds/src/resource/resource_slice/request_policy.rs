//! Errors of what may be asked of a capacity that several claims share: upstream's `validateRequestPolicy`.

use crate::resource::devices::set;
use k8s_openapi::{
    api::resource::v1::{CapacityRequestPolicyRange, DeviceCapacity},
    apimachinery::pkg::api::resource::Quantity as Wire,
};
use machinery::{
    field::{Error, ErrorList, Path},
    quantity::Quantity,
};

/// Amounts to choose from.
const VALUES: usize = 10;

/// Errors of the policy of a capacity, where several allocations may share it.
pub(super) fn validate(e: &mut ErrorList, path: &Path, it: &DeviceCapacity) {
    let Some(policy) = &it.request_policy else {
        return;
    };
    let path = path.child("requestPolicy");
    let all = amount(&it.value);
    let values = policy.valid_values.as_deref().unwrap_or_default();
    let default = |e: &mut ErrorList, field: &str| {
        let default = policy.default.as_ref().map(amount);
        if default.is_none() {
            let text = format!("required when {field} is defined");
            e.push(Error::required(&path.child("default"), &text));
        }
        default
    };
    match (values, &policy.valid_range) {
        ([], None) => {}
        ([], Some(range)) => {
            if let Some(default) = default(e, "validRange") {
                self::range(e, &path.child("validRange"), range, default, all);
            }
        }
        (values, None) => {
            if let Some(default) = default(e, "validValues") {
                self::values(e, &path.child("validValues"), values, default, all);
            }
        }
        (_, Some(_)) => {
            let text = r#"exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time"#;
            e.push(Error::forbidden(&path, text));
        }
    }
}

fn amount(wire: &Wire) -> Quantity {
    Quantity::from_wire(wire).unwrap_or_default()
}

fn shown(it: Quantity) -> String {
    it.to_wire().0
}

fn values(e: &mut ErrorList, path: &Path, values: &[Wire], default: Quantity, all: Quantity) {
    let amounts: Vec<_> = values.iter().map(amount).collect();
    for (index, pair) in amounts.windows(2).enumerate() {
        if let [before, after] = pair
            && before > after
        {
            let text = "values must be sorted in ascending order";
            e.push(Error::invalid(&path.index(index + 1), shown(*after), text));
        }
    }
    let key = |it: &Quantity| it.value().to_string();
    set(e, path, &amounts, VALUES, key, |e, path, it| {
        if *it > all {
            let text = format!("option is larger than capacity value: {}", shown(all));
            e.push(Error::invalid(path, shown(*it), &text));
        }
    });
    if amounts.len() > VALUES || !amounts.contains(&default) {
        let text = "default value is not valid according to the requestPolicy";
        e.push(Error::invalid(path, shown(default), text));
    }
}

fn range(
    e: &mut ErrorList,
    path: &Path,
    it: &CapacityRequestPolicyRange,
    default: Quantity,
    all: Quantity,
) {
    if it.min.0.is_empty() {
        let text = "required when validRange is defined";
        return e.push(Error::required(&path.child("min"), text));
    }
    let least = amount(&it.min);
    let most = it.max.as_ref().map(amount);
    let mut fault = |field: &str, faulty: bool, value: Quantity, text: &str, limit: Quantity| {
        if faulty {
            let text = format!("{text}: {}", shown(limit));
            e.push(Error::invalid(&path.child(field), shown(value), &text));
        }
    };
    let text = "min is larger than capacity value";
    fault("min", least > all, least, text, all);
    fault(
        "min",
        default < least,
        default,
        "default is less than min",
        least,
    );
    if let Some(most) = most {
        fault("max", least > most, least, "min is larger than max", most);
        let text = "max is larger than capacity value";
        fault("max", most > all, most, text, all);
        fault(
            "max",
            default > most,
            default,
            "default is more than max",
            most,
        );
    }
    let Some(step) = it.step.as_ref().map(amount) else {
        return;
    };
    let first = least + step;
    let text = format!("one step {} is larger than capacity value", shown(first));
    fault("step", first > all, step, &text, all);
    for value in [Some(default), most].into_iter().flatten() {
        let distance = value.value().wrapping_sub(least.value());
        if distance.checked_rem(step.value()) != Some(0) {
            let (step, least) = (shown(step), shown(least));
            let text = format!("value is not a multiple of a given step ({step}) from ({least})");
            e.push(Error::invalid(&path.child("step"), shown(value), &text));
        }
    }
}
