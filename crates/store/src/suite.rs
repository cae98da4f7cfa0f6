//! The conformance suite: what every engine must do, written once against the trait.

pub(crate) mod model;

use crate::{
    Change, Condition, Error, Event, Limits, Outcome, RangeOptions, Revision, Store, Transaction,
    Watch, limits,
};
use std::sync::Arc;

/// Opens an empty store with these limits.
pub(crate) type Make<'a> = &'a dyn Fn(Limits) -> Arc<dyn Store>;

/// Runs every case on a fresh store each.
pub(crate) async fn suite(make: Make<'_>) {
    let fresh = || make(Limits::default());
    empty(fresh()).await;
    compare_and_set(fresh()).await;
    transactions_are_whole(fresh()).await;
    no_change_no_revision(fresh()).await;
    limits_are_kept(fresh()).await;
    range_reads_one_revision(fresh()).await;
    pages_are_consistent(fresh()).await;
    large_range(fresh()).await;
    watch_replays_then_follows(fresh()).await;
    replays_keep_transactions_whole(fresh()).await;
    watch_is_gapless_under_writers(fresh()).await;
    progress_on_request(fresh()).await;
    slow_watcher_is_cut(fresh()).await;
    closing_ends_watches(fresh()).await;
    compaction(fresh()).await;
    history_is_bounded(make(Limits {
        history_changes: 10,
        ..Limits::default()
    }))
    .await;
    one_winner(fresh()).await;
}

pub(crate) async fn put(store: &dyn Store, key: &str, value: &str) -> Revision {
    commit(store, Transaction::put(key, value.to_owned())).await
}

pub(crate) async fn commit(store: &dyn Store, transaction: Transaction) -> Revision {
    match store.transact(transaction).await.unwrap() {
        Outcome::Committed(revision) => revision,
        Outcome::Conflict { key } => panic!("conflict on {key}"),
    }
}

async fn read(store: &dyn Store, key: &str, at: Option<Revision>) -> Option<String> {
    let entry = store.get(key, at).await.unwrap()?;
    Some(String::from_utf8(entry.value.to_vec()).unwrap())
}

async fn list(store: &dyn Store, options: RangeOptions<'_>) -> Vec<String> {
    let result = store.range(options).await.unwrap();
    result.entries.iter().map(|e| e.key.to_string()).collect()
}

pub(crate) async fn changes(watch: &mut Watch) -> Vec<Change> {
    match watch.next().await.unwrap() {
        Event::Changes(changes) => changes,
        Event::Progress(revision) => panic!("progress {revision} not asked for"),
    }
}

async fn empty(store: Arc<dyn Store>) {
    assert_eq!(store.revision(), 1);
    assert_eq!(store.get("a", None).await.unwrap(), None);
    let all = store.range(RangeOptions::default()).await.unwrap();
    assert_eq!((all.entries.len(), all.more, all.revision), (0, false, 1));
    let future = store.get("a", Some(2)).await.unwrap_err();
    assert!(matches!(
        future,
        Error::Future {
            requested: 2,
            current: 1
        }
    ));
    assert!(matches!(
        store.watch("", 2).await.err(),
        Some(Error::Future { .. })
    ));
    assert!(matches!(
        store.get("a", Some(0)).await,
        Err(Error::Compacted { .. })
    ));
}

async fn compare_and_set(store: Arc<dyn Store>) {
    let create = || Transaction::put("a", "1").when(Condition::Absent("a".into()));
    assert_eq!(
        store.transact(create()).await.unwrap(),
        Outcome::Committed(2)
    );
    let conflict = Outcome::Conflict { key: "a".into() };
    assert_eq!(store.transact(create()).await.unwrap(), conflict);
    let update = |at| Transaction::put("a", "2").when(Condition::AtRevision("a".into(), at));
    assert_eq!(store.transact(update(1)).await.unwrap(), conflict);
    assert_eq!(
        store.transact(update(2)).await.unwrap(),
        Outcome::Committed(3)
    );
    assert_eq!(store.transact(update(2)).await.unwrap(), conflict);
    let present = |key: &str| Transaction::delete("a").when(Condition::Present(key.into()));
    let on_b = Outcome::Conflict { key: "b".into() };
    assert_eq!(store.transact(present("b")).await.unwrap(), on_b);
    assert_eq!(
        store.transact(present("a")).await.unwrap(),
        Outcome::Committed(4)
    );
    assert_eq!(store.transact(present("a")).await.unwrap(), conflict);
    assert_eq!(
        store.transact(create()).await.unwrap(),
        Outcome::Committed(5)
    );
    assert_eq!(store.get("a", None).await.unwrap().unwrap().revision, 5);
    assert_eq!(store.revision(), 5);
}

