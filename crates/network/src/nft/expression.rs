//! Steps of a rule as nf_tables expressions: the kernel's name of each and its attributes by number.

use super::rule::{Family, Load, Register, Step, Verdict};
use crate::netlink::Batch;

/// The first 32-bit register.
const REGISTERS: u32 = 8;
const VERDICT_REGISTER: u32 = 0;

pub(crate) type Fill<'a> = Box<dyn FnOnce(&mut Batch) + 'a>;

/// The kernel's name of a step and what fills in its attributes.
pub(crate) fn expression_of<'a>(
    family: Family,
    step: &'a Step,
    unnamed: Option<&'a (String, u32)>,
) -> (&'static str, Fill<'a>) {
    // Steps that need none have none.
    let (set, number) = unnamed.map_or(("", None), |(name, number)| (name.as_str(), Some(*number)));
    match step {
        Step::Load(load, to) => load_of(family, *load, REGISTERS + to),
        Step::Value(register, value) => (
            "immediate",
            Box::new(move |batch| set_value(batch, *register, value)),
        ),
        Step::Mask {
            register,
            mask,
            flip,
        } => (
            "bitwise",
            Box::new(move |batch| set_bits(batch, *register, mask, flip)),
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
        Step::Among { key, .. } => lookup(set, *key, None, number),
        Step::Pick { index, value, .. } => lookup(set, *index, Some(REGISTERS + value), number),
        Step::Map { map, key, value } => lookup(map, *key, Some(REGISTERS + value), None),
        Step::VerdictMap { map, key } => lookup(map, *key, Some(VERDICT_REGISTER), None),
        Step::Remember {
            map,
            key,
            value,
            timeout_seconds,
        } => remember(map, [*key, *value], *timeout_seconds),
        Step::Forget { map, key, value } => (
            "dynset",
            Box::new(move |batch| change_map(batch, map, 2, [*key, *value], None)),
        ),
        Step::SetMark(register) => numbers("meta", [(2, 3), (3, REGISTERS + register)]),
        Step::DestinationNat { address, port } => {
            let protocol = if family == Family::V4 { 2 } else { 10 };
            numbers(
                "nat",
                [
                    (1, 1),
                    (2, protocol),
                    (3, REGISTERS + address),
                    (5, REGISTERS + port),
                ],
            )
        }
        // Ports chosen at random: two connections made at once must not ask for the same one.
        Step::Masquerade => numbers("masq", [(1, 0x10)]),
        Step::Reject => ("reject", Box::new(move |batch| refuse(batch, family))),
        Step::Verdict(verdict) => ("immediate", Box::new(move |batch| decide(batch, verdict))),
    }
}

fn numbers<const N: usize>(
    name: &'static str,
    fields: [(u16, u32); N],
) -> (&'static str, Fill<'static>) {
    (
        name,
        Box::new(move |batch| {
            fields
                .iter()
                .for_each(|(kind, value)| batch.number(*kind, *value))
        }),
    )
}

fn refuse(batch: &mut Batch, family: Family) {
    batch.number(1, 0);
    batch.attr(2, &[if family == Family::V4 { 3 } else { 4 }]);
}

fn decide(batch: &mut Batch, verdict: &Verdict) {
    batch.number(1, VERDICT_REGISTER);
    batch.nest(2, |value| write_verdict(value, verdict));
}

fn set_value(batch: &mut Batch, register: Register, value: &[u8]) {
    batch.number(1, REGISTERS + register);
    batch.nest(2, |data| data.attr(1, value));
}

fn set_bits(batch: &mut Batch, register: Register, mask: &[u8], flip: &[u8]) {
    batch.number(1, REGISTERS + register);
    batch.number(2, REGISTERS + register);
    batch.number(3, mask.len() as u32);
    batch.nest(4, |data| data.attr(1, mask));
    batch.nest(5, |data| data.attr(1, flip));
}

fn remember(map: &str, registers: [Register; 2], seconds: u32) -> (&'static str, Fill<'_>) {
    let milliseconds = u64::from(seconds) * 1000;
    (
        "dynset",
        Box::new(move |batch| change_map(batch, map, 1, registers, Some(milliseconds))),
    )
}

fn change_map(
    batch: &mut Batch,
    map: &str,
    operation: u32,
    registers: [Register; 2],
    milliseconds: Option<u64>,
) {
    batch.text(1, map);
    batch.number(3, operation);
    batch.number(4, REGISTERS + registers[0]);
    batch.number(5, REGISTERS + registers[1]);
    if let Some(milliseconds) = milliseconds {
        batch.attr(6, &milliseconds.to_be_bytes());
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
    let payload =
        |base, offset, length| numbers("payload", [(1, to), (2, base), (3, offset), (4, length)]);
    let keyed = |name, key| numbers(name, [(1, to), (2, key)]);
    let kind = |flag| numbers("fib", [(1, to), (2, 3), (3, flag)]);
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
        (Load::Random(below), _) => numbers("numgen", [(1, to), (2, below), (3, 1)]),
    }
}

pub(crate) fn write_verdict(batch: &mut Batch, verdict: &Verdict) {
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
