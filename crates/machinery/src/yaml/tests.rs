//! YAML as tables: what is read, how it is printed, what is refused.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn scalars_of_yaml_1_1() {
    let table = [
        ("yes", json!(true)),
        ("off", json!(false)),
        ("0777", json!(511)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("0b11", json!(3)),
        ("1_000", json!(1000)),
        ("-5", json!(-5)),
        ("1.5", json!(1.5)),
        ("1e3", json!(1000.0)),
        ("~", json!(null)),
        ("1.2.3", json!("1.2.3")),
        ("08", json!(8.0)),
        ("2026-01-01", json!("2026-01-01")),
        ("'yes'", json!("yes")),
        ("!!str 5", json!("5")),
        ("10.0.0.1", json!("10.0.0.1")),
        ("100m", json!("100m")),
        ("- a", json!(["a"])),
    ];
    for (text, tree) in table {
        assert_eq!(
            parse(
                format!("k: {text}\n")
                    .replace("k: - a", "k:\n- a")
                    .as_bytes()
            ),
            Ok(json!({ "k": tree })),
            "{text}"
        );
    }
}

#[test]
fn documents_and_merges() {
    let text =
        b"---\na: 1\n---\n# nothing\n---\nb: &x {c: 1, d: 2}\ne:\n  <<: *x\n  d: 3\n1: one\n";
    assert_eq!(
        parse_documents(text).unwrap(),
        [
            json!({"a":1}),
            json!({"b":{"c":1,"d":2},"e":{"c":1,"d":3},"1":"one"})
        ]
    );
    assert_eq!(parse(b"").unwrap(), json!(null));
    assert_eq!(
        parse(br#"{"a":[1,{"b":null}]}"#).unwrap(),
        json!({"a":[1,{"b":null}]})
    );
}

#[test]
fn refusals() {
    for text in ["a: [", "a: b: c", "*nobody", "a: !!int x"] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..9 {
        let last = n - 1;
        let ten = vec![format!("*a{last}"); 10].join(",");
        bomb.push_str(&format!("a{n}: &a{n} [{ten}]\n"));
    }
    assert_eq!(parse(bomb.as_bytes()), Err(Error::Limit("1000000 nodes")));
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(parse(deep.as_bytes()).is_err());
    assert_eq!(parse(&[0xff, 0xfe]), Err(Error::Encoding));
}

#[test]
fn printing() {
    let tree = json!({
        "b10": 1, "b9": 2, "empty": {}, "none": null, "list": [1, {"x": "y", "a": []}, ["n", {"z": 1}]],
        "quoted": ["", "true", "yes", "5", "a: b", "#x", "it's", "- x", "-x", " lead", "2026-01-01T00:00:00Z", "1:30", "null", "a\tb", "{x}", "x:"],
        "text": "one\ntwo\n", "cut": "one\ntwo", "deep": {"t": "a\n  b\n\n"}
    });
    let expected = "\
b9: 2
b10: 1
cut: |-
  one
  two
deep:
  t: |+
    a
      b

empty: {}
list:
- 1
- a: []
  x: \"y\"
- - \"n\"
  - z: 1
none: null
quoted:
- \"\"
- \"true\"
- \"yes\"
- \"5\"
- 'a: b'
- '#x'
- it's
- '- x'
- -x
- ' lead'
- \"2026-01-01T00:00:00Z\"
- \"1:30\"
- \"null\"
- \"a\\tb\"
- '{x}'
- 'x:'
text: |
  one
  two
";
    let printed = to_string(&tree);
    assert_eq!(printed, expected);
    assert_eq!(parse(printed.as_bytes()).unwrap(), tree);
}

#[test]
fn long_lines_fold() {
    let words = vec!["word"; 30].join(" ");
    let printed = to_string(&json!({"m": words, "q": format!("a: {words}")}));
    assert!(printed.lines().all(|line| line.len() <= 86), "{printed}");
    assert!(printed.lines().count() > 2);
    assert_eq!(parse(printed.as_bytes()).unwrap()["m"], json!(words));
}

fn trees() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~\n\té]{0,12}".prop_map(Value::from),
        "([a-z#:'\"-] ?){0,60}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[ -~]{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_input_panics(text in "[ \\-a:\\[\\]{},&*!|>'\"\n%@#?0-9~]{0,60}") {
        let _ = parse_documents(text.as_bytes());
    }

    #[test]
    fn what_is_printed_reads_back(tree in trees()) {
        let printed = to_string(&json!({ "k": tree }));
        prop_assert_eq!(parse(printed.as_bytes()), Ok(json!({ "k": tree })), "{}", printed);
    }
}
