//! Quantities inside a tree of JSON, found by its schema. Upstream writes what it read: `1000m` comes back as `1`.

use super::Quantity;
use api::schema::{Schemas, Shape};
use serde_json::Value;

/// Writes every quantity in its canonical form; what is none stays.
pub fn canonicalize(schemas: &Schemas, shape: &Shape, tree: &mut Value) {
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
            for (name, value) in fields {
                if let Some(field) = schemas.get(*of).field(name) {
                    canonicalize(schemas, &field.shape, value);
                }
            }
        }
        (Shape::List(item), Value::Array(items)) => {
            for each in items {
                canonicalize(schemas, item, each);
            }
        }
        (Shape::Map(of), Value::Object(entries)) => {
            for (_, value) in entries {
                canonicalize(schemas, of, value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_written_canonically_wherever_they_are() {
        let schemas = api::schema::builtin();
        let pod = schemas.kind("", "v1", "Pod").expect("a known kind");
        let mut tree = json!({"metadata": {"labels": {"cpu": "1000m"}}, "spec": {
            "overhead": {"cpu": 0.5, "memory": "1024Ki"},
            "containers": [{"resources": {"limits": {"cpu": " 1000m ", "memory": 7}}}],
            "volumes": [{"emptyDir": {"sizeLimit": "100000k"}}, {"emptyDir": {"sizeLimit": "many"}}],
        }});
        canonicalize(schemas, &Shape::Object(pod), &mut tree);
        let expected = json!({"metadata": {"labels": {"cpu": "1000m"}}, "spec": {
            "overhead": {"cpu": "500m", "memory": "1Mi"},
            "containers": [{"resources": {"limits": {"cpu": "1", "memory": "7"}}}],
            "volumes": [{"emptyDir": {"sizeLimit": "100M"}}, {"emptyDir": {"sizeLimit": "many"}}],
        }});
        assert_eq!(tree, expected);
    }
}
