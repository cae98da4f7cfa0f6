//! Clients that are silent, slow, broken off or many, over real connections.

use crate::door::config;
use apiserver::{
    Config, Door, Listening, User,
    authn::{Authenticate, Credentials},
};
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use machinery::status::Status;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};
use stdx::{clock::Clock, tasks::Tasks};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Everybody is an administrator here.
struct Anybody;

#[async_trait]
impl Authenticate for Anybody {
    async fn authenticate(&self, _: &Door, _: &Credentials) -> Result<Option<User>, Status> {
        Ok(Some(User::new("admin", &[User::MASTERS])))
    }
}

struct Plain {
    address: SocketAddr,
    _serving: apiserver::Serving,
    _tasks: Tasks,
}

async fn listen() -> Plain {
    let (store, tasks) = (Arc::new(store::Memory::new()), Tasks::new());
    let config = Config {
        clock: Clock::system(),
        authenticators: vec![Arc::new(Anybody)],
        ..config(store, &["10.43.0.0/24"], "192.0.2.1")
    };
    let door = Door::new(config, &tasks).await.unwrap();
    door.bootstrap().await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = door.serve(listener, Listening { tls: None }, &tasks);
    Plain {
        address,
        _serving: serving,
        _tasks: tasks,
    }
}

impl Plain {
    /// Sends bytes, and reads until the server closes.
    async fn until_closed(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn who_sends_no_whole_head_is_cut_off() {
    let plain = listen().await;
    tokio::time::pause();
    let heads: [&[u8]; 5] = [
        b"",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"G",
        b"GET /livez HTTP/1.1\r\nHost: door\r\n",
    ];
    for head in heads {
        let answer = plain.until_closed(head).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_a_timeout() {
    let plain = listen().await;
    tokio::time::pause();
    let head = "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let mut stream = TcpStream::connect(plain.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_write_that_breaks_off_leaves_all_or_nothing() {
    let plain = listen().await;
    let path = "/api/v1/namespaces/default/configmaps";
    let body = |name: usize| {
        let value = "v".repeat(2000);
        format!(
            r#"{{"metadata":{{"name":"c{name}"}},"data":{{"first":"{value}","last":"{value}"}}}}"#
        )
    };
    for nth in 0..60 {
        let body = body(nth);
        let whole = format!(
            "POST {path} HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let cut = if nth % 3 == 0 {
            whole.len()
        } else {
            whole.len() * nth / 60
        };
        let mut stream = TcpStream::connect(plain.address).await.unwrap();
        stream.write_all(&whole.as_bytes()[..cut]).await.unwrap();
        // Some close in order, the others reset.
        if nth % 2 == 0 {
            stream.shutdown().await.unwrap();
        } else {
            stream.set_zero_linger().unwrap();
        }
        drop(stream);
    }
    let list = plain
        .until_closed(
            format!("GET {path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await;
    let start = list.find("{").unwrap();
    let end = list.rfind("}").unwrap();
    let list: Value = serde_json::from_str(&list[start..=end]).unwrap();
    for item in list["items"].as_array().unwrap() {
        assert_eq!(item["data"]["last"].as_str().unwrap().len(), 2000, "{item}");
    }
}

/// Resident bytes of this process.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn ten_thousand_idle_watches_cost_little_and_all_hear_the_news() {
    const CONNECTIONS: usize = 10;
    const STREAMS: usize = 1000;
    const WATCH_LIMIT_BYTES: usize = 48 << 10;
    let plain = listen().await;
    let uri = "http://door/api/v1/namespaces/default/configmaps?watch=1";
    let (mut senders, mut watches) = (Vec::new(), Vec::new());
    let before = resident_bytes();
    for _ in 0..CONNECTIONS {
        let socket = TcpStream::connect(plain.address).await.unwrap();
        let handshake =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        for _ in 0..STREAMS {
            let request = http::Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
            sender.ready().await.unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), 200);
            watches.push(response.into_body());
        }
        senders.push(sender);
    }
    // Both ends are in this process, so this is more than the server's part.
    let each = resident_bytes().saturating_sub(before) / watches.len();
    assert!(each < WATCH_LIMIT_BYTES, "{each} bytes for each watch");
    let body = r#"{"metadata":{"name":"news"}}"#;
    let post = format!(
        "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: door\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = plain.until_closed(post.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    for watch in &mut watches {
        // An event may come in several parts.
        let mut heard = Vec::new();
        while !heard.ends_with(b"\n") {
            heard.extend(watch.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains("\"news\""), "{heard}");
    }
}
