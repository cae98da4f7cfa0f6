//! The server on real sockets of the loopback link, with an upstream of the test's own.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dns::{Index, Server, Sources, Upstream};
use parking_lot::RwLock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// A question for an address: `example.com` becomes the bytes a resolver sends.
fn question(name: &str, id: u16) -> Vec<u8> {
    let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message[..2].copy_from_slice(&id.to_be_bytes());
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}

/// Answers every question with 192.0.2.1 and counts them.
async fn upstream() -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut reply = buffer[..length].to_vec();
            // A forged answer first: its number is not the question's.
            let mut forged = reply.clone();
            forged[0] ^= 0xff;
            forged[2] |= 0x80;
            socket.send_to(&forged, client).await.unwrap();
            reply[2] |= 0x80;
            reply[7] = 1;
            reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
            socket.send_to(&reply, client).await.unwrap();
        }
    });
    (address, asked)
}

async fn server(upstreams: Vec<SocketAddr>) -> SocketAddr {
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()])
        .await
        .unwrap();
    let address = server.addresses()[0];
    let index = Arc::new(RwLock::new(Index::new("cluster.local").unwrap()));
    tokio::spawn(server.serve(Sources {
        index,
        upstream: Arc::new(Upstream::new(upstreams)),
    }));
    address
}

async fn by_udp(server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(message, server).await.unwrap();
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await.unwrap();
    buffer.truncate(length);
    buffer
}

#[tokio::test]
async fn others_names_are_asked_for_once_and_remembered() {
    let (upstream, asked) = upstream().await;
    let server = server(vec![upstream]).await;
    let first = by_udp(server, &question("example.com", 7)).await;
    assert_eq!(
        (&first[..2], &first[first.len() - 4..]),
        (&[0, 7][..], &[192, 0, 2, 1][..])
    );
    let second = by_udp(server, &question("EXAMPLE.com", 8)).await;
    assert_eq!(
        (&second[..2], &second[second.len() - 4..]),
        (&[0, 8][..], &[192, 0, 2, 1][..])
    );
    assert_eq!(&second[13..20], b"EXAMPLE");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_servers_others_names_fail_at_once_and_ours_do_not() {
    let server = server(Vec::new()).await;
    assert_eq!(by_udp(server, &question("example.com", 7)).await[3] & 15, 2);
    assert_eq!(
        by_udp(server, &question("nobody.default.svc.cluster.local", 7)).await[3] & 15,
        3
    );
    assert_eq!(
        by_udp(server, &question("10-1-2-3.x.pod.cluster.local", 7)).await[3] & 15,
        0
    );
}

#[tokio::test]
async fn tcp_answers_one_question_after_the_other() {
    let server = server(Vec::new()).await;
    let mut stream = TcpStream::connect(server).await.unwrap();
    for id in 1..4u16 {
        let message = question("10-1-2-3.x.pod.cluster.local", id);
        stream.write_u16(message.len() as u16).await.unwrap();
        stream.write_all(&message).await.unwrap();
        let mut reply = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(
            (&reply[..2], &reply[reply.len() - 4..]),
            (&id.to_be_bytes()[..], &[10, 1, 2, 3][..])
        );
    }
}

#[tokio::test]
async fn nonsense_is_refused_or_ignored_and_the_server_goes_on() {
    let server = server(Vec::new()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for nonsense in [&b""[..], b"x", &[0xff; 40], &[0; 11]] {
        socket.send_to(nonsense, server).await.unwrap();
    }
    assert_eq!(
        by_udp(server, &[0, 9, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0]).await[3] & 15,
        1
    );
    assert_eq!(
        by_udp(server, &question("nobody.default.svc.cluster.local", 7)).await[3] & 15,
        3
    );
}
