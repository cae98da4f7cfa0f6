//! The embedded engine: conformance, reopening, torn tails, damage, rewriting, locking.

mod volatile;

use super::*;
use crate::{
    Event,
    suite::{commit, model, put, suite},
};
use std::fs;
use tempfile::TempDir;

pub(super) fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(directory: &Path) -> Embedded {
    Embedded::open(directory).unwrap()
}

/// Rewrites as often as it can.
pub(super) fn eager() -> Limits {
    Limits {
        history_changes: 6,
        garbage_bytes: 64,
        ..Limits::default()
    }
}

pub(super) type Contents = Vec<(String, Vec<u8>, Revision)>;

pub(super) async fn contents(store: &dyn Store) -> Contents {
    let all = store.range(RangeOptions::default()).await.unwrap();
    let entry = |e: Entry| (e.key.to_string(), e.value.to_vec(), e.revision);
    all.entries.into_iter().map(entry).collect()
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let root = temporary();
    let next = std::cell::Cell::new(0);
    let make = |limits| -> Arc<dyn Store> {
        next.set(next.get() + 1);
        let directory = root.path().join(next.get().to_string());
        Arc::new(Embedded::open_with(&directory, limits).unwrap())
    };
    suite(&make).await;
}

#[test]
fn equals_the_model() {
    equal_to_model(Limits::default(), false);
}

#[test]
fn equals_the_model_while_rewriting() {
    let all_history = Limits {
        history_changes: 10_000,
        ..eager()
    };
    equal_to_model(all_history, false);
}

#[test]
fn equals_the_model_while_rewriting_and_forgetting() {
    equal_to_model(eager(), true);
}

fn equal_to_model(limits: Limits, forgetful: bool) {
    let config = proptest::test_runner::Config::with_cases(96);
    proptest::proptest!(config, |(steps in model::steps())| {
        let root = temporary();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let open = || Arc::new(Embedded::open_with(root.path(), limits).unwrap());
        let reopen = |store: Arc<dyn Store>| -> Arc<dyn Store> {
            drop(store);
            open()
        };
        runtime.block_on(model::play(steps, open(), &reopen, forgetful));
    });
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let root = temporary();
    let store = open(root.path());
    put(&store, "a", "1").await;
    commit(&store, Transaction::put("b", "2").and_delete("a")).await;
    put(&store, "c", "").await;
    let before = contents(&store).await;
    drop(store);
    let files = names(root.path());
    let bytes = fs::read(root.path().join(&files[0])).unwrap();
    let store = open(root.path());
    assert_eq!(contents(&store).await, before);
    assert_eq!(store.revision(), 4);
    assert_eq!(store.get("a", Some(2)).await.unwrap().unwrap().value, "1");
    let mut watch = store.watch("", 1).await.unwrap();
    let Event::Changes(changes) = watch.next().await.unwrap() else {
        panic!("no changes");
    };
    assert_eq!(changes.len(), 4);
    drop(store);
    assert_eq!(
        fs::read(root.path().join(&files[0])).unwrap(),
        bytes,
        "opening writes nothing"
    );
}

#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let root = temporary();
    let directory = root.path().join("deep/er");
    drop(open(&directory));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for name in names(&directory) {
        assert_eq!(mode(&directory.join(name)), 0o600);
    }
}

#[test]
fn second_opening_is_refused() {
    let root = temporary();
    let first = open(root.path());
    let refused = Embedded::open(root.path()).err().unwrap().to_string();
    let wanted = format!(
        "{} is in use by process {}: stop it or choose another data directory",
        root.path().display(),
        std::process::id()
    );
    assert_eq!(refused, wanted);
    drop(first);
    open(root.path());
}

/// A log of a few commits, and after each: where it ended and what the store held.
struct Sample {
    log: Vec<u8>,
    ends: Vec<(usize, Contents)>,
}

