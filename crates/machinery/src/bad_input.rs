//! Every decoder and every operation on trees under mutated input: nothing panics, nothing grows beyond
//! its input, and what is accepted reads back as it was written.

use crate::{
    apply::{self, field_set::Set},
    durations, fields, int_or_string, labels, names, patch, quantity, yaml,
};
use api::schema::builtin;
use fuzz::Random;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

const KINDS: [(&str, &str); 8] = [
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("v1", "Node"),
];

/// A random object, its kind, and another object of the kind.
fn objects(random: &mut Random) -> ((&'static str, &'static str), Value, Value) {
    let kind = KINDS[random.below(KINDS.len())];
    let mut object = || api::sample::object(kind.0, kind.1, random.next()).unwrap();
    let pair = (object(), object());
    (kind, pair.0, pair.1)
}

fn depth(tree: &Value) -> usize {
    match tree {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What any decoder of ours would have to read again.
fn reads_back(tree: &Value) {
    let text = tree.to_string();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), *tree);
}

#[test]
fn yaml_stays_within_its_budget_and_prints_what_it_read() {
    const TOKENS: [&str; 24] = [
        "a",
        "k: ",
        "- ",
        "\n",
        "  ",
        "&a ",
        "*a",
        "<<: ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "|\n",
        ">-\n",
        "---\n",
        "...\n",
        "!!binary ",
        "!!int ",
        "? ",
        "%TAG ! x\n",
        "\t",
    ];
    fuzz::run("YAML", 400, |random| {
        let (_, one, other) = objects(random);
        let (one, other) = (yaml::to_string(&one), yaml::to_string(&other));
        let bytes = match random.below(3) {
            0 => random.text(&TOKENS, 60).into_bytes(),
            _ => random.damaged(one.as_bytes(), other.as_bytes()),
        };
        let Ok(documents) = yaml::parse_documents(&bytes) else {
            return;
        };
        for tree in documents {
            assert!(depth(&tree) <= yaml::DEPTH_LIMIT + 1);
            let tree = json!({ "k": tree });
            let printed = yaml::to_string(&tree);
            if depth(&tree) < yaml::DEPTH_LIMIT {
                assert_eq!(yaml::parse(printed.as_bytes()), Ok(tree), "{printed}");
            }
        }
    });
}

#[test]
fn a_long_text_repeated_by_aliases_is_a_bomb() {
    let bomb = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        "*a,".repeat(100_000)
    );
    assert_eq!(
        yaml::parse(bomb.as_bytes()),
        Err(yaml::Error::Limit("1000000 nodes"))
    );
}

#[test]
fn anchors_around_anchors_are_a_bomb() {
    let anchors: String = (0..90).map(|n| format!("&a{n} [")).collect();
    let bomb = format!("{anchors}{}{}", "x,".repeat(100_000), "]".repeat(90));
    assert_eq!(
        yaml::parse(bomb.as_bytes()),
        Err(yaml::Error::Limit("1000000 nodes"))
    );
}

#[test]
fn selectors_that_are_accepted_read_back() {
    const TOKENS: [&str; 22] = [
        "a",
        "b.c/d",
        "=",
        "==",
        "!=",
        "!",
        ",",
        "(",
        ")",
        " in ",
        " notin ",
        ">",
        "<",
        " ",
        "\t",
        "é",
        "\\",
        "\\,",
        "in",
        "9223372036854775808",
        "\0",
        "exists",
    ];
    fuzz::run("selectors", 2000, |random| {
        let text = random.text(&TOKENS, 14);
        if let Ok(selector) = labels::Selector::parse(&text) {
            let again = labels::Selector::parse(&selector.to_string());
            assert_eq!(again.as_ref(), Ok(&selector), "{text:?}");
        }
        if let Ok(selector) = fields::Selector::parse(&text) {
            let again = fields::Selector::parse(&selector.to_string());
            assert_eq!(again.as_ref(), Ok(&selector), "{text:?}");
        }
        let _ = (
            names::qualified_name_errors(&text),
            names::config_map_key_errors(&text),
        );
    });
}

