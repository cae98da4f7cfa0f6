//! Tables of schedules and the times they strike.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn next_times() {
    let table = [
        (
            "*/5 * * * *",
            "UTC",
            "2026-01-01T00:02:10Z",
            "2026-01-01T00:05:00Z",
        ),
        (
            "0 3 * * 1-5",
            "UTC",
            "2026-01-02T04:00:00Z",
            "2026-01-05T03:00:00Z",
        ),
        (
            "0 3 * * MON",
            "UTC",
            "2026-01-02T04:00:00Z",
            "2026-01-05T03:00:00Z",
        ),
        // Either day is enough when both are named.
        (
            "0 0 13 * 5",
            "UTC",
            "2026-01-03T00:00:00Z",
            "2026-01-09T00:00:00Z",
        ),
        (
            "3/20 * * * *",
            "UTC",
            "2026-01-01T00:04:00Z",
            "2026-01-01T00:23:00Z",
        ),
        (
            "0 12 * * ?",
            "UTC",
            "2026-01-01T00:00:00Z",
            "2026-01-01T12:00:00Z",
        ),
        (
            "@hourly",
            "UTC",
            "2026-01-01T00:04:00Z",
            "2026-01-01T01:00:00Z",
        ),
        (
            "@midnight",
            "UTC",
            "2026-01-01T00:04:00Z",
            "2026-01-02T00:00:00Z",
        ),
        (
            "@every 1m30s",
            "UTC",
            "2026-01-01T00:00:00.5Z",
            "2026-01-01T00:01:30Z",
        ),
        (
            "0 9 * * *",
            "Europe/Berlin",
            "2026-07-01T00:00:00Z",
            "2026-07-01T07:00:00Z",
        ),
        (
            "0 9 * * *",
            "Europe/Berlin",
            "2026-01-01T00:00:00Z",
            "2026-01-01T08:00:00Z",
        ),
    ];
    for (text, name, after, wanted) in table {
        let schedule = Schedule::parse(text, zone(Some(name)).unwrap()).unwrap();
        assert_eq!(schedule.next(at(after)), Some(at(wanted)), "{text}");
    }
    for text in [
        "",
        "* * * *",
        "60 * * * *",
        "0 0 * * * *",
        "@every x",
        "x * * * *",
    ] {
        assert!(Schedule::parse(text, TimeZone::UTC).is_err(), "{text}");
    }
    assert!(zone(Some("Nowhere/City")).is_err());
}

#[test]
fn strikes_around_now() {
    let schedule = |text: &str| Schedule::parse(text, TimeZone::UTC).unwrap();
    let five = schedule("*/5 * * * *");
    let look = five.strikes(at("2026-01-01T00:01:00Z"), at("2026-01-01T00:13:00Z"));
    assert_eq!(look.last, Some(at("2026-01-01T00:10:00Z")));
    assert_eq!(look.next, Some(at("2026-01-01T00:15:00Z")));
    assert!(!look.too_many);
    let look = five.strikes(at("2026-01-01T00:11:00Z"), at("2026-01-01T00:13:00Z"));
    assert_eq!(
        (look.last, look.next),
        (None, Some(at("2026-01-01T00:15:00Z")))
    );
    let look = five.strikes(at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
    assert!(look.too_many);
    let every = schedule("@every 7m");
    let look = every.strikes(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:20:00Z"));
    assert_eq!(look.last, Some(at("2026-01-01T00:14:00Z")));
    assert_eq!(look.next, Some(at("2026-01-01T00:21:00Z")));
    assert_eq!(
        schedule("0 0 30 2 *").next(at("2026-01-01T00:00:00Z")),
        None
    );
}
