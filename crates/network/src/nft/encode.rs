//! Table operations as nf_tables netlink messages: one batch, taken whole or not at all. The numbers are those of
//! linux/netfilter/nf_tables.h.

use super::diff::Op;
use super::expression::{expression_of, write_verdict};
use super::rule::{Datatype, Family, Hook, Rule, SetKind, Step, Value};
use crate::netlink::{self, Batch};

const SUBSYSTEM: u16 = 10 << 8;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NEW_TABLE: u16 = SUBSYSTEM;
const DELETE_TABLE: u16 = SUBSYSTEM | 2;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const DELETE_CHAIN: u16 = SUBSYSTEM | 5;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const DELETE_RULE: u16 = SUBSYSTEM | 8;
const NEW_SET: u16 = SUBSYSTEM | 9;
const DELETE_SET: u16 = SUBSYSTEM | 11;
const NEW_ELEMENT: u16 = SUBSYSTEM | 12;
const DELETE_ELEMENT: u16 = SUBSYSTEM | 14;

const VERDICT_TYPE: u32 = 0xffff_ff00;
/// An attribute holds 64 KiB; an element takes under 400 bytes with the longest chain name.
const ELEMENTS_PER_MESSAGE: usize = 128;
/// Clients a sticky service remembers; further ones are spread without memory.
const MOST_REMEMBERED: u32 = 65_536;

const SET_ANONYMOUS: u32 = 0x1;
const SET_CONSTANT: u32 = 0x2;
const SET_MAP: u32 = 0x8;
const SET_TIMEOUT: u32 = 0x10;
const SET_EVAL: u32 = 0x20;

/// A batch with what each of its messages is about.
pub(crate) struct Encoded {
    pub(crate) batch: Batch,
    /// The number of the last operation's message: the one that asks for an answer.
    pub(crate) last: u32,
    /// For each message, from number two on, which operation it belongs to.
    origins: Vec<usize>,
}

impl Encoded {
    /// Which operation a message was made for.
    pub(crate) fn origin(&self, message: u32) -> Option<usize> {
        self.origins
            .get(usize::try_from(message).ok()?.checked_sub(2)?)
            .copied()
    }
}

/// Encodes the operations on the table of this name.
pub(crate) fn encode(table: &str, ops: &[(Family, Op)]) -> Encoded {
    let mut writer = Writer {
        table,
        family: Family::V4,
        batch: Batch::default(),
        sets: 0,
        chain: Default::default(),
    };
    writer.batch.message(BATCH_BEGIN, 0, &[0, 0, 0, 10]);
    let mut origins = Vec::with_capacity(ops.len());
    for (index, (family, op)) in ops.iter().enumerate() {
        writer.family = *family;
        writer.op(op);
        origins.resize(writer.batch.count() as usize - 1, index);
    }
    let last = writer.batch.count();
    writer.batch.acknowledge();
    writer.batch.message(BATCH_END, 0, &[0, 0, 0, 10]);
    Encoded {
        batch: writer.batch,
        last,
        origins,
    }
}

struct Writer<'a> {
    table: &'a str,
    family: Family,
    batch: Batch,
    /// How many unnamed sets were made: each has a number its rule names.
    sets: u32,
    /// The chain whose rules are being written, and how many unnamed sets they have so far.
    chain: (String, u32),
}

