//! Tables of claims, templates, classes and slices.

use super::{
    device_class::DeviceClass, resource_claim::ResourceClaim,
    resource_claim_template::ResourceClaimTemplate, resource_slice::ResourceSlice,
};
use crate::{
    Strategy,
    cases::{CONTEXT, changes, creates, defaulted, object, row, updates},
};
use serde_json::{Value, json};

const UNKNOWN: &str = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

fn claim() -> Value {
    json!({
        "metadata": {"name": "gpu"},
        "spec": {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "gpu.example.com"}}]}}
    })
}

fn asks(request: Value) -> Value {
    json!({"spec": {"devices": {"requests": [request]}}})
}

#[test]
fn one_device_is_asked_for_unless_more_is_said() {
    let mut json = claim();
    json["spec"]["devices"]["requests"] = json!([
        {"name": "one", "exactly": {"deviceClassName": "x", "tolerations": [{"key": "bad"}]}},
        {"name": "all", "exactly": {"deviceClassName": "x", "allocationMode": "All"}},
        {"name": "any", "firstAvailable": [{"name": "big", "deviceClassName": "x"}]}
    ]);
    let given = defaulted(&ResourceClaim, json);
    let requests = &given["spec"]["devices"]["requests"];
    assert_eq!(requests[0]["exactly"]["allocationMode"], "ExactCount");
    assert_eq!(requests[0]["exactly"]["count"], 1);
    assert_eq!(
        requests[0]["exactly"]["tolerations"][0]["operator"],
        "Equal"
    );
    assert_eq!(requests[1]["exactly"].get("count"), None);
    assert_eq!(requests[2]["firstAvailable"][0]["count"], 1);
    let template = json!({"metadata": {"name": "x"}, "spec": {"spec": claim()["spec"]}});
    let given = defaulted(&ResourceClaimTemplate, template);
    let request = &given["spec"]["spec"]["devices"]["requests"][0];
    assert_eq!(request["exactly"]["count"], 1);
}

#[test]
fn claims_ask_for_what_can_be_given() {
    let exact = |more: Value| {
        let mut exactly = json!({"deviceClassName": "gpu.example.com"});
        for (key, value) in more.as_object().unwrap() {
            exactly[key] = value.clone();
        }
        asks(json!({"name": "one", "exactly": exactly}))
    };
    let unknown =
        format!("spec.devices.constraints[0].requests[0]: Invalid value: \"two\": {UNKNOWN}");
    creates(
        &ResourceClaim,
        claim(),
        &[
            (json!({}), &[]),
            (
                asks(json!({"name": "one"})),
                &[
                    "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
                ],
            ),
            (
                asks(
                    json!({"name": "one", "exactly": {"deviceClassName": "x"}, "firstAvailable": [{"name": "a", "deviceClassName": "x"}]}),
                ),
                &[
                    "spec.devices.requests[0]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
                ],
            ),
            (
                exact(json!({"deviceClassName": ""})),
                &["spec.devices.requests[0].exactly.deviceClassName: Required value"],
            ),
            (
                exact(json!({"allocationMode": "All", "count": 2})),
                &[
                    "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
                ],
            ),
            (
                exact(json!({"count": -1})),
                &[
                    "spec.devices.requests[0].exactly.count: Invalid value: -1: must be greater than zero",
                ],
            ),
            (
                exact(json!({"allocationMode": "Some"})),
                &[
                    "spec.devices.requests[0].exactly.allocationMode: Unsupported value: \"Some\": supported values: \"All\", \"ExactCount\"",
                ],
            ),
            (
                exact(json!({"selectors": [{}]})),
                &["spec.devices.requests[0].exactly.selectors[0].cel: Required value"],
            ),
            (
                exact(
                    json!({"tolerations": [{"operator": "Exists", "value": "x", "effect": "Never"}]}),
                ),
                &[
                    "spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: \"x\": must be empty for operator `Exists`",
                    "spec.devices.requests[0].exactly.tolerations[0].effect: Unsupported value: \"Never\": supported values: \"NoExecute\", \"NoSchedule\", \"None\"",
                ],
            ),
            (
                json!({"spec": {"devices": {"constraints": [{"requests": ["two"], "matchAttribute": "model"}]}}}),
                &[
                    &unknown,
                    "spec.devices.constraints[0].matchAttribute: Invalid value: \"model\": a fully qualified name must be a domain and a name separated by a slash",
                ],
            ),
            (
                json!({"spec": {"devices": {"config": [{"opaque": {"driver": "d.example.com", "parameters": [1]}}, {}]}}}),
                &[
                    "spec.devices.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a valid JSON object",
                    "spec.devices.config[1].opaque: Required value",
                ],
            ),
        ],
    );
    let law = ResourceClaim;
    let mut new = object(&law, &claim());
    let old = new.clone();
    new.spec.devices = None;
    let errors = law.validate_update(&new, &old);
    let found = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        found,
        ["spec: Invalid value: {\"devices\":{\"requests\":null}}: field is immutable"]
    );
}

