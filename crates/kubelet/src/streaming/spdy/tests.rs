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