async fn transactions_are_whole(store: Arc<dyn Store>) {
    put(&*store, "a", "1").await;
    let failing = Transaction::put("a", "2")
        .and_put("b", "2")
        .when(Condition::Present("a".into()))
        .when(Condition::Present("missing".into()));
    let conflict = Outcome::Conflict {
        key: "missing".into(),
    };
    assert_eq!(store.transact(failing).await.unwrap(), conflict);
    assert_eq!(read(&*store, "a", None).await.as_deref(), Some("1"));
    let mut watch = store.watch("", 2).await.unwrap();
    let both = Transaction::put("b", "3").and_delete("a").and_put("c", "3");
    assert_eq!(commit(&*store, both).await, 3);
    let seen = changes(&mut watch).await;
    let keys: Vec<_> = seen.iter().map(|c| (&*c.key, c.revision)).collect();
    assert_eq!(keys, [("b", 3), ("a", 3), ("c", 3)]);
    assert_eq!(seen[1].previous.as_deref(), Some(&b"1"[..]));
    assert_eq!((&seen[1].value, &seen[0].previous), (&None, &None));
    assert_eq!(list(&*store, RangeOptions::default()).await, ["b", "c"]);
}

async fn no_change_no_revision(store: Arc<dyn Store>) {
    put(&*store, "a", "1").await;
    assert_eq!(commit(&*store, Transaction::delete("none")).await, 2);
    let check = Transaction::default().when(Condition::Present("a".into()));
    assert_eq!(commit(&*store, check).await, 2);
    assert_eq!(store.revision(), 2);
}

async fn limits_are_kept(store: Arc<dyn Store>) {
    let largest = vec![7; limits::VALUE_BYTES];
    commit(&*store, Transaction::put("a", largest.clone())).await;
    assert_eq!(store.get("a", None).await.unwrap().unwrap().value, largest);
    let over = Transaction::put("a", vec![7; limits::VALUE_BYTES + 1]);
    let many = (0..=limits::TRANSACTION_OPERATIONS).fold(Transaction::default(), |t, i| {
        t.and_put(format!("k{i}"), "v")
    });
    let heavy = (0..5).fold(Transaction::default(), |t, i| {
        t.and_put(format!("k{i}"), largest.clone())
    });
    let long_key = Transaction::put("k".repeat(limits::KEY_BYTES + 1), "v");
    for transaction in [over, many, heavy, long_key] {
        let refused = store.transact(transaction).await;
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }
    let twice = Transaction::put("a", "1").and_delete("a");
    let refused = store.transact(twice).await;
    assert!(matches!(refused, Err(Error::DuplicateKey { .. })));
    assert_eq!(store.revision(), 2);
}

async fn range_reads_one_revision(store: Arc<dyn Store>) {
    put(&*store, "p/a", "1").await;
    put(&*store, "p/b", "1").await;
    put(&*store, "q", "1").await;
    put(&*store, "p/a", "2").await;
    commit(&*store, Transaction::delete("p/b")).await;
    let at = |at| RangeOptions {
        prefix: "p/",
        at: Some(at),
        ..RangeOptions::default()
    };
    assert_eq!(list(&*store, at(1)).await, [""; 0]);
    assert_eq!(list(&*store, at(2)).await, ["p/a"]);
    assert_eq!(list(&*store, at(5)).await, ["p/a", "p/b"]);
    assert_eq!(list(&*store, at(6)).await, ["p/a"]);
    let old = store.range(at(4)).await.unwrap();
    assert_eq!((old.revision, old.entries[0].revision), (4, 2));
    assert_eq!(read(&*store, "p/a", Some(4)).await.as_deref(), Some("1"));
    assert_eq!(read(&*store, "p/a", Some(5)).await.as_deref(), Some("2"));
    assert_eq!(read(&*store, "p/b", Some(6)).await, None);
}

