//! Patches as tables of object, patch and result, on the built-in schema.

use super::*;
use api::schema::builtin;
use proptest::prelude::*;
use serde_json::json;

fn deployment() -> TypeRef {
    builtin().kind("apps", "v1", "Deployment").unwrap()
}

/// Merges `patch` into a pod spec and gives the pod spec back.
fn pod(spec: &Value, patch: &Value) -> Result<Value, Status> {
    let of = builtin().kind("", "v1", "Pod").unwrap();
    let object = json!({ "spec": spec });
    let patch = json!({ "spec": patch });
    strategic(&object, patch.to_string().as_bytes(), builtin(), of).map(|it| it["spec"].clone())
}

#[test]
fn strategic_merges() {
    let table = [
        // Containers merge by name, in place; fields inside merge.
        (
            json!({"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]}),
            json!({"containers":[{"name":"b","image":"2"}]}),
            json!({"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}),
        ),
        // New items go before those that the patch does not name, as upstream puts them.
        (
            json!({"containers":[{"name":"a"}]}),
            json!({"containers":[{"name":"c"}]}),
            json!({"containers":[{"name":"c"},{"name":"a"}]}),
        ),
        (
            json!({"containers":[{"name":"a"},{"name":"b"}]}),
            json!({"containers":[{"name":"a","$patch":"delete"}]}),
            json!({"containers":[{"name":"b"}]}),
        ),
        (
            json!({"containers":[{"name":"a"},{"name":"b"}]}),
            json!({"containers":[{"$patch":"replace"},{"name":"c"}]}),
            json!({"containers":[{"name":"c"}]}),
        ),
        (
            json!({"containers":[{"name":"a","image":"x"},{"name":"b"}]}),
            json!({"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"name":"a","image":null}]}),
            json!({"containers":[{"name":"b"},{"name":"a"}]}),
        ),
        (
            json!({"containers":[{"name":"a"},{"name":"s"},{"name":"b"}]}),
            json!({"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}),
            json!({"containers":[{"name":"s"},{"name":"b"},{"name":"a"}]}),
        ),
        // Tolerations are replaced whole; node selectors merge by entry.
        (
            json!({"tolerations":[{"key":"a"}],"nodeSelector":{"a":"1","b":"2"}}),
            json!({"tolerations":[{"key":"b"}],"nodeSelector":{"b":null,"c":"3"}}),
            json!({"tolerations":[{"key":"b"}],"nodeSelector":{"a":"1","c":"3"}}),
        ),
        (
            json!({"nodeSelector":{"a":"1"}}),
            json!({"nodeSelector":{"$patch":"replace","b":"2"}}),
            json!({"nodeSelector":{"b":"2"}}),
        ),
        (
            json!({"volumes":[{"name":"v","emptyDir":{}}]}),
            json!({"volumes":[{"name":"v","$retainKeys":["name","hostPath"],"hostPath":{"path":"/x"}}]}),
            json!({"volumes":[{"name":"v","hostPath":{"path":"/x"}}]}),
        ),
    ];
    for (before, patch, after) in table {
        assert_eq!(pod(&before, &patch).unwrap(), after, "{patch}");
    }
}

#[test]
fn primitive_lists() {
    let of = deployment();
    let merge = |before: Value, patch: Value| {
        strategic_tree(
            &json!({"metadata":{"finalizers":before}}),
            &json!({ "metadata": patch }),
            builtin(),
            of,
        )
        .map(|it| it["metadata"]["finalizers"].clone())
    };
    assert_eq!(
        merge(json!(["a", "b"]), json!({"finalizers":["c"]})).unwrap(),
        json!(["c", "a", "b"])
    );
    assert_eq!(
        merge(
            json!(["a", "b"]),
            json!({"$deleteFromPrimitiveList/finalizers":["a"]})
        )
        .unwrap(),
        json!(["b"])
    );
    assert_eq!(
        merge(
            json!(["a", "b"]),
            json!({"$setElementOrder/finalizers":["b","a"]})
        )
        .unwrap(),
        json!(["b", "a"])
    );
}

#[test]
fn refusals() {
    let text = |patch: Value| {
        pod(&json!({"nodeSelector":{}}), &patch)
            .unwrap_err()
            .message
    };
    assert_eq!(
        text(json!({"nodeSelector":{"$patch":"x"}})),
        "unknown patch type: x in map: map[$patch:x]"
    );
    assert!(
        text(json!({"containers":[{"image":"a"}]}))
            .ends_with("does not contain declared merge key: name")
    );
    assert_eq!(
        text(json!({"nodeSelector":{"$retainKeys":["b"],"a":"1"}})),
        "invalid patch format of retainKeys"
    );
    let of = deployment();
    assert_eq!(
        strategic(&json!({}), b"[]", builtin(), of)
            .unwrap_err()
            .code,
        400
    );
    assert_eq!(merge(&json!({}), b"[]").unwrap_err().code, 400);
    assert_eq!(json(&json!({}), b"{}").unwrap_err().code, 400);
    let missing = json(&json!({}), br#"[{"op":"remove","path":"/x"}]"#).unwrap_err();
    assert_eq!(missing.code, 422);
    assert_eq!(
        missing.message,
        "the server rejected our request due to an error in our request"
    );
    let many = vec![json!({"op":"add","path":"/x","value":1}); OPERATIONS_LIMIT + 1];
    assert_eq!(
        json(&json!({}), json!(many).to_string().as_bytes())
            .unwrap_err()
            .code,
        413
    );
}

#[test]
fn standard_patches() {
    let object = json!({"a":{"b":1,"c":2},"l":[1,2]});
    assert_eq!(
        merge(&object, br#"{"a":{"b":null},"l":[3]}"#).unwrap(),
        json!({"a":{"c":2},"l":[3]})
    );
    assert_eq!(
        json(
            &object,
            br#"[{"op":"test","path":"/a/b","value":1},{"op":"add","path":"/l/-","value":3}]"#
        )
        .unwrap(),
        json!({"a":{"b":1,"c":2},"l":[1,2,3]})
    );
}

#[test]
fn three_ways() {
    let schema = Some((builtin(), deployment()));
    let pods = |containers: Value| json!({"spec":{"template":{"spec":{"containers":containers}}}});
    let table = [
        (
            json!({}),
            json!({"spec":{"replicas":1}}),
            json!({"spec":{"replicas":1,"paused":true}}),
            json!({}),
        ),
        (
            json!({"spec":{"paused":true,"replicas":1}}),
            json!({"spec":{"replicas":2}}),
            json!({"spec":{"paused":true,"replicas":1,"x":1}}),
            json!({"spec":{"paused":null,"replicas":2}}),
        ),
        (
            pods(json!([{"name":"a","image":"1"},{"name":"b"}])),
            pods(json!([{"name":"a","image":"2"}])),
            pods(json!([{"name":"a","image":"1","tty":false},{"name":"b"},{"name":"side"}])),
            pods(json!([{"name":"a","image":"2"},{"name":"b","$patch":"delete"}])),
        ),
    ];
    for (original, modified, current, patch) in table {
        let mut made = three_way(&original, &modified, &current, schema);
        if let Some(spec) = made
            .pointer_mut("/spec/template/spec")
            .and_then(Value::as_object_mut)
        {
            assert_eq!(
                spec.remove("$setElementOrder/containers"),
                Some(json!([{"name":"a"}]))
            );
        }
        assert_eq!(made, patch);
    }
    assert_eq!(
        three_way(
            &json!({}),
            &pods(json!([{"name":"a"}])),
            &pods(json!([{"name":"b"}])),
            None
        ),
        pods(json!([{"name":"a"}]))
    );
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let object = json!({"metadata":{"name":"x"},"spec":{}});
        let _ = json(&object, &body);
        let _ = merge(&object, &body);
        let _ = strategic(&object, &body, builtin(), deployment());
    }
}