#[test]
fn amounts_that_are_accepted_read_back() {
    const TOKENS: [&str; 26] = [
        "0",
        "1",
        "9",
        "99999999999",
        ".",
        "-",
        "+",
        "e",
        "E",
        "n",
        "u",
        "m",
        "k",
        "Ki",
        "Ei",
        "E18",
        "e-9",
        "e2147483648",
        "h",
        "s",
        "ns",
        "µs",
        "us",
        "%",
        "é",
        " ",
    ];
    fuzz::run("amounts", 4000, |random| {
        let text = random.text(&TOKENS, 6);
        if let Ok(amount) = quantity::Quantity::parse(&text) {
            let written = amount.to_string();
            assert_eq!(
                quantity::Quantity::parse(&written),
                Ok(amount),
                "{text} {written}"
            );
            assert_eq!(
                quantity::canonical(&written).as_ref(),
                Ok(&written),
                "{text}"
            );
            let _ = (
                amount.value(),
                amount.milli_value(),
                amount + amount,
                amount - amount,
            );
            let _ = (amount.percent_of(amount), (-amount).percent_of(amount));
        }
        if let Ok(duration) = durations::parse_go(&text) {
            let written = durations::format_go(duration);
            assert_eq!(
                durations::parse_go(&written),
                Ok(duration),
                "{text} {written}"
            );
        }
        let value = IntOrString::String(text);
        for total in [0, 1, i32::MAX, i32::MIN] {
            for round in [int_or_string::Round::Up, int_or_string::Round::Down] {
                let _ = int_or_string::scaled(&value, total, round);
            }
            let _ = int_or_string::max_surge_unavailable(Some(&value), Some(&value), total);
        }
    });
}

#[test]
fn patches_stay_within_object_and_patch() {
    fuzz::run("patches", 400, |random| {
        let ((version, kind), object, mut change) = objects(random);
        random.bend(&mut change);
        let body = fuzz::json_text(&change, random, 400).into_bytes();
        let of = builtin().api_kind(version, kind).unwrap();
        let most = object.to_string().len() + body.len() + 16;
        for patched in [
            patch::merge(&object, &body),
            patch::strategic(&object, &body, builtin(), of),
            patch::json(&object, &body),
        ] {
            match patched {
                Ok(patched) => {
                    reads_back(&patched);
                    // Escapes may be written longer than they came.
                    assert!(patched.to_string().len() <= most * 6);
                }
                // Upstream answers 500 without a reason to a directive that it does not know.
                Err(status) => assert!(
                    matches!(status.code, 400 | 422) || status.reason.is_empty(),
                    "{status:?}"
                ),
            }
        }
    });
}

#[test]
fn json_patches_stay_within_their_budget() {
    const PATHS: [&str; 9] = [
        "/a",
        "/a/b",
        "/a/b/b",
        "",
        "/",
        "/l/0",
        "/l/-",
        "/l/99999999999999999999",
        "/~2/~",
    ];
    fuzz::run("JSON patches", 400, |random| {
        let object = json!({ "a": { "b": { "c": "x".repeat(100) } }, "l": [1, { "b": [] }] });
        let operations: Vec<Value> = (0..random.below(60))
            .map(|_| {
                let mut value = json!({ "b": [1] });
                random.bend(&mut value);
                json!({
                    "op": random.pick(&["add", "remove", "replace", "move", "copy", "copy", "copy", "test"]),
                    "path": random.pick(&PATHS), "from": random.pick(&PATHS), "value": value,
                })
            })
            .collect();
        let length = random.below(operations.len() + 1);
        let body = Value::from(&operations[..length]).to_string();
        match patch::json(&object, body.as_bytes()) {
            Ok(patched) => {
                assert!(depth(&patched) < 128);
                assert!(patched.to_string().len() < 8 << 20);
            }
            Err(status) => assert!(matches!(status.code, 400 | 422), "{status:?}"),
        }
    });
}

#[test]
fn copies_that_double_are_refused() {
    let copies = vec![json!({ "op": "copy", "from": "", "path": "/a" }); 5000];
    let body = Value::from(copies).to_string();
    let status = patch::json(&json!({ "b": 1 }), body.as_bytes()).unwrap_err();
    assert_eq!(status.code, 422);
    let doubling: Vec<Value> = (0..40)
        .map(|n| json!({ "op": "copy", "from": "/l", "path": if n % 2 == 0 { "/l/0" } else { "/l/1" } }))
        .collect();
    let object = json!({ "l": ["x".repeat(1000)] });
    let status = patch::json(&object, Value::from(doubling).to_string().as_bytes()).unwrap_err();
    assert_eq!(status.code, 422);
}