async fn pages_are_consistent(store: Arc<dyn Store>) {
    for i in 0..10 {
        put(&*store, &format!("p/{i}"), "old").await;
    }
    let first = RangeOptions {
        prefix: "p/",
        limit: 3,
        ..RangeOptions::default()
    };
    let mut page = store.range(first).await.unwrap();
    let revision = page.revision;
    let mut seen = Vec::new();
    loop {
        put(&*store, &format!("p/{}x", seen.len()), "new").await;
        commit(&*store, Transaction::delete("p/7")).await;
        seen.extend(page.entries);
        if !page.more {
            break;
        }
        let last = Arc::clone(&seen.last().unwrap().key);
        let next = RangeOptions {
            at: Some(revision),
            start_after: Some(&last),
            ..first
        };
        page = store.range(next).await.unwrap();
        assert_eq!(page.revision, revision);
    }
    let keys: Vec<_> = seen.iter().map(|e| e.key.to_string()).collect();
    let wanted: Vec<_> = (0..10).map(|i| format!("p/{i}")).collect();
    assert_eq!(keys, wanted);
    assert!(seen.iter().all(|e| e.value == "old"));
    let exact = RangeOptions {
        at: Some(revision),
        limit: 10,
        ..first
    };
    assert!(!store.range(exact).await.unwrap().more);
}

async fn large_range(store: Arc<dyn Store>) {
    for i in 0..200 {
        put(&*store, &format!("{i:03}"), &i.to_string()).await;
    }
    let all = store.range(RangeOptions::default()).await.unwrap();
    let values: Vec<_> = all.entries.iter().map(|e| e.value.clone()).collect();
    let wanted: Vec<_> = (0..200).map(|i| i.to_string()).collect();
    assert_eq!(values, wanted);
}

async fn replays_keep_transactions_whole(store: Arc<dyn Store>) {
    // Sizes that no step of a replay is a multiple of.
    for round in 0..20 {
        let mut transaction = Transaction::put(format!("/k/{round}/0"), "v");
        for number in 1..100 {
            transaction = transaction.and_put(format!("/k/{round}/{number}"), "v");
        }
        store.transact(transaction).await.unwrap();
    }
    let mut watch = store.watch("/k/", 1).await.unwrap();
    let (mut last, mut count) = (0, 0);
    while count < 2000 {
        let Ok(Event::Changes(changes)) = watch.next().await else {
            panic!("the replay ended after {count} changes");
        };
        assert!(
            changes[0].revision > last,
            "a transaction was split at {last}"
        );
        last = changes[changes.len() - 1].revision;
        count += changes.len();
    }
}

async fn watch_replays_then_follows(store: Arc<dyn Store>) {
    put(&*store, "p/a", "1").await;
    put(&*store, "q/a", "1").await;
    put(&*store, "p/a", "2").await;
    let mut watch = store.watch("p/", 1).await.unwrap();
    let mut tail = store.watch("p/", store.revision()).await.unwrap();
    put(&*store, "q/a", "2").await;
    commit(&*store, Transaction::delete("p/a")).await;
    let mut seen = changes(&mut watch).await;
    seen.extend(changes(&mut watch).await);
    let facts: Vec<_> = seen
        .iter()
        .map(|c| (c.revision, c.value.as_deref(), c.previous.as_deref()))
        .collect();
    let (one, two) = (Some(&b"1"[..]), Some(&b"2"[..]));
    assert_eq!(facts, [(2, one, None), (4, two, one), (6, None, two)]);
    assert_eq!(changes(&mut tail).await, seen[2..]);
}

async fn watch_is_gapless_under_writers(store: Arc<dyn Store>) {
    let (writers, each) = (8, 200);
    let mut early = store.watch("w/", 1).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for i in 0..each {
                put(&*store, &format!("w/{writer}"), &i.to_string()).await;
                put(&*store, &format!("other/{writer}"), "x").await;
            }
        });
    }
    let wanted = writers * each;
    let mut seen = Vec::new();
    let mut late = None;
    while seen.len() < wanted {
        seen.extend(changes(&mut early).await);
        if late.is_none() && seen.len() > wanted / 3 {
            late = Some(store.watch("w/", 1).await.unwrap());
        }
    }
    let mut again = Vec::new();
    let mut late = late.unwrap();
    while again.len() < wanted {
        again.extend(changes(&mut late).await);
    }
    assert_eq!(
        seen, again,
        "a watch from history equals one that was there"
    );
    assert!(seen.is_sorted_by(|a, b| a.revision < b.revision));
    for writer in 0..writers {
        let key = format!("w/{writer}");
        let own: Vec<_> = seen.iter().filter(|c| *c.key == *key).collect();
        let values: Vec<_> = own.iter().map(|c| c.value.clone().unwrap()).collect();
        let wanted: Vec<_> = (0..each).map(|i| i.to_string()).collect();
        assert_eq!(values, wanted);
        assert!(own.windows(2).all(|pair| pair[1].previous == pair[0].value));
    }
    tasks.join_all().await;
}