#[test]
fn statuses_say_what_was_given_and_to_whom() {
    let result =
        json!({"request": "one", "driver": "d.example.com", "pool": "p", "device": "gpu-0"});
    let given = json!({"devices": {"results": [result]}});
    let pod = json!({"resource": "pods", "name": "p", "uid": "1"});
    let shared = |id: &str| json!({"status": {"allocation": {"devices": {"results": [{"request": "one", "driver": "d.example.com", "pool": "p", "device": "gpu-0", "shareID": id}]}}}});
    changes(
        &ResourceClaim,
        "status",
        claim(),
        &[
            (
                json!({"status": {"allocation": given, "reservedFor": [pod]}}),
                &[],
            ),
            (
                json!({"status": {"reservedFor": [pod]}}),
                &[
                    "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
                ],
            ),
            (
                json!({"status": {"allocation": {"devices": {"config": [{"source": "FromMe", "opaque": {"driver": "d.example.com", "parameters": {}}}]}}}}),
                &[
                    "status.allocation.devices.config[0].source: Unsupported value: \"FromMe\": supported values: \"FromClaim\", \"FromClass\"",
                ],
            ),
            (shared("01234567-89ab-cdef-0123-456789abcdef"), &[]),
            (
                shared("01234567-89AB-cdef-0123-456789abcdef"),
                &[
                    "status.allocation.devices.results[0].shareID: Invalid value: \"01234567-89AB-cdef-0123-456789abcdef\": uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters",
                ],
            ),
            (
                shared("x"),
                &[
                    "status.allocation.devices.results[0].shareID: Invalid value: \"x\": error validating uid: invalid UUID length: 1",
                ],
            ),
            (
                json!({"status": {"allocation": given, "devices": [{"driver": "d.example.com", "pool": "p", "device": "gpu-0", "networkData": {"ips": ["10.9.8.7/24", "10.9.8.7"]}}]}}),
                &[
                    "status.devices[0].networkData.ips[1]: Invalid value: \"10.9.8.7\": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)",
                ],
            ),
            (
                json!({"status": {"devices": [{"driver": "d.example.com", "pool": "p", "device": "gpu-1"}]}}),
                &[
                    "status.devices[0]: Invalid value: \"d.example.com/p/gpu-1\": must be an allocated device in the claim",
                ],
            ),
        ],
    );

    let mut had = claim();
    had["status"] = json!({"allocation": given, "reservedFor": [pod], "devices": [{"driver": "d.example.com", "pool": "p", "device": "gpu-0"}]});
    assert_eq!(
        row(&ResourceClaim, had.clone()),
        "gpu|allocated,reserved|<unknown>"
    );
    assert_eq!(row(&ResourceClaim, claim()), "gpu|pending|<unknown>");
    let old = object(&ResourceClaim, &had);
    let mut new = old.clone();
    let status = new.status.as_mut().unwrap();
    (status.allocation, status.reserved_for) = (None, None);
    ResourceClaim.prepare_for_subresource("status", &CONTEXT, &mut new, &old);
    assert_eq!(new.status.unwrap().devices, None, "goes with its device");
}

