//! Frames that are none: what follows an upgrade, mutated. What the door passes on it passes on untouched,
//! whatever it is; what it reads itself ends nothing but the connection it came on.

use crate::wire::{SOCKET, Wire, listen};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const POD: &str = "/api/v1/namespaces/default/pods/p";
/// Connections of each sort.
const ROUNDS: u64 = 24;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A SPDY/3.1 SYN_STREAM, a data frame, a ping and a GOAWAY.
const SPDY: &[u8] = b"\x80\x03\x00\x01\x01\x00\x00\x14\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x78\xbb\xdf\xa2\x51\xb2\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x05hello\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01\x80\x03\x00\x07\x00\x00\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00";
/// A masked text message, a ping, a message in two parts, and a close.
const FRAMES: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x80\x00\x00\x00\x00\x01\x81\x00\x00\x00\x00a\x80\x81\x00\x00\x00\x00b\x88\x82\x00\x00\x00\x00\x03\xe8";

async fn still_answers(wire: &Wire) {
    let admin = wire.admin();
    let asked = wire.ask(Some(&admin), MAPS, "");
    let answer = timeout(PATIENCE, asked).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn frames_are_passed_on_untouched() {
    let wire = listen().await;
    let account = json!({ "metadata": { "name": "default" } });
    wire.post("/api/v1/namespaces/default/serviceaccounts", &account)
        .await;
    let pod = json!({ "metadata": { "name": "p" }, "spec": { "nodeName": "n", "containers": [{ "name": "c", "image": "i" }] } });
    wire.post("/api/v1/namespaces/default/pods", &pod).await;
    let exec = format!("POST {POD}/exec?command=sh&container=c");
    let spdy = "Upgrade: SPDY/3.1\r\nContent-Length: 0\r\n";
    for seed in 0..ROUNDS {
        let mut random = fuzz::Random::new(seed);
        let (mut stream, _) = wire.upgrade(&exec, spdy).await;
        let sent = random.damaged(SPDY, FRAMES);
        stream.write_all(&sent).await.unwrap();
        let mut echoed = vec![0; sent.len()];
        let read = timeout(PATIENCE, stream.read_exact(&mut echoed)).await;
        read.unwrap().unwrap();
        assert_eq!(echoed, sent, "seed {seed}");
    }
    still_answers(&wire).await;
}

#[tokio::test]
async fn a_watch_outlives_no_broken_frame_and_nothing_else_ends() {
    let wire = listen().await;
    let watch = format!("GET {MAPS}?watch=true");
    let (mut patient, _) = wire.upgrade(&watch, SOCKET).await;
    for seed in 0..ROUNDS {
        let mut random = fuzz::Random::new(seed);
        let (mut stream, _) = wire.upgrade(&watch, SOCKET).await;
        let sent = random.damaged(FRAMES, SPDY);
        // The server may end the connection before it has read all of this.
        let _ = stream.write_all(&sent).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "seed {seed}: the connection is still open");
    }
    // A message without end is not collected.
    let (mut stream, _) = wire.upgrade(&watch, SOCKET).await;
    let endless = [
        b"\x01\xff\x00\x00\x00\xff\xff\xff\xff\xff\0\0\0\0".as_slice(),
        &[7; 1 << 20],
    ]
    .concat();
    let _ = stream.write_all(&endless).await;
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
    wire.post(MAPS, &json!({ "metadata": { "name": "after" } }))
        .await;
    let mut told = [0; 2];
    let read = timeout(PATIENCE, patient.read_exact(&mut told)).await;
    read.unwrap().unwrap();
    assert_eq!(told, [0x81, 0x7e]);
    still_answers(&wire).await;
}