#[test]
fn additions_that_nest_ever_deeper_are_refused() {
    let mut path = String::new();
    let deeper: Vec<Value> = (0..2000)
        .map(|_| {
            path.push_str("/a");
            json!({ "op": "add", "path": path, "value": {} })
        })
        .collect();
    let status = patch::json(&json!({}), Value::from(deeper).to_string().as_bytes()).unwrap_err();
    assert_eq!(status.code, 422);
}

#[test]
fn long_lists_merge_without_being_searched_for_each_item() {
    let of = builtin().api_kind("v1", "Pod").unwrap();
    let names =
        |from: usize| -> Vec<String> { (from..from + 60_000).map(|n| format!("f{n}")).collect() };
    let object = json!({ "metadata": { "finalizers": names(0) } });
    let body = json!({ "metadata": { "finalizers": names(30_000) } }).to_string();
    let merged = patch::strategic(&object, body.as_bytes(), builtin(), of).unwrap();
    assert_eq!(
        merged["metadata"]["finalizers"].as_array().unwrap().len(),
        90_000
    );
}

fn request<'a>(manager: &'a str, version: &'a str, kind: &str) -> apply::Request<'a> {
    apply::Request {
        manager,
        api_version: version,
        subresource: "",
        now: jiff::Timestamp::UNIX_EPOCH,
        force: true,
        resets: crate::apply::Resets::STATUS,
        schemas: builtin(),
        of: builtin().api_kind(version, kind).unwrap(),
        versions: &NoOthers,
    }
}

struct NoOthers;

impl apply::Versions for NoOthers {
    fn view(&self, _: &Value, _: &str) -> Option<apply::View> {
        None
    }
}

#[test]
fn applying_twice_changes_nothing_more() {
    fuzz::run("server-side apply", 300, |random| {
        let ((version, kind), mut live, mut applied) = objects(random);
        fn books(object: &Value, random: &mut Random) -> Value {
            let mut fields = json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
                "f:spec": { "f:containers": { "k:{\"name\":\"a\"}": { ".": {}, "f:image": {} } } } });
            random.bend(&mut fields);
            let mut entries = json!([{ "manager": "one", "operation": "Apply", "apiVersion": object["apiVersion"],
                "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields }]);
            if random.one_in(3) {
                random.bend(&mut entries);
            }
            entries
        }
        live["metadata"]["managedFields"] = books(&live, random);
        random.bend(&mut applied);
        // The door refuses what has no name.
        let Some(metadata) = applied["metadata"].as_object_mut() else {
            return;
        };
        metadata.remove("managedFields");
        let who = request("one", version, kind);
        let Ok(first) = apply::apply(Some(&live), &applied, &who) else {
            return;
        };
        let second = apply::apply(Some(&first), &applied, &who).unwrap();
        assert_eq!(first["metadata"], second["metadata"]);
        let mut updated = second.clone();
        random.bend(&mut updated);
        let books = apply::track_update(
            Some(&second),
            &updated,
            second.pointer("/metadata/managedFields"),
            updated.pointer("/metadata/managedFields"),
            &request("two", version, kind),
        );
        let grown = books.map_or(0, |books| books.to_string().len());
        assert!(grown < 64 * (live.to_string().len() + applied.to_string().len()) + (1 << 20));
    });
}

#[test]
fn field_sets_that_are_accepted_read_back() {
    fuzz::run("fieldsV1", 600, |random| {
        let mut tree = json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": { "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {} } }, "v:\"x\"": {}, "i:0": {} } });
        random.bend(&mut tree);
        let text = random.damaged(
            tree.to_string().as_bytes(),
            b"k:{\"name\":\"a\"}v:[[[[]]]]i:-1",
        );
        for tree in [Some(tree), serde_json::from_slice(&text).ok()]
            .iter()
            .flatten()
        {
            if let Ok(set) = Set::parse(tree) {
                assert_eq!(Set::parse(&set.to_tree()).as_ref(), Ok(&set));
                let _ = set.paths();
            }
        }
    });
}