#[test]
fn classes_count_their_generations() {
    let class =
        json!({"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "example.com/gpu"}});
    updates(
        &DeviceClass,
        class.clone(),
        &[
            (
                json!({"spec": {"extendedResourceName": "cpu"}}),
                &[
                    "spec.extendedResourceName: Invalid value: \"cpu\": must be a valid extended resource name",
                ],
            ),
            (
                json!({"spec": {"config": [{}]}}),
                &["spec.config[0].opaque: Required value"],
            ),
        ],
    );
    let mut old = object(&DeviceClass, &class);
    DeviceClass.prepare_for_create(&CONTEXT, &mut old);
    let mut new = old.clone();
    new.spec.extended_resource_name = None;
    DeviceClass.prepare_for_update(&CONTEXT, &mut new, &old);
    assert_eq!(
        (old.metadata.generation, new.metadata.generation),
        (Some(1), Some(2))
    );
}

#[test]
fn slices_say_which_nodes_reach_which_devices() {
    let slice = json!({
        "metadata": {"name": "s"},
        "spec": {
            "driver": "d.example.com", "nodeName": "n",
            "pool": {"name": "n", "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": "gpu-0", "attributes": {"model": {"string": "x"}}}]
        }
    });
    assert_eq!(
        row(&ResourceSlice, slice.clone()),
        "s|n|d.example.com|n|<unknown>"
    );
    let device = |it: Value| json!({"spec": {"devices": [it]}});
    let shared = |policy: Value| {
        let capacity = json!({"memory": {"value": "8", "requestPolicy": policy}});
        device(json!({"name": "a", "allowMultipleAllocations": true, "capacity": capacity}))
    };
    creates(
        &ResourceSlice,
        slice.clone(),
        &[
            (json!({}), &[]),
            (
                json!({"spec": {"nodeName": null}}),
                &[
                    "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
                ],
            ),
            (
                json!({"spec": {"allNodes": true}}),
                &[
                    "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set",
                ],
            ),
            (
                json!({"spec": {"pool": {"resourceSliceCount": 0}}}),
                &["spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero"],
            ),
            (
                device(json!({"name": "a", "attributes": {"model": {}}})),
                &[
                    "spec.devices[0].attributes[model]: Invalid value: \"\": exactly one value must be specified",
                ],
            ),
            (
                device(json!({"name": "a", "attributes": {"v": {"version": "1.02.3"}}})),
                &[
                    "spec.devices[0].attributes[v].version: Invalid value: \"1.02.3\": must be a string compatible with semver.org spec 2.0.0",
                ],
            ),
            (
                device(json!({"name": "a", "attributes": {"v": {"version": "1.2.3-rc.1+linux"}}})),
                &[],
            ),
            (
                device(json!({"name": "a", "taints": [{"key": "k", "effect": "Some"}]})),
                &[
                    "spec.devices[0].taints[0].effect: Unsupported value: \"Some\": supported values: \"NoExecute\", \"NoSchedule\", \"None\"",
                ],
            ),
            (
                device(json!({"name": "a", "nodeName": "n"})),
                &[
                    "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
                ],
            ),
            (
                device(
                    json!({"name": "a", "capacity": {"memory": {"value": "1Gi", "requestPolicy": {}}}}),
                ),
                &[
                    "spec.devices[0].capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true",
                ],
            ),
            (
                shared(json!({"default": "1", "validValues": ["1", "2"]})),
                &[],
            ),
            (
                shared(
                    json!({"default": "1", "validRange": {"min": "1", "max": "7", "step": "3"}}),
                ),
                &[],
            ),
            (
                shared(json!({"validValues": ["1"]})),
                &[
                    "spec.devices[0].capacity[memory].requestPolicy.default: Required value: required when validValues is defined",
                ],
            ),
            (
                shared(json!({"default": "1", "validValues": ["1"], "validRange": {"min": "1"}})),
                &[
                    "spec.devices[0].capacity[memory].requestPolicy: Forbidden: exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time",
                ],
            ),
            (
                shared(json!({"default": "1", "validValues": ["3", "2", "9", "9"]})),
                &[
                    "spec.devices[0].capacity[memory].requestPolicy.validValues[1]: Invalid value: \"2\": values must be sorted in ascending order",
                    "spec.devices[0].capacity[memory].requestPolicy.validValues[2]: Invalid value: \"9\": option is larger than capacity value: 8",
                    "spec.devices[0].capacity[memory].requestPolicy.validValues[3]: Invalid value: \"9\": option is larger than capacity value: 8",
                    "spec.devices[0].capacity[memory].requestPolicy.validValues[3]: Duplicate value: \"9\"",
                    "spec.devices[0].capacity[memory].requestPolicy.validValues: Invalid value: \"1\": default value is not valid according to the requestPolicy",
                ],
            ),
            (
                shared(json!({"default": "1", "validRange": {}})),
                &[
                    "spec.devices[0].capacity[memory].requestPolicy.validRange.min: Required value: required when validRange is defined",
                ],
            ),
            (
                shared(
                    json!({"default": "1", "validRange": {"min": "2", "max": "9", "step": "4"}}),
                ),
                &[
                    "spec.devices[0].capacity[memory].requestPolicy.validRange.min: Invalid value: \"1\": default is less than min: 2",
                    "spec.devices[0].capacity[memory].requestPolicy.validRange.max: Invalid value: \"9\": max is larger than capacity value: 8",
                    "spec.devices[0].capacity[memory].requestPolicy.validRange.step: Invalid value: \"1\": value is not a multiple of a given step (4) from (2)",
                    "spec.devices[0].capacity[memory].requestPolicy.validRange.step: Invalid value: \"9\": value is not a multiple of a given step (4) from (2)",
                ],
            ),
        ],
    );
    updates(
        &ResourceSlice,
        slice,
        &[
            (
                json!({"spec": {"nodeName": "m"}}),
                &["spec.nodeName: Invalid value: \"m\": field is immutable"],
            ),
            (
                json!({"spec": {"driver": "e.example.com"}}),
                &["spec.driver: Invalid value: \"e.example.com\": field is immutable"],
            ),
        ],
    );
}

#[test]
fn templates_say_what_their_claims_bear() {
    creates(
        &ResourceClaimTemplate,
        json!({"metadata": {"name": "a"}, "spec": {"spec": {}}}),
        &[
            (json!({"spec": {"metadata": {"labels": {"a": "b"}}}}), &[]),
            (
                json!({"spec": {"metadata": {"annotations": {"a/": "b"}, "labels": {"a": "-"}}}}),
                &[
                    "spec.metadata.annotations: Invalid value: \"a/\": name part must be non-empty",
                    "spec.metadata.annotations: Invalid value: \"a/\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                    "spec.metadata.labels[a]: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
                ],
            ),
        ],
    );
}
