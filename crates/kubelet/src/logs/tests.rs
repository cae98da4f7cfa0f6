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

/// Two rotations between two looks: nothing is left out.
#[tokio::test]
async fn following_reads_what_was_rotated_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let rotate = |time: &str| {
        std::fs::rename(&path, dir.path().join(format!("0.log.{time}"))).unwrap();
    };
    // A log of another container, whose name begins the same.
    std::fs::write(dir.path().join("0.logs"), "t stdout F wrong\n").unwrap();
    write("t stdout F 0\n");
    rotate("20260101-000000.1");
    write("t stdout F 1\n");
    let (sender, mut receiver) = mpsc::channel(1);
    let ended = CancellationToken::new();
    let options = Options {
        follow: true,
        ..Options::default()
    };
    let task = tokio::spawn(send(path.clone(), options, ended.clone(), sender));
    assert_eq!(receiver.recv().await.as_deref(), Some(&b"1\n"[..]));
    // Not awaited in between: the follower sees all of it at once.
    rotate("20260101-000000.2");
    write("t stdout F 2\n");
    rotate("20260101-000000.3");
    write("t stdout F 3\n");
    rotate("20260101-000000.4");
    write("t stdout F 4\n");
    ended.cancel();
    let mut rest = Vec::new();
    while let Some(chunk) = receiver.recv().await {
        rest.extend_from_slice(&chunk);
    }
    assert_eq!(String::from_utf8(rest).unwrap(), "2\n3\n4\n");
    task.await.unwrap().unwrap();
}

#[test]
fn damaged_logs_are_sent_as_far_as_they_are_lines() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    fuzz::run("logs", 300, |random| {
        let (mut log, mut whole) = (String::new(), String::new());
        for number in 0..random.below(40) {
            let (stream, tag) = (random.pick(&["stdout", "stderr"]), random.pick(&["F", "P"]));
            let text = "y".repeat(random.below(200));
            log += &format!("2026-01-01T00:00:{number:02}.5Z {stream} {tag} {text}\n");
            whole += &text;
            whole += if tag == "F" { "\n" } else { "" };
        }
        let intact = random.one_in(4);
        let bytes = match intact {
            true => log.clone().into_bytes(),
            false => random.damaged(log.as_bytes(), log.as_bytes()),
        };
        std::fs::write(&path, &bytes).unwrap();
        let mut options = Options::default();
        if !intact {
            options.tail_lines = random.one_in(2).then(|| random.below(50) as u64);
            options.since = random
                .one_in(3)
                .then(|| "2026-01-01T00:00:20Z".parse().unwrap());
            options.limit_bytes = random.one_in(3).then(|| 1 + random.below(500) as u64);
            options.stream = random.one_in(3).then_some("stdout");
            options.timestamps = random.one_in(2);
        }
        let limit = options.limit_bytes.unwrap_or(u64::MAX);
        let sent = runtime.block_on(async {
            let (sender, mut receiver) = mpsc::channel(CHUNKS);
            let task = tokio::spawn(send(
                path.clone(),
                options,
                CancellationToken::new(),
                sender,
            ));
            let mut sent = Vec::new();
            while let Some(chunk) = receiver.recv().await {
                assert!(chunk.len() <= CHUNK_BYTES + LINE_LIMIT_BYTES);
                sent.extend_from_slice(&chunk);
            }
            task.await.unwrap().unwrap();
            sent
        });
        assert!(sent.len() <= bytes.len() && sent.len() as u64 <= limit);
        if intact {
            assert_eq!(String::from_utf8(sent).unwrap(), whole);
        }
    });
}

#[tokio::test]
async fn a_line_without_an_end_costs_no_more_than_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.log");
    let mut bytes = b"t stdout F ".to_vec();
    bytes.resize(3 * LINE_LIMIT_BYTES, b'x');
    std::fs::write(&path, &bytes).unwrap();
    let mut partial = Vec::new();
    let mut reader = BufReader::new(File::open(&path).await.unwrap());
    let (chunks, mut receiver) = mpsc::channel(CHUNKS);
    let mut out = Out {
        chunks,
        buffer: BytesMut::new(),
        left: None,
        fresh: true,
    };
    assert!(
        copy(&mut reader, &mut partial, &Options::default(), &mut out)
            .await
            .unwrap()
    );
    assert!(
        partial.capacity() <= 2 * LINE_LIMIT_BYTES,
        "{}",
        partial.capacity()
    );
    assert!(receiver.recv().await.unwrap().len() <= LINE_LIMIT_BYTES);
}
