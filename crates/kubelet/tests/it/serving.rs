//! The kubelet's own API over a stream within the process.

use crate::Node;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;

async fn ask(node: &Node, path: &str) -> Response<Incoming> {
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(node.kubelet.clone().serve(Box::new(far)));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", "node")
        .body(Empty::<Bytes>::new())
        .unwrap();
    sender.send_request(request).await.unwrap()
}

async fn get(node: &Node, path: &str) -> (u16, String) {
    let response = ask(node, path).await;
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn logs_and_pods() {
    let node = Node::start().await;
    node.run("p", json!({"containers": [{"name": "c", "image": "busybox", "imagePullPolicy": "IfNotPresent"}]}));
    node.running("p").await;
    assert_eq!(get(&node, "/healthz").await, (200, "ok".to_owned()));
    assert!(get(&node, "/pods").await.1.contains(r#""name":"p""#));
    let made = &node.runtime.containers_of("default", "p")[0];
    let log = made.log_path.clone().unwrap();
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    std::fs::write(
        &log,
        "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stdout F two\n",
    )
    .unwrap();
    assert_eq!(
        get(&node, "/containerLogs/default/p/c").await,
        (200, "one\ntwo\n".to_owned())
    );
    assert_eq!(
        get(&node, "/containerLogs/default/p/c?tailLines=1").await,
        (200, "two\n".to_owned())
    );
    let (code, text) = get(&node, "/containerLogs/default/p/c?previous=true").await;
    assert_eq!(
        (code, text.as_str()),
        (
            400,
            "previous terminated container \"c\" in pod \"p\" not found"
        )
    );
    assert_eq!(get(&node, "/containerLogs/default/p/x").await.0, 404);
    assert_eq!(
        get(&node, "/containerLogs/default/none/x").await,
        (404, "pod \"none\" not found".to_owned())
    );
    assert_eq!(
        get(&node, "/containerLogs/default/p/c?tailLines=-1")
            .await
            .0,
        400
    );
    assert_eq!(get(&node, "/stats/summary").await.0, 200);
    assert_eq!(get(&node, "/exec/default/p/c").await.0, 400);
    assert_eq!(get(&node, "/nothing").await.0, 404);
    node.tasks.finish().await;
}

/// The log moves away twice while a client follows it, the second time before it was looked at again.
#[tokio::test]
async fn a_followed_log_is_whole_across_rotation() {
    let node = Node::start().await;
    node.run("p", json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox", "imagePullPolicy": "IfNotPresent"}]}));
    node.running("p").await;
    let made = &node.runtime.containers_of("default", "p")[0];
    let log = made.log_path.clone().unwrap();
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    let lines = |numbers: std::ops::Range<u32>| -> String {
        let each = |it| format!("2026-01-01T00:00:00Z stdout F line {it}\n");
        numbers.map(each).collect()
    };
    let rotate = |time: &str| {
        let old = log.with_file_name(format!("0.log.{time}"));
        std::fs::rename(&log, old).unwrap();
    };
    std::fs::write(&log, lines(0..10)).unwrap();
    let response = ask(&node, "/containerLogs/default/p/c?follow=true").await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(
        first,
        lines(0..10).replace("2026-01-01T00:00:00Z stdout F ", "")
    );
    rotate("20260101-000001.0");
    std::fs::write(&log, lines(10..5000)).unwrap();
    rotate("20260101-000002.0");
    std::fs::write(&log, lines(5000..5010)).unwrap();
    node.runtime.exit(&made.id, 0).unwrap();
    let rest = body.collect().await.unwrap().to_bytes();
    let expected: String = (10..5010).map(|it| format!("line {it}\n")).collect();
    assert!(
        rest == expected,
        "{} of {} bytes",
        rest.len(),
        expected.len()
    );
    node.tasks.finish().await;
}

#[tokio::test]
async fn exec_over_websocket() {
    use futures::StreamExt;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let node = Node::start().await;
    node.runtime
        .on_exec(|_, command| runtime::session::ExecOutput {
            stdout: format!("{}\n", command.join(",")).into_bytes(),
            stderr: Vec::new(),
            exit_code: 7,
        });
    node.run("p", json!({"containers": [{"name": "c", "image": "busybox", "imagePullPolicy": "IfNotPresent"}]}));
    node.running("p").await;
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(node.kubelet.clone().serve(Box::new(far)));
    let url = "ws://node/exec/default/p/c?command=a&command=b+c&output=1&error=1";
    let mut request = url.into_client_request().unwrap();
    let protocol = http::HeaderValue::from_static("v5.channel.k8s.io");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (socket, _) = tokio_tungstenite::client_async(request, near)
        .await
        .unwrap();
    let said: Vec<Vec<u8>> = socket
        .filter_map(|it| async move { it.ok().map(|it| it.into_data().to_vec()) })
        .collect()
        .await;
    assert!(said.contains(&b"\x01a,b c\n".to_vec()), "{said:?}");
    let end = said.iter().find(|it| it.first() == Some(&3)).unwrap();
    let end: serde_json::Value = serde_json::from_slice(&end[1..]).unwrap();
    assert_eq!(
        (&end["reason"], &end["details"]["causes"][0]["message"]),
        (&json!("NonZeroExitCode"), &json!("7"))
    );
    node.tasks.finish().await;
}

/// Each port has a channel for data and one for errors; both begin with the port's number.
#[tokio::test]
async fn port_forward_over_a_plain_websocket() {
    use futures::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
    let node = Node::start().await;
    node.run("p", json!({"containers": [{"name": "c", "image": "busybox", "imagePullPolicy": "IfNotPresent"}]}));
    node.running("p").await;
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(node.kubelet.clone().serve(Box::new(far)));
    let url = "ws://node/portForward/default/p?port=80%2C81";
    let mut request = url.into_client_request().unwrap();
    let protocol = http::HeaderValue::from_static("v4.channel.k8s.io");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::client_async(request, near)
        .await
        .unwrap();
    let mut begun = Vec::new();
    for _ in 0..4 {
        let message = socket.next().await.unwrap().unwrap();
        begun.push(message.into_data().to_vec());
    }
    begun.sort();
    let expected = [[0, 80, 0], [1, 80, 0], [2, 81, 0], [3, 81, 0]];
    assert_eq!(begun, expected);
    // The pod answers with what it is sent.
    socket
        .send(Message::binary(&b"\x02hello"[..]))
        .await
        .unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert_eq!(&answer.into_data()[..], b"\x02hello");
    drop(socket);
    node.tasks.finish().await;
}
