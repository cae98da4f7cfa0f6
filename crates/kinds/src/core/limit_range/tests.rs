//! Limit ranges: defaults and errors.

use super::*;
use crate::cases;
use serde_json::json;

fn range(item: serde_json::Value) -> serde_json::Value {
    json!({"metadata": {"name": "a"}, "spec": {"limits": [item]}})
}

#[test]
fn defaults_of_containers() {
    let it = range(json!({"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}}));
    let it = cases::defaulted(&LimitRange, it);
    let item = &it["spec"]["limits"][0];
    assert_eq!(item["default"], json!({"cpu": "2"}));
    assert_eq!(item["defaultRequest"], json!({"cpu": "2", "memory": "1Mi"}));
    let pod = cases::defaulted(
        &LimitRange,
        range(json!({"type": "Pod", "max": {"cpu": "2"}})),
    );
    assert_eq!(
        pod["spec"]["limits"][0],
        json!({"type": "Pod", "max": {"cpu": "2"}})
    );
}

#[test]
fn errors() {
    let base = json!({"metadata": {"name": "a"}, "spec": {"limits": []}});
    let of = |item| range(item);
    cases::creates(
        &LimitRange,
        base,
        &[
            (json!({}), &[]),
            (
                of(json!({"type": "Pod", "max": {"cpu": "2"}, "min": {"cpu": "1"}})),
                &[],
            ),
            (
                of(json!({"type": "Foo"})),
                &[
                    "spec.limits[0].type: Invalid value: \"Foo\": must be a standard limit type or fully qualified",
                ],
            ),
            (
                json!({"spec": {"limits": [{"type": "Pod"}, {"type": "Pod"}]}}),
                &["spec.limits[1].type: Duplicate value: \"Pod\""],
            ),
            (
                of(json!({"type": "Pod", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}})),
                &[
                    "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
                    "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
                ],
            ),
            (
                of(json!({"type": "PersistentVolumeClaim"})),
                &[
                    "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
                ],
            ),
            (
                of(json!({"type": "Pod", "max": {"x": "1"}})),
                &[
                    "spec.limits[0].max[x]: Invalid value: \"x\": must be a standard resource type or fully qualified",
                    "spec.limits[0].max[x]: Invalid value: \"x\": must be a standard resource for containers",
                ],
            ),
            (
                of(json!({"type": "Pod", "max": {"cpu": "1"}, "min": {"cpu": "2"}})),
                &[
                    "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
                ],
            ),
            (
                of(
                    json!({"type": "Container", "max": {"cpu": "4"}, "min": {"cpu": "2"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "5"}}),
                ),
                &[
                    "spec.limits[0].defaultRequest[cpu]: Invalid value: \"5\": default request value 5 is greater than max value 4",
                    "spec.limits[0].defaultRequest[cpu]: Invalid value: \"5\": default request value 5 is greater than default limit value 1",
                    "spec.limits[0].default[cpu]: Invalid value: \"2\": min value 2 is greater than default value 1",
                ],
            ),
            (
                of(
                    json!({"type": "Pod", "max": {"cpu": "2"}, "min": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "3"}}),
                ),
                &[
                    "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is greater than max/min = 2.000000",
                ],
            ),
            (
                of(json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}})),
                &[
                    "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than 1",
                ],
            ),
            (
                of(
                    json!({"type": "Container", "default": {"example.com/gpu": "2"}, "defaultRequest": {"example.com/gpu": "1"}}),
                ),
                &[
                    "spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: \"1\": default value 2 must equal to defaultRequest value 1 in example.com/gpu",
                ],
            ),
        ],
    );
}
