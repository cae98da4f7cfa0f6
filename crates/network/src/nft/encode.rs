//! Table operations as nf_tables netlink messages: one batch, taken whole or not at all. The numbers are those of
//! linux/netfilter/nf_tables.h.

use super::diff::Op;
use super::rule::{Datatype, Family, Hook, Load, Register, Rule, SetKind, Step, Verdict};
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

/// The first 32-bit register.
const REGISTERS: u32 = 8;
const VERDICT_REGISTER: u32 = 0;
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
                let keys: Vec<_> = keys.iter().map(|key| (key.clone(), None)).collect();
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

    /// An unnamed set or list belongs to the rule that follows; returns its number.
    fn add_unnamed(
        &mut self,
        key: Option<Datatype>,
        value: Option<Datatype>,
        elements: &[Element],
    ) -> u32 {
        let name = if value.is_some() {
            "__map%d"
        } else {
            "__set%d"
        };
        self.begin(NEW_SET, netlink::CREATE);
        self.batch.text(2, name);
        self.batch.number(
            3,
            SET_ANONYMOUS | SET_CONSTANT | if value.is_some() { SET_MAP } else { 0 },
        );
        self.sets += 1;
        let (family, number) = (self.family, self.sets);
        match key {
            Some(key) => describe_set(&mut self.batch, family, number, key, value),
            None => {
                self.batch.number(4, 4);
                self.batch.number(5, 4);
                describe_value(&mut self.batch, family, number, value);
            }
        }
        self.batch.nest(9, |description| {
            description.number(1, elements.len() as u32)
        });
        self.elements(NEW_ELEMENT, name, Some(number), elements);
        number
    }

    fn elements<E: Entry>(&mut self, kind: u16, set: &str, number: Option<u32>, elements: &[E]) {
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
                for element in chunk {
                    list.nest(1, |fields| {
                        fields.nest(1, |key| key.attr(1, element.key()));
                        element.value(fields);
                    });
                }
            });
        }
    }

    fn add_rule(&mut self, chain: &str, rule: &Rule) {
        // Unnamed sets come before the rule, each under the number its step then uses.
        let numbers: Vec<u32> = rule.iter().map(|step| self.unnamed_of(step)).collect();
        self.begin(NEW_RULE, netlink::CREATE | netlink::APPEND);
        self.batch.text(2, chain);
        let family = self.family;
        self.batch.nest(4, |list| {
            for (step, number) in rule.iter().zip(numbers) {
                list.nest(1, |expression| {
                    let (name, fill) = expression_of(family, step, number);
                    expression.text(1, name);
                    expression.nest(2, fill);
                });
            }
        });
    }

    fn unnamed_of(&mut self, step: &Step) -> u32 {
        match step {
            Step::Among { members, kind, .. } => {
                let elements: Vec<Element> = members
                    .iter()
                    .map(|key| Element {
                        key: key.clone(),
                        value: None,
                    })
                    .collect();
                self.add_unnamed(Some(*kind), None, &elements)
            }
            Step::Pick { values, kind, .. } => {
                let element = |(index, value): (usize, &Vec<u8>)| Element {
                    key: (index as u32).to_ne_bytes().to_vec(),
                    value: Some(value.clone()),
                };
                let elements: Vec<Element> = values.iter().enumerate().map(element).collect();
                self.add_unnamed(None, Some(*kind), &elements)
            }
            _ => 0,
        }
    }
}

/// An element of an unnamed set or list.
struct Element {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

trait Entry {
    fn key(&self) -> &[u8];
    fn value(&self, fields: &mut Batch);
}

impl Entry for Element {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn value(&self, fields: &mut Batch) {
        if let Some(value) = &self.value {
            fields.nest(2, |value_of| value_of.attr(1, value));
        }
    }
}

impl Entry for (Vec<u8>, Option<Verdict>) {
    fn key(&self) -> &[u8] {
        &self.0
    }

