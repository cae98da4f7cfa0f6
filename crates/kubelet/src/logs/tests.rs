//! Logs from real files.

use super::*;

const LOG: &str = "2026-01-01T00:00:01.5Z stdout F one\n2026-01-01T00:00:02Z stderr F two\n2026-01-01T00:00:03Z stdout P thr\n2026-01-01T00:00:03Z stdout F ee\n2026-01-01T00:00:04Z stdout F \n";

async fn read(options: Options) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    std::fs::write(&path, LOG).unwrap();
    let (sender, mut receiver) = mpsc::channel(64);
    send(path, options, CancellationToken::new(), sender)
        .await
        .unwrap();
    let mut out = String::new();
    while let Some(chunk) = receiver.recv().await {
        out.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    out
}

#[tokio::test]
async fn parts_of_a_log() {
    let all = Options::default;
    assert_eq!(read(all()).await, "one\ntwo\nthree\n\n");
    assert_eq!(
        read(Options {
            tail_lines: Some(0),
            ..all()
        })
        .await,
        ""
    );
    assert_eq!(
        read(Options {
            tail_lines: Some(4),
            ..all()
        })
        .await,
        "two\nthree\n\n"
    );
    assert_eq!(
        read(Options {
            tail_lines: Some(99),
            ..all()
        })
        .await,
        "one\ntwo\nthree\n\n"
    );
    assert_eq!(
        read(Options {
            limit_bytes: Some(5),
            ..all()
        })
        .await,
        "one\nt"
    );
    assert_eq!(
        read(Options {
            stream: Some("stderr"),
            ..all()
        })
        .await,
        "two\n"
    );
    let since = "2026-01-01T00:00:02Z".parse().ok();
    assert_eq!(read(Options { since, ..all() }).await, "two\nthree\n\n");
    let timed = read(Options {
        timestamps: true,
        stream: Some("stdout"),
        ..all()
    })
    .await;
    assert_eq!(
        timed,
        "2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:03Z three\n2026-01-01T00:00:04Z \n"
    );
}

#[tokio::test]
async fn following_survives_rotation_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    std::fs::write(&path, "t stdout F a\n").unwrap();
    let (sender, mut receiver) = mpsc::channel(64);
    let ended = CancellationToken::new();
    let options = Options {
        follow: true,
        ..Options::default()
    };
    let task = tokio::spawn(send(path.clone(), options, ended.clone(), sender));
    assert_eq!(receiver.recv().await.as_deref(), Some(&b"a\n"[..]));
    let append = |text: &str| {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    append("t stdout F b\n");
    assert_eq!(receiver.recv().await.as_deref(), Some(&b"b\n"[..]));
    std::fs::rename(&path, dir.path().join("0.log.1")).unwrap();
    append("t stdout F c\n");
    assert_eq!(receiver.recv().await.as_deref(), Some(&b"c\n"[..]));
    append("t stdout F d\n");
    ended.cancel();
    assert_eq!(receiver.recv().await.as_deref(), Some(&b"d\n"[..]));
    assert_eq!(receiver.recv().await, None);
    task.await.unwrap().unwrap();
}