async fn sample() -> Sample {
    let root = temporary();
    let store = open(root.path());
    let mut ends = vec![(64, Vec::new())];
    let path = root.path().join("0000000000000001.log");
    for i in 0..5 {
        let mut transaction = Transaction::put(format!("k{i}"), format!("value {i}"));
        if i > 1 {
            transaction = transaction.and_delete(format!("k{}", i - 2));
        }
        commit(&store, transaction).await;
        let log = fs::read(&path).unwrap();
        let end = log.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        ends.push((end, contents(&store).await));
    }
    drop(store);
    let mut log = fs::read(&path).unwrap();
    log.truncate(ends[ends.len() - 1].0 + 100);
    Sample { log, ends }
}

impl Sample {
    fn end(&self) -> usize {
        self.ends[self.ends.len() - 1].0
    }

    /// Opens a store whose log is these bytes.
    fn open(bytes: &[u8]) -> (TempDir, Result<Embedded, Error>) {
        let root = temporary();
        fs::write(root.path().join("0000000000000001.log"), bytes).unwrap();
        let store = Embedded::open(root.path());
        (root, store)
    }

    /// Expects what was held by the last commit that ends at or before `cut`, and a store that works.
    async fn expect(&self, bytes: &[u8], cut: usize) {
        let (root, store) = Self::open(bytes);
        let store = store.unwrap();
        let (_, held) = self.ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
        assert_eq!(&contents(&store).await, held, "cut at {cut}");
        put(&store, "after", "the cut").await;
        let held = contents(&store).await;
        drop(store);
        assert_eq!(contents(&open(root.path())).await, held);
    }
}

#[tokio::test]
async fn torn_at_every_byte() {
    let sample = sample().await;
    for cut in 64..=sample.end() {
        sample.expect(&sample.log[..cut], cut).await;
        let mut zeroed = sample.log.clone();
        zeroed[cut..].fill(0);
        // A last byte that is zero anyway is not torn.
        let cut = if zeroed == sample.log {
            sample.end()
        } else {
            cut
        };
        sample.expect(&zeroed, cut).await;
    }
}

#[tokio::test]
async fn corrupted_at_every_byte() {
    let sample = sample().await;
    let before_last = sample.ends[sample.ends.len() - 2].0;
    for at in 0..sample.end() {
        let mut bytes = sample.log.clone();
        bytes[at] ^= 0x41;
        if at >= before_last {
            sample.expect(&bytes, at).await;
            continue;
        }
        let (root, store) = Sample::open(&bytes);
        let error = store.err().unwrap();
        assert!(matches!(error, Error::Corrupt { .. }), "{at}: {error}");
        let kept = fs::read(root.path().join("0000000000000001.log")).unwrap();
        assert_eq!(kept, bytes, "damage is left as it is");
    }
}

#[tokio::test]
async fn half_a_batch_written_out_of_order() {
    let sample = sample().await;
    let start = sample.ends[sample.ends.len() - 2].0;
    for hole in start..sample.end() {
        let mut bytes = sample.log.clone();
        bytes[start..=hole].fill(0);
        sample.expect(&bytes, start).await;
    }
}

/// A value that holds the bytes of a valid frame must not make a torn tail look like damage.
#[tokio::test]
async fn stored_frames_are_not_frames() {
    let sample = sample().await;
    let root = temporary();
    let store = open(root.path());
    put(&store, "a", "1").await;
    commit(
        &store,
        Transaction::put("log", sample.log[..sample.end()].to_vec()),
    )
    .await;
    drop(store);
    let path = root.path().join("0000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let store = open(root.path());
    assert_eq!(contents(&store).await.len(), 1);
}

#[tokio::test]
async fn rewriting_bounds_the_files_and_keeps_everything() {
    let root = temporary();
    let limits = Limits {
        garbage_bytes: 64 << 10,
        history_changes: 100,
        ..Limits::default()
    };
    let store = Embedded::open_with(root.path(), limits).unwrap();
    for i in 0..3_000 {
        let value = format!("{i:01000}");
        commit(&store, Transaction::put(format!("k{}", i % 40), value)).await;
    }
    let before = contents(&store).await;
    let old = store.get("k0", Some(store.revision() - 50)).await.unwrap();
    // The writer looks at the log after each commit; wait for the last rewrite to be seen.
    while names(root.path()).iter().any(|name| name.ends_with(".tmp")) {
        tokio::task::yield_now().await;
    }
    drop(store);
    let used = |name: &String| {
        let bytes = fs::read(root.path().join(name)).unwrap();
        bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0)
    };
    let total: usize = names(root.path()).iter().map(used).sum();
    assert!(
        total < 1 << 20,
        "3 MB were written; the files hold {total} bytes"
    );
    let store = Embedded::open_with(root.path(), limits).unwrap();
    assert_eq!(contents(&store).await, before);
    assert_eq!(
        store.get("k0", Some(store.revision() - 50)).await.unwrap(),
        old
    );
    assert_eq!(store.revision(), 3_001);
}

