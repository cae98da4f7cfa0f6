//! A client's side in miniature against the server's.

use super::*;
use bytes::BufMut as _;

fn syn_stream(id: u32, compressor: &mut Compressor, headers: &[(&str, &str)]) -> Bytes {
    let block = compressor.headers(headers).unwrap();
    let mut frame = BytesMut::new();
    frame.put_slice(&[0x80, 3, 0, 1, 0]);
    let length = u32::try_from(block.len() + 10).unwrap().to_be_bytes();
    frame.put_slice(&length[1..]);
    frame.put_u32(id);
    frame.put_u32(0);
    frame.put_u16(0);
    frame.put_slice(&block);
    frame.freeze()
}

#[tokio::test]
async fn streams_open_carry_data_and_close() {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let mut streams = serve(server, CancellationToken::new());
    let mut compressor = Compressor::new();
    client
        .write_all(&syn_stream(1, &mut compressor, &[("streamType", "data")]))
        .await
        .unwrap();
    client
        .write_all(&syn_stream(3, &mut compressor, &[("streamType", "error")]))
        .await
        .unwrap();
    let mut first = streams.recv().await.unwrap();
    assert_eq!(first.header("streamtype"), Some("data"));
    assert_eq!(
        streams.recv().await.unwrap().header("streamtype"),
        Some("error")
    );
    client
        .write_all(&frame::data(1, b"hello", false))
        .await
        .unwrap();
    assert_eq!(first.input.recv().await.unwrap(), "hello");
    client.write_all(&frame::data(1, b"", true)).await.unwrap();
    assert_eq!(first.input.recv().await, None);
    first
        .output
        .write(Bytes::from_static(b"answer"))
        .await
        .unwrap();
    let mut buffer = BytesMut::new();
    loop {
        client.read_buf(&mut buffer).await.unwrap();
        let mut found = None;
        while let Some(frame) = frame::parse(&mut buffer).unwrap() {
            if let Frame::Data { data, .. } = frame {
                found = Some(data);
            }
        }
        if let Some(data) = found {
            assert_eq!(data, "answer");
            break;
        }
    }
    drop(client);
    first.output.gone().await;
}

#[tokio::test]
async fn pings_are_answered_and_garbage_ends_the_connection() {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let mut streams = serve(server, CancellationToken::new());
    client.write_all(&frame::ping(7)).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, frame::ping(7)[..]);
    client
        .write_all(&[0x80, 9, 0, 1, 0, 0, 0, 0])
        .await
        .unwrap();
    assert!(streams.recv().await.is_none());
}

proptest::proptest! {
    #[test]
    fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..512)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = frame::parse(&mut buffer) {}
    }
}

/// Everything that a client may send, frame by frame, and where each ends.
fn conversation(random: &mut fuzz::Random) -> Vec<Bytes> {
    let mut compressor = Compressor::new();
    let mut frames = Vec::new();
    for id in (1..).step_by(2).take(1 + random.below(4)) {
        let headers = [("streamType", "data"), ("port", "8080"), ("requestID", "0")];
        frames.push(syn_stream(id, &mut compressor, &headers));
        for _ in 0..random.below(4) {
            let data = vec![b'x'; random.below(3 * DATA_BYTES)];
            frames.push(frame::data(id, &data, random.one_in(3)));
        }
        frames.push(frame::ping(id));
    }
    frames.push(frame::reset(1, 5));
    frames
}

#[test]
fn damaged_frames_are_refused_or_read_the_same_in_any_pieces() {
    fuzz::run("SPDY frames", 400, |random| {
        let whole: Vec<u8> = conversation(random).concat();
        let bytes = random.damaged(&whole, &whole);
        let read = |buffer: &mut BytesMut, frames: &mut Vec<Frame>| loop {
            match frame::parse(buffer) {
                Ok(Some(frame)) => frames.push(frame),
                other => return other.is_ok(),
            }
        };
        let (mut at_once, mut all) = (Vec::new(), BytesMut::from(&bytes[..]));
        let fine = read(&mut all, &mut at_once);
        let (mut pieces, mut buffer, mut rest) = (Vec::new(), BytesMut::new(), &bytes[..]);
        let mut still_fine = true;
        while still_fine && !rest.is_empty() {
            let (piece, behind) = rest.split_at((1 + random.below(5000)).min(rest.len()));
            buffer.extend_from_slice(piece);
            rest = behind;
            still_fine = read(&mut buffer, &mut pieces);
            assert!(buffer.capacity() <= 2 * (frame::LIMIT_BYTES + 5000));
        }
        assert_eq!((still_fine, pieces), (fine, at_once));
    });
}

#[test]
fn damaged_headers_are_refused_or_small() {
    fuzz::run("SPDY headers", 400, |random| {
        let mut compressor = Compressor::new();
        let value = "v".repeat(random.below(2000));
        let blocks: Vec<Vec<u8>> = (0..3)
            .map(|_| compressor.headers(&[("a", &value), ("b", "c")]).unwrap())
            .collect();
        let mut decompressor = Decompressor::new();
        for block in &blocks {
            let intact = random.one_in(2);
            let sent = if intact {
                block.clone()
            } else {
                random.damaged(block, &blocks[0])
            };
            let Ok(headers) = decompressor.headers(&sent) else {
                return;
            };
            let size: usize = headers
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            assert!(size <= 2 * headers::BLOCK_LIMIT_BYTES, "{size}");
        }
    });
}

#[test]
fn damaged_conversations_end() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    fuzz::run("SPDY connections", 100, |random| {
        let whole: Vec<u8> = conversation(random).concat();
        let intact = random.one_in(4);
        let bytes = if intact {
            whole.clone()
        } else {
            random.damaged(&whole, &whole)
        };
        runtime.block_on(async {
            let (client, server) = tokio::io::duplex(1 << 12);
            let mut streams = serve(server, CancellationToken::new());
            let (mut answers, mut to) = tokio::io::split(client);
            let reading = tokio::spawn(async move {
                let mut all = Vec::new();
                answers.read_to_end(&mut all).await.map(|_| all)
            });
            let writing = tokio::spawn(async move {
                // The server may hang up in the middle.
                let _ = to.write_all(&bytes).await;
                let _ = to.shutdown().await;
            });
            let mut opened = 0;
            while let Some(mut stream) = streams.recv().await {
                opened += 1;
                tokio::spawn(async move {
                    while let Some(chunk) = stream.input.recv().await {
                        assert!(!chunk.is_empty() && chunk.len() <= DATA_BYTES);
                    }
                });
            }
            writing.await.unwrap();
            let answered = reading.await.unwrap().unwrap();
            assert!(opened <= STREAMS);
            if intact {
                assert!(opened > 0 && !answered.is_empty());
            }
        });
    });
}
