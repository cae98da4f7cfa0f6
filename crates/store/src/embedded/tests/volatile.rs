//! Volatile keys: like any other to whoever reads, nothing to the disk, gone at reopening; and
//! revisions that are never given away twice.

use super::*;
use crate::limits::VOLATILE_REVISIONS;

fn options(limits: Limits) -> Options {
    Options {
        limits,
        volatile: vec!["lease/".into(), "beat/".into()],
    }
}

fn open_volatile(directory: &Path) -> Embedded {
    Embedded::open_with(directory, options(Limits::default())).unwrap()
}

/// Every byte of every file of the log.
fn logs(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let logs = names(directory).into_iter().filter(|it| it != "lock");
    logs.map(|name| (name.clone(), fs::read(directory.join(name)).unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_when_everything_is_volatile() {
    let root = temporary();
    let next = std::cell::Cell::new(0);
    let make = |limits| -> Arc<dyn Store> {
        next.set(next.get() + 1);
        let directory = root.path().join(next.get().to_string());
        let volatile = vec![String::new()];
        Arc::new(Embedded::open_with(&directory, Options { limits, volatile }).unwrap())
    };
    suite(&make).await;
}

#[tokio::test]
async fn costs_no_write() {
    let root = temporary();
    let store = open_volatile(root.path());
    put(&store, "node", "durable").await;
    let first = put(&store, "lease/a", "0").await;
    let before = logs(root.path());
    let mut watch = store.watch("", first).await.unwrap();
    for i in 1..50 {
        let at = put(&store, "lease/a", &i.to_string()).await;
        assert_eq!(at, first + i);
        let Event::Changes(changes) = watch.next().await.unwrap() else {
            panic!("no changes");
        };
        assert_eq!(changes[0].revision, at);
        assert_eq!(
            changes[0].previous.as_deref(),
            Some((i - 1).to_string().as_bytes())
        );
    }
    assert_eq!(
        store
            .get("lease/a", Some(first + 3))
            .await
            .unwrap()
            .unwrap()
            .value,
        "3"
    );
    assert_eq!(contents(&store).await.len(), 2);
    commit(&store, Transaction::delete("lease/a")).await;
    assert_eq!(contents(&store).await.len(), 1);
    assert_eq!(logs(root.path()), before);
}

#[tokio::test]
async fn revisions_are_reserved_in_blocks() {
    let root = temporary();
    let store = open_volatile(root.path());
    let mut writes = 0;
    let mut before = logs(root.path());
    for i in 0..5 * VOLATILE_REVISIONS {
        put(&store, "beat/a", &i.to_string()).await;
        let after = logs(root.path());
        writes += usize::from(after != before);
        before = after;
    }
    assert!((4..=6).contains(&writes), "{writes} writes");
}

#[tokio::test]
async fn forgotten_at_reopening_but_for_their_revisions() {
    let root = temporary();
    let mut highest = 0;
    for round in 0..4 {
        let store = open_volatile(root.path());
        assert!(store.revision() >= highest);
        assert_eq!(store.get("lease/a", None).await.unwrap(), None);
        let refused = highest > 0 && store.watch("lease/", highest - 1).await.is_err();
        assert!(highest == 0 || refused, "a watch with a hole was given out");
        let durable = put(&store, &format!("k{round}"), "x").await;
        assert!(durable > highest);
        for i in 0..VOLATILE_REVISIONS + 7 {
            highest = put(&store, "lease/a", &i.to_string()).await;
        }
        if round % 2 == 0 {
            highest = put(&store, "last", "durable").await;
        }
    }
    let held = contents(&open_volatile(root.path())).await;
    let keys: Vec<_> = held.iter().map(|(key, ..)| &**key).collect();
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "last"]);
    // Without the option the log reads the same.
    assert_eq!(contents(&open(root.path())).await, held);
}

#[tokio::test]
async fn a_mixed_transaction_is_durable_for_its_durable_part() {
    let root = temporary();
    let store = open_volatile(root.path());
    let both = Transaction::put("lease/a", "v").and_put("a", "d");
    let at = commit(&store, both).await;
    let held = contents(&store).await;
    assert_eq!(held.iter().map(|it| it.2).collect::<Vec<_>>(), [at, at]);
    let on_lease = |value: &str| {
        let condition = crate::Condition::AtRevision("lease/a".into(), at);
        Transaction::put("a", value.to_owned()).when(condition)
    };
    let later = commit(&store, on_lease("e")).await;
    drop(store);
    let store = open_volatile(root.path());
    assert_eq!(contents(&store).await, [("a".into(), b"e".to_vec(), later)]);
    let conflict = store.transact(on_lease("f")).await.unwrap();
    assert!(matches!(conflict, Outcome::Conflict { .. }));
}

#[tokio::test]
async fn memory_is_bounded() {
    let root = temporary();
    let limits = Limits {
        volatile_bytes: 1_000,
        ..Limits::default()
    };
    let store = Embedded::open_with(root.path(), options(limits)).unwrap();
    let large = || Transaction::put("lease/a", vec![7; 900]);
    commit(&store, large()).await;
    let other = || Transaction::put("lease/b", vec![7; 200]);
    let refused = store.transact(other()).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    commit(&store, large()).await;
    commit(&store, Transaction::delete("lease/a")).await;
    commit(&store, other()).await;
}

#[tokio::test]
async fn rewriting_leaves_them_out_and_keeps_revisions_apart() {
    let root = temporary();
    let mut highest = 0;
    for _ in 0..5 {
        let store = Embedded::open_with(root.path(), options(eager())).unwrap();
        assert!(store.revision() >= highest);
        for i in 0..200 {
            put(&store, &format!("k{}", i % 5), "something to throw away").await;
            put(&store, "lease/a", "volatile").await;
            highest = put(&store, "beat/a", "volatile").await;
        }
        assert_eq!(contents(&store).await.len(), 7);
    }
    for (name, bytes) in logs(root.path()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("volatile"), "{name}");
    }
    assert_eq!(contents(&open(root.path())).await.len(), 5);
}

/// A key that was durable under an earlier configuration does not come back as it was then.
#[tokio::test]
async fn a_key_that_became_volatile() {
    let root = temporary();
    let store = open(root.path());
    put(&store, "a", "1").await;
    put(&store, "lease/a", "old").await;
    let last = put(&store, "b", "1").await;
    drop(store);
    let store = open_volatile(root.path());
    assert_eq!(contents(&store).await.len(), 2);
    assert_eq!(store.revision(), last);
}
