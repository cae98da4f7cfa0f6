//! A full disk: writes are refused with one clear error, nothing is lost, and writes work again once
//! there is room. Runs on a small tmpfs in a mount namespace of its own, which needs root.

use std::{path::Path, process::Command};
use store::{Embedded, Error, RangeOptions, Store, Transaction};

const DIRECTORY: &str = "STORE_TEST_FULL_DIRECTORY";

#[test]
fn refuses_and_recovers() {
    let root = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=16m tmpfs \"$0\" && exec \"$1\" --exact full_disk::child --ignored --nocapture";
    let run = |program: &[&str]| {
        Command::new("unshare")
            .arg("-m")
            .args(program)
            .env(DIRECTORY, root.path())
            .output()
    };
    let directory = root.path().to_str().unwrap();
    let probe = run(&["mount", "-t", "tmpfs", "tmpfs", directory]);
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: mounting a tmpfs needs root and unshare(1)");
        return;
    }
    let exe = std::env::current_exe().unwrap();
    let output = run(&["sh", "-c", script, directory, exe.to_str().unwrap()]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
}

#[tokio::test]
#[ignore = "started by refuses_and_recovers"]
async fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let directory = Path::new(&directory);
    let ballast = directory.join("ballast");
    std::fs::write(&ballast, vec![1; 6 << 20]).unwrap();
    let data = directory.join("data");
    let store = Embedded::open(&data).unwrap();
    let mut written = 0_u64;
    let put = |n: u64| Transaction::put(format!("{n:06}"), n.to_string().repeat(20_000));
    let refused = loop {
        match store.transact(put(written)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Full { .. }), "{refused}");
    assert!(written > 10);
    let again = store.transact(put(written)).await.unwrap_err();
    assert!(matches!(again, Error::Full { .. }), "{again}");
    assert_eq!(count(&store).await, written);
    drop(store);
    let store = Embedded::open(&data).unwrap();
    assert_eq!(count(&store).await, written, "a full store opens and reads");
    let again = store.transact(put(written)).await.unwrap_err();
    assert!(matches!(again, Error::Full { .. }), "{again}");
    std::fs::remove_file(ballast).unwrap();
    for n in written..written + 10 {
        store.transact(put(n)).await.unwrap();
    }
    drop(store);
    assert_eq!(count(&Embedded::open(&data).unwrap()).await, written + 10);
}

async fn count(store: &Embedded) -> u64 {
    let all = store.range(RangeOptions::default()).await.unwrap();
    for (n, entry) in (0_u64..).zip(&all.entries) {
        assert_eq!(entry.value, n.to_string().repeat(20_000));
    }
    all.entries.len() as u64
}
