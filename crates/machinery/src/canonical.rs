//! An object as upstream writes what it read, found by its schema: `1000m` comes back as `1`, and zeros of
//! fields that Go leaves out are gone, and so are empty lists that it stores as none.

use crate::quantity::Quantity;
use api::schema::{Absent, Schemas, Shape};
use serde_json::Value;

/// Writes every quantity in its canonical form (what is none stays), and drops the zeros that mean absent.
pub fn write(schemas: &Schemas, shape: &Shape, tree: &mut Value) {
    match (shape, tree) {
        (Shape::Quantity, tree) => {
            let parsed = match &*tree {
                Value::String(text) => Quantity::parse(text.trim()).ok(),
                Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
                _ => None,
            };
            if let Some(quantity) = parsed {
                *tree = Value::String(quantity.to_string());
            }
        }
        (Shape::Object(of), Value::Object(fields)) => {
            let of = schemas.get(*of);
            fields.retain(|name, value| match of.field(name) {
                Some(field) => {
                    write(schemas, &field.shape, value);
                    let omits_zero = field.omits_zero || field.absent == Absent::Nil;
                    !(omits_zero && is_zero(&field.shape, value))
                }
                None => true,
            });
        }
        (Shape::List(item), Value::Array(items)) => {
            for each in items {
                write(schemas, item, each);
            }
        }
        (Shape::Map(of), Value::Object(entries)) => {
            for (_, value) in entries {
                write(schemas, of, value);
            }
        }
        _ => {}
    }
}

/// What `omitempty` leaves out. A struct is always written, and so are types that write themselves.
fn is_zero(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::String | Shape::Bytes, Value::String(text)) => text.is_empty(),
        (Shape::Boolean, Value::Bool(value)) => !value,
        (Shape::Int32 | Shape::Int64 | Shape::Double, Value::Number(number)) => {
            number.as_f64() == Some(0.0)
        }
        (Shape::List(_), Value::Array(items)) => items.is_empty(),
        (Shape::Map(_), Value::Object(entries)) => entries.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(group: &str, kind: &str, mut tree: Value, expected: &Value) {
        let schemas = api::schema::builtin();
        let of = schemas.kind(group, "v1", kind).expect("a known kind");
        write(schemas, &Shape::Object(of), &mut tree);
        assert_eq!(&tree, expected);
    }

    #[test]
    fn quantities_are_written_canonically_wherever_they_are() {
        let pod = json!({"metadata": {"labels": {"cpu": "1000m"}}, "spec": {
            "overhead": {"cpu": 0.5, "memory": "1024Ki"},
            "containers": [{"resources": {"limits": {"cpu": " 1000m ", "memory": 7}}}],
            "volumes": [{"emptyDir": {"sizeLimit": "100000k"}}, {"emptyDir": {"sizeLimit": "many"}}],
        }});
        let expected = json!({"metadata": {"labels": {"cpu": "1000m"}}, "spec": {
            "overhead": {"cpu": "500m", "memory": "1Mi"},
            "containers": [{"resources": {"limits": {"cpu": "1", "memory": "7"}}}],
            "volumes": [{"emptyDir": {"sizeLimit": "100M"}}, {"emptyDir": {"sizeLimit": "many"}}],
        }});
        check("", "Pod", pod, &expected);
    }

    /// What Go 1.24 writes of the same pod, with the types of 1.36.
    #[test]
    fn zeros_that_go_leaves_out_are_gone() {
        let pod = json!({
            "metadata": {"name": "", "generation": 0, "labels": {}, "annotations": {"a": ""},
                "finalizers": [], "creationTimestamp": null},
            "spec": {
                "hostNetwork": false, "nodeSelector": {}, "volumes": [{"name": "v", "emptyDir": {}}],
                "terminationGracePeriodSeconds": 0, "enableServiceLinks": false, "securityContext": {},
                "containers": [{"name": "", "args": [], "imagePullPolicy": "", "resources": {"limits": {}},
                    "ports": [{"containerPort": 0, "hostPort": 0}], "env": [{"name": "A", "value": ""}]}],
                "ephemeralContainers": [{"name": "e", "command": [], "stdin": false}],
            },
            "status": {},
        });
        let expected = json!({
            "metadata": {"annotations": {"a": ""}, "creationTimestamp": null},
            "spec": {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "terminationGracePeriodSeconds": 0, "enableServiceLinks": false, "securityContext": {},
                "containers": [{"name": "", "resources": {}, "ports": [{"containerPort": 0}],
                    "env": [{"name": "A"}]}],
                "ephemeralContainers": [{"name": "e"}],
            },
            "status": {},
        });
        check("", "Pod", pod, &expected);
        let role = json!({"metadata": {}, "rules": []});
        check(
            "rbac.authorization.k8s.io",
            "ClusterRole",
            role,
            &json!({"metadata": {}}),
        );
        let map = json!({"data": {}, "binaryData": {"a": ""}, "immutable": false});
        check(
            "",
            "ConfigMap",
            map,
            &json!({"binaryData": {"a": ""}, "immutable": false}),
        );
    }
}
