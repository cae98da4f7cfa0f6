//! Templates as tables, after the examples of kubectl's documentation.

use super::*;
use serde_json::json;

#[test]
fn templates() {
    let tree = json!({
        "kind": "List",
        "items": [
            {"kind":"None","metadata":{"name":"127.0.0.1","labels":{"kubernetes.io/hostname":"h1"}},"status":{"capacity":{"cpu":"4"},"addresses":[{"type":"Legacy","address":"1"},{"type":"New","address":"2"}]}},
            {"kind":"None","metadata":{"name":"127.0.0.2"},"status":{"capacity":{"cpu":"8"},"n":3}}
        ],
        "users": [{"name":"myself","user":{}},{"name":"e2e","user":{"username":"admin"}}]
    });
    let table = [
        ("text", "text"),
        ("kind is {.kind}", "kind is List"),
        ("{.kind}{\"\\n\"}", "List\n"),
        ("{['kind']}", "List"),
        ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.users[0].name}", "myself"),
        ("{.users[-1:].name}", "e2e"),
        ("{.users[0:1].name}", "myself"),
        ("{.items[*]['metadata.name', 'status.capacity']}", ""),
        (
            "{.items[*][.metadata.name, .status.capacity.cpu]}",
            "127.0.0.1 4 127.0.0.2 8",
        ),
        ("{.users[?(@.name==\"e2e\")].user.username}", "admin"),
        ("{.items[?(@.status.n>2)].metadata.name}", "127.0.0.2"),
        ("{.items[?(@.metadata.labels)].metadata.name}", "127.0.0.1"),
        (
            "{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}",
            "[127.0.0.1, 4] [127.0.0.2, 8] ",
        ),
        ("{.items[0].metadata.labels.kubernetes\\.io/hostname}", "h1"),
        (
            "{.items[0].status.addresses[?(@.type=='New')].address}",
            "2",
        ),
        ("{$.kind}", "List"),
        ("{.missing}", ""),
        ("{.items[0].status.capacity}", "{\"cpu\":\"4\"}"),
    ];
    for (template, text) in table {
        let parsed =
            Template::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
        assert_eq!(parsed.render(&tree).unwrap(), text, "{template}");
    }
    for bad in [
        "{.a",
        "{end}",
        "{range .x}",
        "{.a[}",
        "{.a[?(]}",
        "{x}",
        "{\"a}",
    ] {
        assert!(Template::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(
        Template::relaxed("kind").unwrap().values(&tree),
        [&json!("List")]
    );
}
