//! Events in, verdicts out.

use super::*;
use k8s_openapi::api::core::v1::{EventSource, ObjectReference};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn event(about: &str, message: &str, second: i64) -> Event {
    let mut event = Event::default();
    event.metadata.name = Some(format!("{about}.{second}"));
    event.involved_object = ObjectReference {
        name: Some(about.to_owned()),
        ..ObjectReference::default()
    };
    event.reason = Some("R".to_owned());
    event.message = Some(message.to_owned());
    event.count = Some(1);
    event.first_timestamp = Some(Time(at(second)));
    event.source = Some(EventSource {
        component: Some("kubelet".to_owned()),
        host: None,
    });
    event
}

fn series(about: &str, action: &str, second: i64) -> Event {
    Event {
        event_time: Some(MicroTime(at(second))),
        action: Some(action.to_owned()),
        reporting_component: Some("default-scheduler".to_owned()),
        count: None,
        first_timestamp: None,
        source: None,
        ..event(about, "m", second)
    }
}

/// What becomes of each event: `name`, `name xCOUNT` or `-`.
fn run(correlator: &mut Correlator, events: Vec<(i64, Event)>) -> Vec<String> {
    let one = |(second, mut event): (i64, Event)| match correlator.judge(&mut event, at(second)) {
        Verdict::Drop => "-".to_owned(),
        Verdict::Create(key) => {
            correlator.created(&key, &event, at(second));
            event.metadata.name.unwrap()
        }
        Verdict::Repeat { name, .. } => {
            let count = event.series.and_then(|it| it.count).or(event.count);
            format!("{name} x{}", count.unwrap())
        }
    };
    events.into_iter().map(one).collect()
}

#[test]
fn repeats_raise_the_count() {
    let mut correlator = Correlator::new();
    let events = vec![
        (0, event("a", "m", 0)),
        (5, event("a", "m", 5)),
        (6, event("a", "other", 6)),
        (7, event("b", "m", 7)),
        (9000, event("a", "m", 9000)),
    ];
    let told = run(&mut correlator, events);
    assert_eq!(told, ["a.0", "a.0 x2", "a.6", "b.7", "a.0 x3"]);
    let mut again = event("a", "m", 9001);
    correlator.judge(&mut again, at(9001));
    assert_eq!(again.first_timestamp, Some(Time(at(0))));
}

#[test]
fn many_messages_become_one_event() {
    let mut correlator = Correlator::new();
    let events = (0..12)
        .map(|n| (n, event("a", &format!("m{n}"), n)))
        .collect();
    let told = run(&mut correlator, events);
    assert_eq!(told[8], "a.8");
    assert_eq!(told[9..], ["a.9", "a.9 x2", "a.9 x3"]);
    let mut next = event("a", "m12", 12);
    correlator.judge(&mut next, at(12));
    assert_eq!(
        next.message.as_deref(),
        Some("(combined from similar events): m12")
    );
    let mut late = event("a", "late", 700);
    assert!(matches!(
        correlator.judge(&mut late, at(700)),
        Verdict::Create(_)
    ));
    assert_eq!(late.message.as_deref(), Some("late"));
}

#[test]
fn a_flood_is_dropped_and_still_counted() {
    let mut correlator = Correlator::new();
    let flood = (0..30).map(|_| (0, event("a", "m", 0))).collect();
    let told = run(&mut correlator, flood);
    assert_eq!(told.iter().filter(|it| *it == "-").count(), 5);
    assert_eq!(run(&mut correlator, vec![(0, event("b", "m", 1))]), ["b.1"]);
    let later = vec![
        (299, event("a", "m", 2)),
        (300, event("a", "m", 3)),
        (301, event("a", "m", 4)),
    ];
    assert_eq!(run(&mut correlator, later), ["-", "a.0 x32", "-"]);
}

#[test]
fn series_go_on_while_they_are_fed() {
    let mut correlator = Correlator::new();
    let events = vec![
        (0, series("a", "Scheduling", 0)),
        (300, series("a", "Scheduling", 300)),
        (600, series("a", "Scheduling", 600)),
        (601, series("a", "Binding", 601)),
        (961, series("a", "Scheduling", 961)),
    ];
    let told = run(&mut correlator, events);
    assert_eq!(told, ["a.0", "a.0 x2", "a.0 x3", "a.601", "a.961"]);
}

#[test]
fn tables_forget_the_oldest() {
    let mut correlator = Correlator::new();
    let many = i64::try_from(REMEMBERED).unwrap() + 1;
    for n in 0..many {
        run(&mut correlator, vec![(n, event(&format!("o{n}"), "m", n))]);
    }
    assert_eq!(correlator.logged.entries.len(), REMEMBERED);
    let again = vec![
        (many, event("o0", "m", many)),
        (many, event("o9", "m", many)),
    ];
    assert_eq!(
        run(&mut correlator, again),
        [format!("o0.{many}"), "o9.9 x2".to_owned()]
    );
}
