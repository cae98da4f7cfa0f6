//! Messages that are not, names at their limits, answers that do not fit.

use proptest::prelude::*;

use super::*;
use crate::answer::answer;
use crate::index::Index;

fn query(dotted: &str) -> Query {
    parse(&Query::ask(&name(dotted).unwrap(), A, 7))
        .unwrap()
        .unwrap()
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        check(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic(at in 0usize..120, byte: u8, cut in 0usize..120) {
        let asked = query("web.default.svc.cluster.local");
        let target = [name("a.b").unwrap(), vec![0]].concat();
        let records = [Record::own(CNAME, target), Record::own(A, vec![1, 2, 3, 4])];
        for mut message in [asked.reply(Code::NoError, true, &records, &records, 512), Query::ask(&asked.name, A, 1)] {
            if let Some(place) = message.get_mut(at) {
                *place = byte;
            }
            message.truncate(message.len().saturating_sub(cut / 4));
            check(&message);
        }
    }
}

/// Whatever arrives, everything that looks at it ends, and what is sent back can be read again.
fn check(message: &[u8]) {
    let index = Index::new("cluster.local").unwrap();
    if let Some(Ok(query)) = parse(message) {
        let _ = answer(&index, &query, query.udp_limit());
        let reply = query.reply(Code::NoError, true, &[Record::own(A, vec![1; 4])], &[], 512);
        assert!(reply.len() <= 512 + 11 && query.is_answered_by(&reply));
    }
    let _ = addresses(message);
    let _ = ttl_positions(message);
}

#[test]
fn names_have_limits() {
    let long = "a".repeat(63);
    for (dotted, fits) in [
        ("web.default", true),
        ("web.default.", true),
        ("", false),
        ("a..b", false),
        (&long, true),
        (&format!("{long}a"), false),
        (&[long.as_str(); 4].join("."), false),
    ] {
        assert_eq!(name(dotted).is_some(), fits, "{dotted}");
    }
    assert_eq!(name("WeB").unwrap(), b"\x03web");
}

#[test]
fn what_does_not_fit_is_cut_to_a_request_for_tcp() {
    let asked = query("web.default.svc.cluster.local");
    let records = vec![Record::own(A, vec![10, 42, 0, 2]); 60];
    let reply = asked.reply(Code::NoError, true, &records, &[], asked.udp_limit());
    assert_eq!((reply[2] & 2, &reply[6..8]), (2, &[0, 0][..]));
    assert!(reply.len() < 60);
    let whole = asked.reply(Code::NoError, true, &records, &[], usize::from(u16::MAX));
    assert_eq!((whole[2] & 2, whole[7]), (0, 60));
    assert_eq!(addresses(&whole).unwrap().len(), 60);
    assert_eq!(ttl_positions(&whole).unwrap().len(), 60);
}

#[test]
fn edns_raises_the_limit_and_is_answered() {
    let mut message = Query::ask(&name("a.b").unwrap(), A, 1);
    message[11] = 1;
    message.extend_from_slice(&[0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    let asked = parse(&message).unwrap().unwrap();
    assert_eq!(asked.udp_limit(), 1232);
    let reply = asked.reply(Code::NoError, true, &[], &[], 1232);
    assert_eq!(
        (reply[11], &reply[reply.len() - 11..reply.len() - 8]),
        (1, &[0, 0, 41][..])
    );
}

#[test]
fn pointers_that_turn_in_circles_end() {
    let mut message = query("a").reply(
        Code::NoError,
        true,
        &[Record::own(CNAME, vec![0xc0, 12])],
        &[],
        512,
    );
    let at = message.len() - 2;
    message[at..].copy_from_slice(&[0xc0, at as u8]);
    assert!(addresses(&message).is_none());
}
