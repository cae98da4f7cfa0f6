//! Who is next, and who waits for what.

use super::*;

fn key(name: &str) -> Key {
    Key::new("default", name)
}

#[tokio::test]
async fn priority_then_age() {
    let queue = Queue::default();
    queue.add(key("old"), 0);
    queue.add(key("new"), 0);
    queue.add(key("urgent"), 1000);
    for expected in ["urgent", "old", "new"] {
        assert_eq!(queue.next().await, key(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_pod_waits_for_an_event_that_helps() {
    let queue = Queue::default();
    let start = Instant::now();
    queue.add(key("a"), 0);
    queue.next().await;
    queue.refuse(&key("a"), vec!["NodeAffinity"]);
    queue.settle(&key("a"));
    queue.happened(Event::PodRemoved);
    assert!(matches!(
        queue.state.lock().pods[&key("a")].place,
        Place::Parked(..)
    ));
    queue.add(key("b"), 0);
    queue.happened(Event::Node);
    assert_eq!(
        queue.next().await,
        key("b"),
        "it backs off behind who is ready"
    );
    assert_eq!(queue.next().await, key("a"), "and not while nobody is");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_failure_backs_off_even_when_nobody_else_is_ready() {
    let queue = Queue::default();
    let start = Instant::now();
    queue.add(key("a"), 0);
    queue.next().await;
    queue.retry(&key("a"));
    queue.happened(Event::Node);
    assert_eq!(queue.next().await, key("a"));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn who_is_woken_too_early_waits_until_it_is_settled() {
    let queue = Queue::default();
    queue.add(key("a"), 0);
    for change in [false, true] {
        queue.next().await;
        queue.refuse(&key("a"), vec!["NodeAffinity"]);
        match change {
            false => queue.happened(Event::Node),
            true => queue.add(key("a"), 0),
        }
        assert_eq!(queue.state.lock().first(), None);
        queue.settle(&key("a"));
        assert_eq!(queue.state.lock().first(), Some(key("a")));
    }
}

#[tokio::test]
async fn who_fails_after_it_changed_is_in_the_queue_once() {
    let queue = Queue::default();
    queue.add(key("a"), 0);
    queue.next().await;
    queue.add(key("a"), 0);
    queue.retry(&key("a"));
    queue.remove(&key("a"));
    assert_eq!(queue.state.lock().first(), None);
}

#[tokio::test(start_paused = true)]
async fn without_events_it_is_tried_again_in_the_end() {
    let queue = Queue::default();
    queue.add(key("a"), 0);
    queue.next().await;
    queue.refuse(&key("a"), vec![]);
    queue.settle(&key("a"));
    let start = Instant::now();
    queue.next().await;
    assert_eq!(start.elapsed(), PARKED_LIMIT);
}
