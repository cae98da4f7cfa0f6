//! Errors of limit ranges: upstream's `ValidateLimitRange`.

use crate::{amounts, check};
use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
    quantity::{self, Amounts, Quantity},
};
use std::collections::{BTreeMap, BTreeSet};

const TYPES: &[&str] = &["Pod", "Container", "PersistentVolumeClaim"];
const NOT_FOR_PODS: &str = "may not be specified when `type` is 'Pod'";
/// Above this, upstream compares ratios in whole units.
const MILLI_LIMIT: i64 = i64::MAX / 1000;

pub(super) fn limit_range(object: &LimitRange) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = Path::new("spec").child("limits");
    let mut taken = BTreeSet::new();
    let limits = object.spec.iter().flat_map(|it| &it.limits);
    for (index, item) in limits.enumerate() {
        let path = path.index(index);
        type_name(&mut errors, &path.child("type"), &item.type_);
        if !taken.insert(&item.type_) {
            errors.push(Error::duplicate(&path.child("type"), &item.type_));
        }
        self::item(&mut errors, &path, item);
    }
    errors
}

fn type_name(e: &mut ErrorList, path: &Path, name: &str) {
    let found = names::qualified_name_errors(name);
    if found.is_empty() && !name.contains('/') && !TYPES.contains(&name) {
        let text = "must be a standard limit type or fully qualified";
        e.push(Error::invalid(path, name, text));
    }
    check::messages(e, path, name, found);
}

fn item(e: &mut ErrorList, path: &Path, item: &LimitRangeItem) {
    let is_pod = item.type_ == "Pod";
    let mut all = BTreeMap::new();
    for (field, amounts) in [
        ("max", &item.max),
        ("min", &item.min),
        ("default", &item.default),
        ("defaultRequest", &item.default_request),
        ("maxLimitRequestRatio", &item.max_limit_request_ratio),
    ] {
        if is_pod && matches!(field, "default" | "defaultRequest") {
            if amounts.as_ref().is_some_and(|it| !it.is_empty()) {
                e.push(Error::forbidden(&path.child(field), NOT_FOR_PODS));
            }
            continue;
        }
        if field == "maxLimitRequestRatio" {
            storage_bounds(e, path, item);
        }
        for name in amounts.iter().flatten().map(|it| it.0) {
            let path = path.child(field).key(name);
            if matches!(item.type_.as_str(), "Pod" | "Container") {
                amounts::container_name(e, &path, name);
            } else {
                amounts::name(e, &path, name);
            }
        }
        all.insert(field, quantity::amounts(amounts.as_ref()));
    }
    let names: BTreeSet<_> = all.values().flat_map(BTreeMap::keys).cloned().collect();
    for name in names {
        order(e, path, &name, &Bounds::of(&all, &name));
    }
}

fn storage_bounds(e: &mut ErrorList, path: &Path, item: &LimitRangeItem) {
    let has = |map: &Option<BTreeMap<String, quantity::Wire>>| {
        map.as_ref().is_some_and(|it| it.contains_key("storage"))
    };
    if item.type_ == "PersistentVolumeClaim" && !has(&item.min) && !has(&item.max) {
        let text = "either minimum or maximum storage value is required, but neither was provided";
        e.push(Error::required(&path.child("limits"), text));
    }
}

/// What an item says about one resource.
struct Bounds {
    min: Option<Quantity>,
    max: Option<Quantity>,
    default: Option<Quantity>,
    request: Option<Quantity>,
    ratio: Option<Quantity>,
}

impl Bounds {
    fn of(all: &BTreeMap<&str, Amounts>, name: &str) -> Self {
        let get = |field| all.get(field).and_then(|it| it.get(name)).copied();
        Self {
            min: get("min"),
            max: get("max"),
            default: get("default"),
            request: get("defaultRequest"),
            ratio: get("maxLimitRequestRatio"),
        }
    }
}

/// min ≤ default request ≤ default ≤ max.
fn order(e: &mut ErrorList, path: &Path, name: &str, it: &Bounds) {
    let mut above = |field, shown: Option<Quantity>, low: (&str, _), high: (&str, _)| {
        if let (Some(shown), Some(low_value), Some(high_value)) = (shown, low.1, high.1)
            && low_value > high_value
        {
            let (low, high) = (low.0, high.0);
            let text = format!("{low} value {low_value} is greater than {high} value {high_value}");
            let path = path.child(field).key(name);
            e.push(Error::invalid(&path, shown.to_string(), &text));
        }
    };
    let (min, max) = (("min", it.min), ("max", it.max));
    let (default, request) = (it.default, it.request);
    above("min", it.min, min, max);
    above("defaultRequest", request, min, ("default request", request));
    above("defaultRequest", request, ("default request", request), max);
    let limit = ("default limit", default);
    above(
        "defaultRequest",
        request,
        ("default request", request),
        limit,
    );
    above("default", it.min, min, ("default", default));
    above("default", it.max, ("default", default), max);
    ratio(e, &path.child("maxLimitRequestRatio").key(name), it);
    if let (Some(default), Some(request)) = (default, request)
        && !amounts::may_overcommit(name)
        && default != request
    {
        let text = format!(
            "default value {default} must equal to defaultRequest value {request} in {name}"
        );
        let path = path.child("defaultRequest").key(name);
        e.push(Error::invalid(&path, request.to_string(), &text));
    }
}

/// A limit may be so many times the request, and no more than the bounds allow.
// Upstream compares them as floating-point numbers; its message shows six digits.
#[allow(clippy::cast_precision_loss)]
fn ratio(e: &mut ErrorList, path: &Path, it: &Bounds) {
    let Some(ratio) = it.ratio else { return };
    if ratio < Quantity::from_units(1, quantity::Format::DecimalSi) {
        let text = format!("ratio {ratio} is less than 1");
        e.push(Error::invalid(path, ratio.to_string(), &text));
    }
    let (Some(min), Some(max)) = (it.min, it.max) else {
        return;
    };
    let fine = [ratio, min, max].iter().all(|it| it.value() < MILLI_LIMIT);
    let (wanted, most) = if fine {
        let most = max.milli_value() as f64 / min.milli_value() as f64;
        (ratio.milli_value() as f64 / 1000.0, most)
    } else {
        (
            ratio.value() as f64,
            max.value() as f64 / min.value() as f64,
        )
    };
    if wanted > most {
        let text = format!("ratio {ratio} is greater than max/min = {most:.6}");
        e.push(Error::invalid(path, ratio.to_string(), &text));
    }
}
