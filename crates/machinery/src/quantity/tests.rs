//! Quantities as tables: text to canonical text and values, and no input that panics.

use super::*;
use proptest::prelude::*;

#[test]
fn canonical_forms() {
    let table = [
        ("0", "0"),
        ("0Gi", "0"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1.5", "1500m"),
        (".5", "500m"),
        ("5.", "5"),
        ("+5", "5"),
        ("-5", "-5"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Mi", "512Ki"),
        ("512Ki", "512Ki"),
        ("1Ki", "1Ki"),
        ("1000Ki", "1000Ki"),
        ("0.1Gi", "107374182400m"),
        ("100", "100"),
        ("1000", "1k"),
        ("1000000", "1M"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1E", "1E"),
        ("1e-3", "1e-3"),
        ("12.345", "12345m"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("1.1n", "2n"),
        ("100u", "100u"),
        ("123456789", "123456789"),
        ("9223372036854775807", "9223372036854775807"),
        ("99999999999999999999", "9223372036854775807"),
        ("8Ei", "9223372036854775807"),
        ("1e100", "9223372036854775807"),
        ("1e-100", "1e-9"),
        ("0001", "1"),
        ("256Ti", "256Ti"),
    ];
    for (text, form) in table {
        assert_eq!(canonical(text).as_deref(), Ok(form), "{text}");
    }
}

#[test]
fn malformed() {
    let table = [
        ("", Error::Format),
        ("abc", Error::Format),
        ("1.2.3", Error::Format),
        ("--1", Error::Format),
        ("1 Gi", Error::Format),
        ("1gi", Error::Format),
        ("1mi", Error::Suffix),
        ("1kk", Error::Suffix),
        (".", Error::Format),
        ("+", Error::Format),
    ];
    for (text, error) in table {
        assert_eq!(Quantity::parse(text), Err(error), "{text}");
    }
}

#[test]
fn arithmetic() {
    let q = |text: &str| Quantity::parse(text).unwrap();
    assert_eq!(q("1") + q("500m"), q("1500m"));
    assert_eq!(q("1Gi") - q("512Mi"), q("512Mi"));
    assert_eq!((Quantity::ZERO + q("1Ki")).to_string(), "1Ki");
    assert!(q("1") > q("999m"));
    assert_eq!(q("100m").value(), 1);
    assert_eq!(q("-100m").value(), 0);
    assert_eq!(q("1.0001").milli_value(), 1001);
    assert_eq!(q("2").milli_value(), 2000);
    assert_eq!(q("9E") + q("9E"), q("9223372036854775807"));
    assert_eq!(q("500m").percent_of(q("2")), 25);
    assert!(q("1").is_whole() && !q("1m").is_whole());
}

proptest! {
    #[test]
    fn no_input_panics(text in ".{0,30}") {
        let _ = Quantity::parse(&text);
    }

    #[test]
    fn canonical_forms_read_back(text in "[+-]?[0-9]{0,25}\\.?[0-9]{0,25}([numkMGTPE]|[KMGTPE]i|e-?[0-9]{1,3})?") {
        if let Ok(quantity) = Quantity::parse(&text) {
            let again = Quantity::parse(&quantity.to_string());
            prop_assert_eq!(again, Ok(quantity));
        }
    }
}