    fn value(&self, fields: &mut Batch) {
        if let Some(verdict) = &self.1 {
            fields.nest(2, |value_of| write_verdict(value_of, verdict));
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
        Datatype::Verdict => (VERDICT_TYPE, 0),
    }
}

fn write_verdict(batch: &mut Batch, verdict: &Verdict) {
    let (code, chain): (i32, _) = match verdict {
        Verdict::Drop => (0, None),
        Verdict::Jump(chain) => (-3, Some(chain)),
        Verdict::Goto(chain) => (-4, Some(chain)),
    };
    batch.nest(2, |fields| {
        fields.number(1, code as u32);
        if let Some(chain) = chain {
            fields.text(2, chain);
        }
    });
}

type Fill<'a> = Box<dyn FnOnce(&mut Batch) + 'a>;

/// The kernel's name of a step and what fills in its attributes.
fn expression_of(family: Family, step: &Step, unnamed: u32) -> (&'static str, Fill<'_>) {
    match step {
        Step::Load(load, to) => load_of(family, *load, REGISTERS + to),
        Step::Value(register, value) => (
            "immediate",
            Box::new(move |batch| {
                batch.number(1, REGISTERS + register);
                batch.nest(2, |data| data.attr(1, value));
            }),
        ),
        Step::Mask {
            register,
            mask,
            flip,
        } => (
            "bitwise",
            Box::new(move |batch| {
                batch.number(1, REGISTERS + register);
                batch.number(2, REGISTERS + register);
                batch.number(3, mask.len() as u32);
                batch.nest(4, |value| value.attr(1, mask));
                batch.nest(5, |value| value.attr(1, flip));
            }),
        ),
        Step::Equal(register, value) => (
            "cmp",
            Box::new(move |batch| compare(batch, *register, 0, value)),
        ),
        Step::NotEqual(register, value) => (
            "cmp",
            Box::new(move |batch| compare(batch, *register, 1, value)),
        ),
        Step::Contains { set, key } => lookup(set, *key, None, None),
        Step::Among { key, .. } => lookup("__set%d", *key, None, Some(unnamed)),
        Step::Map { map, key, value } => lookup(map, *key, Some(REGISTERS + value), None),
        Step::Pick { index, value, .. } => {
            lookup("__map%d", *index, Some(REGISTERS + value), Some(unnamed))
        }
        Step::VerdictMap { map, key } => lookup(map, *key, Some(VERDICT_REGISTER), None),
        Step::Remember {
            map,
            key,
            value,
            timeout_seconds,
        } => (
            "dynset",
            Box::new(move |batch| {
                batch.text(1, map);
                batch.number(3, 1);
                batch.number(4, REGISTERS + key);
                batch.number(5, REGISTERS + value);
                batch.attr(6, &(u64::from(*timeout_seconds) * 1000).to_be_bytes());
            }),
        ),
        Step::Forget { map, key, value } => (
            "dynset",
            Box::new(move |batch| {
                batch.text(1, map);
                batch.number(3, 2);
                batch.number(4, REGISTERS + key);
                batch.number(5, REGISTERS + value);
            }),
        ),
        Step::SetMark(register) => (
            "meta",
            Box::new(move |batch| {
                batch.number(2, 3);
                batch.number(3, REGISTERS + register);
            }),
        ),
        Step::DestinationNat { address, port } => (
            "nat",
            Box::new(move |batch| {
                batch.number(1, 1);
                batch.number(2, if family == Family::V4 { 2 } else { 10 });
                batch.number(3, REGISTERS + address);
                batch.number(5, REGISTERS + port);
            }),
        ),
        // Ports chosen at random: two connections made at once must not ask for the same one.
        Step::Masquerade => ("masq", Box::new(|batch| batch.number(1, 0x10))),
        Step::Reject => (
            "reject",
            Box::new(move |batch| {
                batch.number(1, 0);
                batch.attr(2, &[if family == Family::V4 { 3 } else { 4 }]);
            }),
        ),
        Step::Verdict(verdict) => (
            "immediate",
            Box::new(move |batch| {
                batch.number(1, VERDICT_REGISTER);
                batch.nest(2, |value| write_verdict(value, verdict));
            }),
        ),
    }
}

fn compare(batch: &mut Batch, register: Register, operator: u32, value: &[u8]) {
    batch.number(1, REGISTERS + register);
    batch.number(2, operator);
    batch.nest(3, |compared| compared.attr(1, value));
}

fn lookup(
    set: &str,
    key: Register,
    into: Option<u32>,
    number: Option<u32>,
) -> (&'static str, Fill<'_>) {
    (
        "lookup",
        Box::new(move |batch| {
            batch.text(1, set);
            batch.number(2, REGISTERS + key);
            if let Some(into) = into {
                batch.number(3, into);
            }
            if let Some(number) = number {
                batch.number(4, number);
            }
        }),
    )
}

fn load_of(family: Family, load: Load, to: u32) -> (&'static str, Fill<'static>) {
    let payload = move |base: u32, offset: u32, length: u32| -> (&'static str, Fill<'static>) {
        (
            "payload",
            Box::new(move |batch| {
                batch.number(1, to);
                batch.number(2, base);
                batch.number(3, offset);
                batch.number(4, length);
            }),
        )
    };
    let keyed = move |name: &'static str, key: u32| -> (&'static str, Fill<'static>) {
        (
            name,
            Box::new(move |batch| {
                batch.number(1, to);
                batch.number(2, key);
            }),
        )
    };
    let kind = move |flag: u32| -> (&'static str, Fill<'static>) {
        (
            "fib",
            Box::new(move |batch| {
                batch.number(1, to);
                batch.number(2, 3);
                batch.number(3, flag);
            }),
        )
    };
    match (load, family) {
        (Load::SourceAddress, Family::V4) => payload(1, 12, 4),
        (Load::DestinationAddress, Family::V4) => payload(1, 16, 4),
        (Load::SourceAddress, Family::V6) => payload(1, 8, 16),
        (Load::DestinationAddress, Family::V6) => payload(1, 24, 16),
        (Load::DestinationPort, _) => payload(2, 2, 2),
        (Load::Protocol, _) => keyed("meta", 16),
        (Load::Mark, _) => keyed("meta", 3),
        (Load::InputLink, _) => keyed("meta", 6),
        (Load::OutputLink, _) => keyed("meta", 7),
        (Load::ConnectionState, _) => keyed("ct", 0),
        (Load::SourceKind, _) => kind(1),
        (Load::DestinationKind, _) => kind(2),
        (Load::Random(below), _) => (
            "numgen",
            Box::new(move |batch| {
                batch.number(1, to);
                batch.number(2, below);
                batch.number(3, 1);
            }),
        ),
    }
}
