//! The few protobuf messages that are sent: etcd's requests and a ConfigMap.

use bytes::{BufMut, Bytes, BytesMut};

/// What every object in protobuf begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Appends a field of bytes.
pub(crate) fn field(message: &mut BytesMut, number: u8, value: &[u8]) {
    message.put_u8(number << 3 | 2);
    let mut length = value.len();
    while length >= 0x80 {
        message.put_u8(length as u8 | 0x80);
        length >>= 7;
    }
    message.put_u8(length as u8);
    message.put_slice(value);
}

/// A message of fields of bytes.
pub(crate) fn message(fields: &[(u8, &[u8])]) -> BytesMut {
    let mut message = BytesMut::new();
    for (number, value) in fields {
        field(&mut message, *number, value);
    }
    message
}

/// A ConfigMap with one entry: `runtime.Unknown` around the object, behind the magic number.
pub(crate) fn config_map(name: &str, key: &str, value: &str) -> Bytes {
    let metadata = message(&[(1, name.as_bytes())]);
    let entry = message(&[(1, key.as_bytes()), (2, value.as_bytes())]);
    let object = message(&[(1, &metadata), (2, &entry)]);
    let kind = message(&[(1, b"v1"), (2, b"ConfigMap")]);
    let mut whole = BytesMut::from(MAGIC);
    whole.put_slice(&message(&[(1, &kind), (2, &object)]));
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_varints() {
        let bytes = message(&[(1, b"k"), (2, &[7; 200])]);
        assert_eq!(bytes[..7], [0x0A, 1, b'k', 0x12, 0xC8, 0x01, 7]);
        assert_eq!(bytes.len(), 206);
    }

    #[test]
    fn objects_are_in_an_envelope() {
        let expected = b"k8s\0\x0A\x0F\x0A\x02v1\x12\x09ConfigMap\x12\x0D\x0A\x03\x0A\x01n\x12\x06\x0A\x01k\x12\x01v";
        assert_eq!(config_map("n", "k", "v"), &expected[..]);
    }
}
