//! Selectors as tables: text to canonical text, labels to verdicts, and no input that panics.

use super::*;
use proptest::prelude::*;

#[test]
fn canonical_forms() {
    let table = [
        ("", ""),
        ("a=b", "a=b"),
        ("b=c,a==d", "a==d,b=c"),
        ("a!=b", "a!=b"),
        ("e in (y, x)", "e in (x,y)"),
        ("f notin (z)", "f notin (z)"),
        ("g", "g"),
        ("! h", "!h"),
        ("a=", "a="),
        ("x>1,y<2", "x>1,y<2"),
        ("a in (b,)", "a in (,b)"),
        ("app.kubernetes.io/name=x", "app.kubernetes.io/name=x"),
    ];
    for (text, canonical) in table {
        let parsed = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.to_string(), canonical, "{text}");
    }
}

#[test]
fn malformed() {
    let table = [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        (
            "=b",
            "found '=', expected: !, identifier, or 'end of string'",
        ),
        (
            "a in b",
            "unable to parse requirement: found 'b', expected: '('",
        ),
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        (
            "a in (b",
            "unable to parse requirement: found '', expected: ',' or ')'",
        ),
    ];
    for (text, message) in table {
        assert_eq!(
            Selector::parse(text).map_err(|error| error.to_string()),
            Err(message.to_owned()),
            "{text}"
        );
    }
    for text in ["a=-", "-=a", "x>y", "a/b/c=d"] {
        assert!(Selector::parse(text).is_err(), "{text}");
    }
}

#[test]
fn matching() {
    let labels = BTreeMap::from([
        ("app".to_owned(), "web".to_owned()),
        ("n".to_owned(), "5".to_owned()),
    ]);
    let table = [
        ("", true),
        ("app=web", true),
        ("app!=web", false),
        ("other!=web", true),
        ("app in (web,db)", true),
        ("app notin (web)", false),
        ("other notin (web)", true),
        ("app", true),
        ("!app", false),
        ("!other", true),
        ("n>4", true),
        ("n<5", false),
        ("app>4", false),
        ("app=web,n=6", false),
    ];
    for (text, verdict) in table {
        let selector = Selector::parse(text).unwrap();
        assert_eq!(selector.matches(Some(&labels)), verdict, "{text}");
    }
    assert!(!Selector::nothing().matches(Some(&labels)));
    assert!(Selector::everything().matches(None));
    assert!(!Selector::from_typed(None).unwrap().matches(None));
    assert!(
        Selector::from_typed(Some(&LabelSelector::default()))
            .unwrap()
            .matches(None)
    );
}

proptest! {
    #[test]
    fn no_input_panics(text in ".{0,40}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn near_misses_do_not_panic(text in "[ab!=(), ]{0,20}( in| notin)?[ab!=(), ]{0,20}") {
        let _ = Selector::parse(&text);
    }
}
