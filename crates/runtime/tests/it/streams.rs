//! Exec, attach, port-forward and logs.

use std::time::Duration;

use runtime::container::{Config, LogLimits, Security};
use runtime::session::{ExecRequest, Streams, TerminalSize};
use runtime::{Error, Pods};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::containers::wait_for_log;
use crate::machine::with_machine;

const ALL: Streams = Streams {
    stdin: true,
    stdout: true,
    stderr: true,
};

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn script(text: &str) -> Vec<String> {
    ["sh", "-c", text].map(str::to_owned).to_vec()
}

#[test]
fn executes_to_the_end() {
    with_machine("exec", |m| async move {
        let config = Config {
            env: vec![("FROM".into(), "container".into())],
            security: Security {
                run_as_user: Some(1000),
                ..Security::default()
            },
            ..Config::default()
        };
        let c = m.start("sleep 100", config).await;
        let command = script(
            "echo $FROM; id -u; grep -E 'Seccomp:|CapEff' /proc/self/status; echo oops >&2; exit 9",
        );
        let output = m.native.exec_sync(&c.id, &command, None).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            text,
            "container\n1000\nCapEff:\t0000000000000000\nSeccomp:\t2\n".replace(
                "0000000000000000",
                text.split('\t').nth(1).unwrap().split('\n').next().unwrap()
            )
        );
        assert!(text.contains("Seccomp:\t2"));
        assert_eq!(
            (output.stderr.as_slice(), output.exit_code),
            (&b"oops\n"[..], 9)
        );
        let pids = m
            .native
            .exec_sync(&c.id, &words("cat /proc/self/cgroup"), None)
            .await
            .unwrap();
        assert!(
            String::from_utf8_lossy(&pids.stdout).contains(":/\n"),
            "{pids:?}"
        );
        let error = m
            .native
            .exec_sync(&c.id, &words("nope"), None)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("exec: \"nope\": executable file not found in $PATH"),
            "{error}"
        );
        let limit = Some(Duration::from_millis(200));
        let error = m
            .native
            .exec_sync(&c.id, &words("sleep 1000"), limit)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        // The command that took too long is gone.
        for _ in 0..200 {
            let ps = m.native.exec_sync(&c.id, &words("ps"), None).await.unwrap();
            if !String::from_utf8_lossy(&ps.stdout).contains("sleep 1000") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        m.native.stop_container(&c.id, 0).await.unwrap();
        assert!(
            m.native
                .exec_sync(&c.id, &words("true"), None)
                .await
                .is_err()
        );
        m.clean_up().await;
    });
}

#[test]
fn executes_with_streams() {
    with_machine("streams", |m| async move {
        let c = m.start("sleep 100", Config::default()).await;
        let request = ExecRequest {
            command: words("cat"),
            streams: ALL,
            tty: false,
            size: None,
        };
        let mut session = m.native.exec(&c.id, request).await.unwrap();
        let big = vec![b'x'; 300_000];
        let mut stdin = session.stdin.take().unwrap();
        let mut stdout = session.stdout.take().unwrap();
        let write = async {
            stdin.write_all(&big).await.unwrap();
            drop(stdin);
        };
        let mut back = Vec::new();
        let (_, read) = tokio::join!(write, stdout.read_to_end(&mut back));
        read.unwrap();
        assert_eq!(back.len(), big.len());
        assert_eq!(session.exit.await.unwrap().unwrap(), 0);

        let request = ExecRequest {
            command: script("tty; read x; stty size; echo got $x; exit 4"),
            streams: ALL,
            tty: true,
            size: None,
        };
        let mut session = m.native.exec(&c.id, request).await.unwrap();
        session
            .resize
            .send(TerminalSize {
                width: 101,
                height: 37,
            })
            .await
            .unwrap();
        let mut stdout = session.stdout.take().unwrap();
        let mut seen = vec![0; 4096];
        let count = stdout.read(&mut seen).await.unwrap();
        assert!(
            String::from_utf8_lossy(&seen[..count]).contains("/dev/pts/"),
            "{count}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        session
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"hello\n")
            .await
            .unwrap();
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.unwrap();
        assert!(
            rest.contains("37 101") && rest.contains("got hello"),
            "{rest}"
        );
        assert_eq!(session.exit.await.unwrap().unwrap(), 4);
        m.clean_up().await;
    });
}

#[test]
fn attaches() {
    with_machine("attach", |m| async move {
        let config = Config {
            stdin: true,
            stdin_once: true,
            ..Config::default()
        };
        let c = m
            .start("echo up; read x; echo got $x; cat; exit 6", config)
            .await;
        wait_for_log(&m, "up").await;
        let mut session = m.native.attach(&c.id, ALL).await.unwrap();
        session
            .stdin
            .take()
            .unwrap()
            .write_all(b"one\ntwo\n")
            .await
            .unwrap();
        let mut text = String::new();
        session
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .await
            .unwrap();
        assert_eq!(text, "got one\ntwo\n");
        assert_eq!(session.exit.await.unwrap().unwrap(), 6);
        assert_eq!(m.end(&c.id).await.0, 6);
        m.native.remove_container(&c.id).await.unwrap();

        let config = Config {
            stdin: true,
            tty: true,
            ..Config::default()
        };
        let c = m.start("tty; read x; stty size; echo got $x", config).await;
        wait_for_log(&m, "/dev/pts/").await;
        let mut session = m.native.attach(&c.id, ALL).await.unwrap();
        session
            .resize
            .send(TerminalSize {
                width: 90,
                height: 20,
            })
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        session
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"x\n")
            .await
            .unwrap();
        let mut text = String::new();
        session
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .await
            .unwrap();
        assert!(text.contains("20 90") && text.contains("got x"), "{text}");
        m.clean_up().await;
    });
}

#[test]
fn forwards_ports() {
    with_machine("forward", |m| async move {
        let c = m
            .start(
                "echo up; echo pong | nc -l -p 8080 127.0.0.1",
                Config::default(),
            )
            .await;
        wait_for_log(&m, "up").await;
        let mut text = String::new();
        for _ in 0..100 {
            match m.native.port_forward(&m.sandbox.id, 8080).await {
                Ok(mut socket) => {
                    socket.read_to_string(&mut text).await.unwrap();
                    break;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        assert_eq!(text, "pong\n");
        let error = m
            .native
            .port_forward(&m.sandbox.id, 81)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("refused"), "{error}");
        m.native.remove_container(&c.id).await.unwrap();
        m.clean_up().await;
    });
}

#[test]
fn rotates_and_reopens_logs() {
    with_machine("logs", |m| async move {
        let limits = LogLimits {
            max_bytes: 4096,
            max_files: 2,
        };
        let config = Config {
            log_limits: limits,
            ..Config::default()
        };
        let c = m.start("i=0; while test $i -lt 300; do echo line $i; i=$((i+1)); done; echo last; sleep 100", config).await;
        wait_for_log(&m, "last").await;
        let logs = m.dir.path().join("logs/c");
        assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 2);
        std::fs::rename(logs.join("0.log"), logs.join("moved")).unwrap();
        m.native.reopen_container_log(&c.id).await.unwrap();
        assert!(logs.join("0.log").exists());
        m.clean_up().await;
    });
}