async fn progress_on_request(store: Arc<dyn Store>) {
    let mut watch = store.watch("p/", 1).await.unwrap();
    put(&*store, "p/a", "1").await;
    let at = put(&*store, "q", "1").await;
    watch.progress().request();
    assert_eq!(changes(&mut watch).await.len(), 1);
    assert_eq!(watch.next().await.unwrap(), Event::Progress(at));
    let request = watch.progress();
    let waiting = tokio::spawn(async move { watch.next().await.unwrap() });
    request.request();
    assert_eq!(waiting.await.unwrap(), Event::Progress(at));
}

async fn slow_watcher_is_cut(store: Arc<dyn Store>) {
    let mut slow = store.watch("p/", 1).await.unwrap();
    let per = limits::TRANSACTION_OPERATIONS;
    for _ in 0..=limits::WATCH_QUEUE / per {
        let many = (0..per).fold(Transaction::default(), |t, i| {
            t.and_put(format!("p/{i}"), "v")
        });
        commit(&*store, many).await;
    }
    assert!(matches!(slow.next().await, Err(Error::SlowWatcher { .. })));
    let mut fresh = store.watch("p/", store.revision()).await.unwrap();
    put(&*store, "p/0", "after").await;
    assert_eq!(changes(&mut fresh).await.len(), 1);
}

async fn closing_ends_watches(store: Arc<dyn Store>) {
    let mut watch = store.watch("", 1).await.unwrap();
    drop(store);
    assert!(matches!(watch.next().await, Err(Error::Closed)));
}

async fn compaction(store: Arc<dyn Store>) {
    put(&*store, "a", "1").await;
    put(&*store, "b", "1").await;
    put(&*store, "a", "2").await;
    commit(&*store, Transaction::delete("b")).await;
    let mut open = store.watch("", 1).await.unwrap();
    store.compact(4).await.unwrap();
    let refused = store.get("a", Some(3)).await.unwrap_err();
    assert!(matches!(
        refused,
        Error::Compacted {
            requested: 3,
            oldest: 4
        }
    ));
    assert!(matches!(
        store.watch("", 3).await.err(),
        Some(Error::Compacted { .. })
    ));
    assert_eq!(read(&*store, "a", Some(4)).await.as_deref(), Some("2"));
    assert_eq!(read(&*store, "b", Some(4)).await.as_deref(), Some("1"));
    assert_eq!(read(&*store, "b", None).await, None);
    assert_eq!(
        changes(&mut open).await.len(),
        4,
        "an open watch keeps what it was promised"
    );
    let mut watch = store.watch("", 4).await.unwrap();
    let after = changes(&mut watch).await;
    assert_eq!(after[0].previous.as_deref(), Some(&b"1"[..]));
    assert!(matches!(store.compact(9).await, Err(Error::Future { .. })));
    store.compact(2).await.unwrap();
    assert!(
        store.get("a", Some(3)).await.is_err(),
        "history does not come back"
    );
}

async fn history_is_bounded(store: Arc<dyn Store>) {
    for i in 0..50 {
        put(&*store, "a", &i.to_string()).await;
    }
    assert!(matches!(
        store.get("a", Some(20)).await,
        Err(Error::Compacted { .. })
    ));
    assert_eq!(read(&*store, "a", Some(45)).await.as_deref(), Some("43"));
    assert!(store.watch("", 20).await.is_err());
    assert!(store.watch("", 45).await.is_ok());
}

/// Many add one to the same number by compare-and-set; no addition is lost.
async fn one_winner(store: Arc<dyn Store>) {
    put(&*store, "n", "0").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut done = 0;
            while done < 20 {
                let entry = store.get("n", None).await.unwrap().unwrap();
                let n: u64 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
                let add = Transaction::put("n", (n + 1).to_string())
                    .when(Condition::AtRevision("n".into(), entry.revision));
                match store.transact(add).await.unwrap() {
                    Outcome::Committed(_) => done += 1,
                    Outcome::Conflict { .. } => {}
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(read(&*store, "n", None).await.as_deref(), Some("160"));
    assert_eq!(store.revision(), 162);
}
