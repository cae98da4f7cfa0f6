//! The shapes of names as tables.

use super::*;

#[test]
fn shapes() {
    for good in ["a", "a-b", "0", "a.b-c.d"] {
        assert!(subdomain_errors(good).is_empty(), "{good}");
    }
    for bad in ["", "A", "-a", "a-", "a..b", "a_b"] {
        assert!(!subdomain_errors(bad).is_empty(), "{bad}");
    }
    assert_eq!(
        label_errors(&"a".repeat(64)),
        ["must be no more than 63 bytes"]
    );
}

#[test]
fn qualified_names_and_values() {
    for good in ["a", "A.b_c-d", "example.com/Name", "0"] {
        assert!(qualified_name_errors(good).is_empty(), "{good}");
    }
    for bad in ["", "/a", "a/", "a/b/c", "-a", "A.com/x", "a b"] {
        assert!(!qualified_name_errors(bad).is_empty(), "{bad}");
    }
    assert_eq!(
        qualified_name_errors("x/-"),
        [
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        ]
    );
    assert!(label_value_errors("").is_empty());
    assert!(!label_value_errors("a b").is_empty());
}

#[test]
fn every_other_shape() {
    type Check = fn(&str) -> Vec<String>;
    let table: [(Check, &[&str], &[&str]); 7] = [
        (dns1035_label_errors, &["a", "a-0"], &["0a", "", "a-", "A"]),
        (
            wildcard_subdomain_errors,
            &["*.a.b"],
            &["*", "a.b", "*.*.a"],
        ),
        (
            port_name_errors,
            &["http", "p-1"],
            &["", "1", "-a", "a--b", "HTTP", "abcdefghijklmnop"],
        ),
        (env_var_name_errors, &["A", "a b", "1-x"], &["", "a=b", "é"]),
        (
            config_map_key_errors,
            &["a.b", ".x"],
            &["", ".", "..", "..a", "a/b"],
        ),
        (percent_errors, &["1%"], &["%", "1", "-1%"]),
        (
            path_segment_errors,
            &["system:node"],
            &[".", "..", "a/b", "%"],
        ),
    ];
    for (check, good, bad) in table {
        for text in good {
            assert!(check(text).is_empty(), "{text}: {:?}", check(text));
        }
        for text in bad {
            assert!(!check(text).is_empty(), "{text}");
        }
    }
    assert_eq!(
        port_number_errors(0),
        ["must be between 1 and 65535, inclusive"]
    );
}
