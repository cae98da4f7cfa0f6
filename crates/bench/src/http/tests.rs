//! A connection against a small server: requests, refusals and a watch that comes in pieces.

use super::*;
use hyper::{
    Response,
    body::{Body, Frame},
    server::conn::http1,
    service::service_fn,
};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};
use tokio::net::TcpListener;

/// A body of several frames.
struct Pieces(VecDeque<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.pop_front();
        Poll::Ready(next.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Pieces>, Infallible> {
    let (status, pieces) = match (request.method(), request.uri().path()) {
        (&Method::POST, _) => (201, vec!["made"]),
        (_, "/changes") => (
            200,
            vec!["{\"type\":\"ADDED\"}\n{\"type\":\"MODI", "FIED\"}\n"],
        ),
        (_, "/watch") => (200, vec!["{\"n\":1}\n{\"n\"", ":2}\n", "{\"n\":3}\n"]),
        _ => (404, vec!["no such thing"]),
    };
    let mut response = Response::new(Pieces(pieces.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

async fn server() -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serve =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(serve);
        }
    });
    Target {
        authority,
        tls: None,
        token: None,
    }
}

#[tokio::test]
async fn requests_and_refusals() {
    let mut connection = Connection::open(&server().await).await.unwrap();
    for _ in 0..3 {
        let body = connection
            .expect(Method::POST, "/x", Bytes::from("y"))
            .await
            .unwrap();
        assert_eq!(body, "made");
    }
    let refused = connection
        .expect(Method::GET, "/x", Bytes::new())
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "GET /x: 404 Not Found: no such thing");
}

#[tokio::test]
async fn watches_in_pieces() {
    let connection = Connection::open(&server().await).await.unwrap();
    let mut events = connection.watch("/watch").await.unwrap();
    for n in 1..=3 {
        assert_eq!(events.recv().await.unwrap().1["n"], n);
    }
    assert!(events.recv().await.is_none());
}

#[tokio::test]
async fn only_modifications_count() {
    let connection = Connection::open(&server().await).await.unwrap();
    let (arrivals, mut received) = mpsc::unbounded_channel();
    let mut watchers = JoinSet::new();
    connection
        .modifications("/changes", arrivals, &mut watchers)
        .await
        .unwrap();
    assert!(received.recv().await.is_some());
    assert!(received.recv().await.is_none());
}

#[test]
fn frames_end_where_they_say() {
    let cases: [(Encoding, &[u8], Option<usize>); 5] = [
        (Encoding::Json, b"{}\n{", Some(3)),
        (Encoding::Json, b"{}", None),
        (Encoding::Protobuf, &[0, 0, 0, 1, 7, 0], Some(5)),
        (Encoding::Protobuf, &[0, 0, 0, 2, 7], None),
        (Encoding::Protobuf, &[0, 0], None),
    ];
    for (encoding, bytes, length) in cases {
        assert_eq!(frame_length(encoding, bytes), length, "{bytes:?}");
    }
}
