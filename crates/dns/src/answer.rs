//! From a query to its answer, or to the decision that others must be asked. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::index::Index;
use crate::wire::{self, Code, Query, Record};

/// Aliases followed within the cluster before giving up.
const MOST_ALIASES: usize = 8;

/// What to do about a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Send this.
    Reply(Vec<u8>),
    /// Not ours: ask the host's servers.
    Forward,
    /// Ours is an alias: send these followed by what the host's servers know of the last one's target.
    Alias {
        records: Vec<Record>,
        target: Vec<u8>,
    },
}

/// Answers a query with a message of at most `limit` bytes.
pub(crate) fn answer(index: &Index, query: &Query, limit: usize) -> Answer {
    let plain = |code, own| Answer::Reply(query.reply(code, own, &[], &[], limit));
    if query.opcode != 0 {
        return plain(Code::NotImplemented, false);
    }
    if query.class != wire::IN && query.class != wire::ANY {
        return plain(Code::Refused, false);
    }
    let Some(labels) = wire::labels_below(&query.name, index.zone()) else {
        return match index.get(&query.name) {
            // Reverse names of the cluster are in nobody's zone; the unknown ones may be the network's.
            Some(records) if query.kind == wire::PTR => {
                Answer::Reply(query.reply(Code::NoError, true, records, &[], limit))
            }
            _ => Answer::Forward,
        };
    };
    let none = |code| Answer::Reply(query.reply(code, true, &[], &[soa(index.zone())], limit));
    match index.get(&query.name) {
        Some(records) => known(index, query, records, limit),
        None if labels.is_empty() => none(Code::NoError),
        None => match pod_address(&labels) {
            Some(record) if wants(query.kind, &record) => {
                Answer::Reply(query.reply(Code::NoError, true, &[record], &[], limit))
            }
            Some(_) => none(Code::NoError),
            None if labels.len() == 1 && [&b"svc"[..], b"pod"].contains(&labels[0]) => {
                none(Code::NoError)
            }
            None => none(Code::NoSuchName),
        },
    }
}

fn known(index: &Index, query: &Query, records: &[Record], limit: usize) -> Answer {
    if query.name == index.zone() && query.kind == wire::SOA {
        let record = Record {
            name: None,
            ..soa(index.zone())
        };
        return Answer::Reply(query.reply(Code::NoError, true, &[record], &[], limit));
    }
    let mut found: Vec<Record> = records
        .iter()
        .filter(|record| wants(query.kind, record))
        .cloned()
        .collect();
    if !found.is_empty() {
        // Clients take the first: everybody's turn comes.
        let first = usize::from(query.id) % found.len();
        found.rotate_left(first);
        return Answer::Reply(query.reply(Code::NoError, true, &found, &[], limit));
    }
    if let Some(alias) = records.iter().find(|record| record.kind == wire::CNAME) {
        return follow(index, query, alias.clone(), limit);
    }
    Answer::Reply(query.reply(Code::NoError, true, &[], &[soa(index.zone())], limit))
}

fn follow(index: &Index, query: &Query, alias: Record, limit: usize) -> Answer {
    let mut target = target_of(&alias);
    let mut records = vec![alias];
    while wire::labels_below(&target, index.zone()).is_some() && records.len() < MOST_ALIASES {
        let held = index.get(&target).unwrap_or_default();
        let named = |record: &Record| Record {
            name: Some(target.clone()),
            ..record.clone()
        };
        match held.iter().find(|record| record.kind == wire::CNAME) {
            Some(alias) => {
                let next = named(alias);
                target = target_of(alias);
                records.push(next);
            }
            None => {
                records.extend(
                    held.iter()
                        .filter(|record| wants(query.kind, record))
                        .map(named),
                );
                return Answer::Reply(query.reply(Code::NoError, true, &records, &[], limit));
            }
        }
    }
    Answer::Alias { records, target }
}

fn target_of(alias: &Record) -> Vec<u8> {
    alias
        .value
        .strip_suffix(&[0])
        .unwrap_or(&alias.value)
        .to_vec()
}

fn wants(kind: u16, record: &Record) -> bool {
    record.kind == kind || kind == wire::ANY
}

/// `10-42-0-2.namespace.pod`: the address is in the name.
fn pod_address(labels: &[&[u8]]) -> Option<Record> {
    let [address, _, kind] = labels else {
        return None;
    };
    if *kind != b"pod" {
        return None;
    }
    let address = std::str::from_utf8(address).ok()?;
    if let Ok(v4) = address.replace('-', ".").parse::<Ipv4Addr>() {
        return Some(Record::own(wire::A, v4.octets().to_vec()));
    }
    let v6: Ipv6Addr = address.replace('-', ":").parse().ok()?;
    Some(Record::own(wire::AAAA, v6.octets().to_vec()))
}

/// Says who is responsible and how long "there is none" may be remembered.
fn soa(zone: &[u8]) -> Record {
    let mut value = Vec::new();
    for label in [&b"\x02ns\x03dns"[..], b"\x0ahostmaster"] {
        value.extend_from_slice(label);
        value.extend_from_slice(zone);
        value.push(0);
    }
    // Serial, refresh, retry and expire matter to zone transfers only, which there are none of.
    for number in [1u32, 7200, 1800, 86_400, wire::TTL_SECONDS] {
        value.extend_from_slice(&number.to_be_bytes());
    }
    Record {
        name: Some(zone.to_vec()),
        kind: wire::SOA,
        ttl_seconds: wire::TTL_SECONDS,
        value,
    }
}