#[tokio::test]
async fn readers_and_watchers_live_through_rewrites() {
    let root = temporary();
    let store = Arc::new(Embedded::open_with(root.path(), eager()).unwrap());
    let mut watch = store.watch("", 1).await.unwrap();
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for i in 0..2_000_u32 {
                put(&*store, &format!("k{}", i % 7), &i.to_string()).await;
            }
        }
    });
    let mut next = 2;
    while next < 2_002 {
        let Event::Changes(changes) = watch.next().await.unwrap() else {
            panic!("progress was not asked for");
        };
        for change in changes {
            assert_eq!(change.revision, next);
            assert_eq!(change.value.unwrap(), (next - 2).to_string());
            next += 1;
        }
        store.range(RangeOptions::default()).await.unwrap();
    }
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_watch_hears_of_those_who_left() {
    let root = temporary();
    let store = open(root.path());
    let mut watch = store.watch("", 1).await.unwrap().quiet();
    let bell = watch.bell();
    for i in 0..50_u32 {
        let mut commit = store.transact(Transaction::put("k", i.to_string()));
        let began = std::future::poll_fn(|context| {
            let pending = commit.as_mut().poll(context).is_pending();
            std::task::Poll::Ready(pending)
        });
        began.await;
        drop(commit);
        // As whoever leaves does: what is there by now it takes itself.
        let event = loop {
            match watch.take() {
                Some(event) => break event.unwrap(),
                None => bell.rung().await,
            }
        };
        let Event::Changes(changes) = event else {
            panic!("progress was not asked for");
        };
        assert_eq!(changes[0].value.as_deref(), Some(i.to_string().as_bytes()));
    }
    drop(store);
    assert!(matches!(watch.take(), Some(Err(Error::Closed))));
    bell.rung().await;
}

/// A crash between naming a rewritten file and removing what it replaces.
#[tokio::test]
async fn replaced_files_left_by_a_crash_are_removed() {
    let root = temporary();
    let store = Embedded::open_with(root.path(), eager()).unwrap();
    let first = root.path().join("0000000000000001.log");
    let mut old = fs::read(&first).unwrap();
    let mut revision = 0;
    while first.exists() {
        old = fs::read(&first).unwrap_or(old);
        revision = put(&store, "a", "something to throw away").await;
    }
    let held = contents(&store).await;
    drop(store);
    fs::write(&first, old).unwrap();
    fs::write(root.path().join("00000000000000ff.tmp"), "draft").unwrap();
    let store = open(root.path());
    assert_eq!((contents(&store).await, store.revision()), (held, revision));
    assert!(!first.exists());
    assert!(!names(root.path()).iter().any(|name| name.ends_with(".tmp")));
}

#[tokio::test]
async fn a_missing_file_is_damage() {
    let root = temporary();
    let store = Embedded::open_with(root.path(), eager()).unwrap();
    while names(root.path()).len() < 3 || names(root.path())[0].starts_with("0000000000000001") {
        put(&store, "a", "something to throw away").await;
    }
    drop(store);
    let logs = names(root.path());
    for missing in [&logs[0], &logs[1]] {
        let path = root.path().join(missing);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let refused = Embedded::open(root.path()).err().unwrap();
        assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
        fs::write(&path, bytes).unwrap();
        open(root.path());
    }
}
