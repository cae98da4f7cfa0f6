//! What Go says of malformed JSON, as a table.

use super::*;

/// The texts of Go 1.19 for the same bytes.
#[test]
fn as_go_says_it() {
    let table = [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        (r#"{"a":1"#, "unexpected end of JSON input"),
        (r#"{"a"#, "unexpected end of JSON input"),
        ("x", "invalid character 'x' looking for beginning of value"),
        (
            "{a:1}",
            "invalid character 'a' looking for beginning of object key string",
        ),
        (
            r#"{"a":1,}"#,
            "invalid character '}' looking for beginning of object key string",
        ),
        (r#"{"a" 1}"#, "invalid character '1' after object key"),
        (
            r#"{"a":1 "b":2}"#,
            r#"invalid character '"' after object key:value pair"#,
        ),
        ("[1 2]", "invalid character '2' after array element"),
        (
            "[1,]",
            "invalid character ']' looking for beginning of value",
        ),
        ("{} {}", "invalid character '{' after top-level value"),
        (
            "[tru]",
            "invalid character ']' in literal true (expecting 'e')",
        ),
        (
            "[nul",
            "invalid character ' ' in literal null (expecting 'l')",
        ),
        (
            "[fa1se]",
            "invalid character '1' in literal false (expecting 'l')",
        ),
        ("\"a\nb\"", r"invalid character '\n' in string literal"),
        (r#""\x""#, "invalid character 'x' in string escape code"),
        (
            r#""\u12g4""#,
            r"invalid character 'g' in \u hexadecimal character escape",
        ),
        ("-", "invalid character ' ' in numeric literal"),
        ("-a", "invalid character 'a' in numeric literal"),
        (
            "1.x",
            "invalid character 'x' after decimal point in numeric literal",
        ),
        (
            "1e+x",
            "invalid character 'x' in exponent of numeric literal",
        ),
        ("01", "invalid character '1' after top-level value"),
        (
            "'a'",
            r"invalid character '\'' looking for beginning of value",
        ),
        (
            "\u{1}",
            r"invalid character '\x01' looking for beginning of value",
        ),
    ];
    for (json, expected) in table {
        assert_eq!(
            syntax_error(json.as_bytes()).as_deref(),
            Some(expected),
            "{json}"
        );
    }
    for json in [
        r#" {"a":[1,-0.5e+7,true,null,"\u00e9\"",{}],"b":{"c":[]}} "#,
        "0",
        r#""""#,
    ] {
        assert_eq!(syntax_error(json.as_bytes()), None, "{json}");
    }
}