impl Writer<'_> {
    fn op(&mut self, op: &Op) {
        match op {
            Op::AddTable => self.begin(NEW_TABLE, netlink::CREATE),
            Op::DeleteTable => self.begin(DELETE_TABLE, 0),
            Op::AddSet(name, kind) => self.add_set(name, kind),
            Op::DeleteSet(name) => {
                self.begin(DELETE_SET, 0);
                self.batch.text(2, name);
            }
            Op::AddChain(name, hook) => self.add_chain(name, hook.as_ref()),
            Op::DeleteChain(name) => {
                self.begin(DELETE_CHAIN, 0);
                self.batch.text(3, name);
            }
            Op::FlushChain(name) => {
                self.begin(DELETE_RULE, 0);
                self.batch.text(2, name);
            }
            Op::AddRule(chain, rule) => self.add_rule(chain, rule),
            Op::AddElements(set, elements) => self.elements(NEW_ELEMENT, set, None, elements),
            Op::DeleteElements(set, keys) => {
                let keys: Vec<_> = keys
                    .iter()
                    .map(|key| (key.clone(), Value::Member))
                    .collect();
                self.elements(DELETE_ELEMENT, set, None, &keys);
            }
        }
    }

    /// Every kind of message names its table in attribute one.
    fn begin(&mut self, kind: u16, flags: u16) {
        let family = match self.family {
            Family::V4 => 2,
            Family::V6 => 10,
        };
        self.batch.message(kind, flags, &[family, 0, 0, 0]);
        self.batch.text(1, self.table);
    }

    fn add_chain(&mut self, name: &str, hook: Option<&Hook>) {
        self.begin(NEW_CHAIN, netlink::CREATE);
        self.batch.text(3, name);
        if let Some(hook) = hook {
            self.batch.nest(4, |attributes| {
                attributes.number(1, hook.hook as u32);
                attributes.number(2, hook.priority as u32);
            });
            self.batch.text(7, hook.kind);
        }
    }

    fn add_set(&mut self, name: &str, kind: &SetKind) {
        self.begin(NEW_SET, netlink::CREATE | netlink::EXCL);
        self.batch.text(2, name);
        let map = if kind.value.is_some() { SET_MAP } else { 0 };
        let dynamic = if kind.dynamic {
            SET_TIMEOUT | SET_EVAL
        } else {
            0
        };
        self.batch.number(3, map | dynamic);
        self.sets += 1;
        let (family, number) = (self.family, self.sets);
        describe_set(&mut self.batch, family, number, kind.key, kind.value);
        if kind.dynamic {
            self.batch
                .nest(9, |description| description.number(1, MOST_REMEMBERED));
        }
    }

    /// An unnamed set or list belongs to the rule that follows; returns its name and number. Given a pattern for a
    /// name, the kernel would compare it with every other set: so these are called after their chain and place in it.
    fn add_unnamed(
        &mut self,
        chain: &str,
        key: Datatype,
        value: Option<Datatype>,
        elements: &[(Vec<u8>, Value)],
    ) -> (String, u32) {
        self.sets += 1;
        let number = self.sets;
        if self.chain.0 != chain {
            self.chain = (chain.to_owned(), 0);
        }
        self.chain.1 += 1;
        let name = format!("__{}-{chain}", self.chain.1);
        self.begin(NEW_SET, netlink::CREATE);
        self.batch.text(2, &name);
        self.batch.number(
            3,
            SET_ANONYMOUS | SET_CONSTANT | if value.is_some() { SET_MAP } else { 0 },
        );
        let family = self.family;
        describe_set(&mut self.batch, family, number, key, value);
        self.batch.nest(9, |description| {
            description.number(1, elements.len() as u32)
        });
        self.elements(NEW_ELEMENT, &name, Some(number), elements);
        (name, number)
    }

    fn elements(
        &mut self,
        kind: u16,
        set: &str,
        number: Option<u32>,
        elements: &[(Vec<u8>, Value)],
    ) {
        let flags = if kind == NEW_ELEMENT {
            netlink::CREATE
        } else {
            0
        };
        for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.begin(kind, flags);
            self.batch.text(2, set);
            if let Some(number) = number {
                self.batch.number(4, number);
            }
            self.batch.nest(3, |list| {
                for (key, value) in chunk {
                    list.nest(1, |fields| {
                        fields.nest(1, |data| data.attr(1, key));
                        match value {
                            Value::Member => {}
                            Value::Verdict(verdict) => {
                                fields.nest(2, |data| write_verdict(data, verdict))
                            }
                            Value::Endpoint(endpoint) => {
                                fields.nest(2, |data| data.attr(1, endpoint))
                            }
                        }
                    });
                }
            });
        }
    }

    fn add_rule(&mut self, chain: &str, rule: &Rule) {
        // Unnamed sets come before the rule, each under the number its step then uses.
        let unnamed: Vec<_> = rule
            .iter()
            .map(|step| self.unnamed_of(chain, step))
            .collect();
        self.begin(NEW_RULE, netlink::CREATE | netlink::APPEND);
        self.batch.text(2, chain);
        let family = self.family;
        self.batch.nest(4, |list| {
            for (step, unnamed) in rule.iter().zip(&unnamed) {
                list.nest(1, |expression| {
                    let (name, fill) = expression_of(family, step, unnamed.as_ref());
                    expression.text(1, name);
                    expression.nest(2, fill);
                });
            }
        });
    }

    fn unnamed_of(&mut self, chain: &str, step: &Step) -> Option<(String, u32)> {
        match step {
            Step::Among { members, kind, .. } => {
                let elements: Vec<_> = members
                    .iter()
                    .map(|key| (key.clone(), Value::Member))
                    .collect();
                Some(self.add_unnamed(chain, *kind, None, &elements))
            }
            Step::Pick { values, kind, .. } => {
                let element = |(index, value): (usize, &Vec<u8>)| {
                    (
                        (index as u32).to_ne_bytes().to_vec(),
                        Value::Endpoint(value.clone()),
                    )
                };
                let elements: Vec<_> = values.iter().enumerate().map(element).collect();
                Some(self.add_unnamed(chain, Datatype::Index, Some(*kind), &elements))
            }
            _ => None,
        }
    }
}

fn describe_set(
    batch: &mut Batch,
    family: Family,
    number: u32,
    key: Datatype,
    value: Option<Datatype>,
) {
    let (kind, length) = type_of(family, key);
    batch.number(4, kind);
    batch.number(5, length);
    describe_value(batch, family, number, value);
}

fn describe_value(batch: &mut Batch, family: Family, number: u32, value: Option<Datatype>) {
    if let Some(value) = value {
        let (kind, length) = type_of(family, value);
        batch.number(6, kind);
        batch.number(7, length);
    }
    batch.number(10, number);
}

/// The number `nft` lists a type by (six bits a field) and its length.
fn type_of(family: Family, datatype: Datatype) -> (u32, u32) {
    // Any number of four bytes.
    const MARK: u32 = 19;
    const PROTOCOL: u32 = 12;
    const PORT: u32 = 13;
    let (address, length) = match family {
        Family::V4 => (7, 4),
        Family::V6 => (8, 16),
    };
    match datatype {
        Datatype::Address => (address, length),
        Datatype::AddressPair => (address << 6 | address, 2 * length),
        Datatype::AddressProtocolPort => ((address << 6 | PROTOCOL) << 6 | PORT, length + 8),
        Datatype::ProtocolPort => (PROTOCOL << 6 | PORT, 8),
        Datatype::AddressPort => (address << 6 | PORT, length + 4),
        Datatype::Index => (MARK, 4),
        Datatype::Verdict => (VERDICT_TYPE, 0),
    }
}
