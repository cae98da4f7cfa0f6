//! A writer is killed again and again; every write it acknowledged is there afterwards.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use store::{Embedded, Limits, Outcome, Store, Transaction};

const DIRECTORY: &str = "STORE_TEST_KILL_DIRECTORY";
const WRITERS: u64 = 8;
const KEYS: u64 = 20;

fn limits() -> Limits {
    Limits {
        history_changes: 200,
        garbage_bytes: 100_000,
        ..Limits::default()
    }
}

/// The writer's process: writes rising numbers and says so on standard output, until it is killed.
#[test]
#[ignore = "started by survives_kill"]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(Embedded::open_with(Path::new(&directory), limits()).unwrap());
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = Arc::clone(&store);
            writers.spawn(async move {
                for n in store.revision().. {
                    let key = format!("{writer}/{}", n % KEYS);
                    let pair = format!("pair/{key}");
                    let value = format!("{n:0200}");
                    let both = Transaction::put(&*key, value.clone()).and_put(pair, value);
                    let Outcome::Committed(revision) = store.transact(both).await.unwrap() else {
                        panic!("there was no condition");
                    };
                    let line = format!("ack {key} {n} {revision}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        writers.join_all().await;
    });
}

#[test]
fn survives_kill() {
    let root = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut acknowledged = BTreeMap::<String, (u64, u64)>::new();
    let mut total = 0;
    for round in 0..25_u64 {
        // Rounds differ so that kills fall at different moments: opening, committing, rewriting.
        let lines = run_and_kill(root.path(), Duration::from_millis(3 + round * 37 % 160));
        total += lines.len();
        for (key, n, revision) in lines {
            let last = acknowledged.entry(key).or_default();
            *last = (*last).max((n, revision));
        }
        let store = Embedded::open_with(root.path(), limits()).unwrap();
        runtime.block_on(verify(&store, &acknowledged));
    }
    assert!(total > 1_000, "only {total} writes were acknowledged");
}

/// Lets the writer work until it has acknowledged something and then for `time`; returns what it said.
fn run_and_kill(directory: &Path, time: Duration) -> Vec<(String, u64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let (first, started) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        // A line cut short by the kill was not said.
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let mut words = line.split(' ').skip_while(|word| *word != "ack").skip(1);
            let Some(key) = words.next() else { continue };
            let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
            let [n, revision] = numbers[..] else { continue };
            acknowledged.push((key.to_owned(), n, revision));
            // Only the first is waited for.
            let _ = first.send(());
        }
        acknowledged
    });
    started.recv().unwrap();
    drop(started);
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut acknowledged = reader.join().unwrap();
    // The last line may have lost its last digits.
    acknowledged.pop();
    acknowledged
}

async fn verify(store: &Embedded, acknowledged: &BTreeMap<String, (u64, u64)>) {
    for (key, (n, revision)) in acknowledged {
        let entry = store.get(key, None).await.unwrap();
        let entry = entry.unwrap_or_else(|| panic!("{key} is lost; {n} was acknowledged"));
        let found: u64 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
        assert!(
            found >= *n && entry.revision >= *revision,
            "{key}: {found} < {n}"
        );
        let pair = store
            .get(&format!("pair/{key}"), None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((pair.value, pair.revision), (entry.value, entry.revision));
    }
}
