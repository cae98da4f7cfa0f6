//! The vocabulary of packet rules Sampan uses, as data: chains, rules, sets and maps of one table. Printed the way
//! `nft` prints them, so that tests read like a listing.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// An address family's table. The same rules are rendered for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn of(address: &IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }

    /// How many four-byte registers an address fills.
    pub(crate) fn address_words(self) -> u32 {
        match self {
            Self::V4 => 1,
            Self::V6 => 4,
        }
    }
}

/// Where a packet goes next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verdict {
    Drop,
    Goto(String),
    Jump(String),
}

/// A four-byte register by number; longer values fill those that follow.
pub(crate) type Register = u32;

/// What can be loaded from a packet or its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    SourceAddress,
    DestinationAddress,
    DestinationPort,
    Protocol,
    Mark,
    InputLink,
    OutputLink,
    ConnectionState,
    /// The kind of address the source or the destination is to this machine.
    SourceKind,
    DestinationKind,
    /// A random number below this.
    Random(u32),
}

/// One step of a rule. A rule's steps run in order until one does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Load(Load, Register),
    Value(Register, Vec<u8>),
    /// Keeps the bits of the mask, then flips those of `flip`.
    Mask {
        register: Register,
        mask: Vec<u8>,
        flip: Vec<u8>,
    },
    Equal(Register, Vec<u8>),
    NotEqual(Register, Vec<u8>),
    /// Matches when the named set holds the key.
    Contains {
        set: String,
        key: Register,
    },
    /// Matches when the unnamed set holds the key.
    Among {
        members: Vec<Vec<u8>>,
        key: Register,
        kind: Datatype,
    },
    /// Takes the value for the key out of the named map.
    Map {
        map: String,
        key: Register,
        value: Register,
    },
    /// Takes the value at an index out of an unnamed list.
    Pick {
        values: Vec<Vec<u8>>,
        index: Register,
        value: Register,
        kind: Datatype,
    },
    /// Goes where the named map says for the key.
    VerdictMap {
        map: String,
        key: Register,
    },
    /// Remembers key and value in the named map for a time, or renews what is there.
    Remember {
        map: String,
        key: Register,
        value: Register,
        timeout_seconds: u32,
    },
    /// Forgets the key; the kernel asks for a loaded value as well.
    Forget {
        map: String,
        key: Register,
        value: Register,
    },
    SetMark(Register),
    DestinationNat {
        address: Register,
        port: Register,
    },
    Masquerade,
    Reject,
    Verdict(Verdict),
}

/// One rule.
pub(crate) type Rule = Vec<Step>;

/// What a set's keys or a map's values are, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Datatype {
    Address,
    AddressPair,
    AddressProtocolPort,
    ProtocolPort,
    AddressPort,
    Index,
    Verdict,
}

/// A named set or map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetKind {
    pub(crate) key: Datatype,
    /// Present for maps.
    pub(crate) value: Option<Datatype>,
    /// Filled by rules, entries expire.
    pub(crate) dynamic: bool,
}

/// Where a base chain hangs in the kernel's packet path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) kind: &'static str,
    pub(crate) hook: HookPoint,
    pub(crate) priority: i32,
}

/// The kernel's numbers of its hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookPoint {
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}

/// One element of a named set or map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ElementKey {
    pub(crate) set: &'static str,
    pub(crate) key: Vec<u8>,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing: it is in the set.
    Member,
    Verdict(Verdict),
    /// Address and port.
    Endpoint(Vec<u8>),
}

/// Everything one owner (a service port, a pod's host ports, the table's frame) puts into one family's table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) sets: BTreeMap<String, SetKind>,
    pub(crate) chains: BTreeMap<String, Chain>,
    /// Elements of the frame's sets.
    pub(crate) elements: BTreeMap<ElementKey, Value>,
}

/// A chain and its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) hook: Option<Hook>,
    pub(crate) rules: Vec<Rule>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member => Ok(()),
            Self::Verdict(verdict) => write!(f, "{verdict}"),
            Self::Endpoint(endpoint) => f.write_str(&hex(endpoint)),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(load, register) => write!(f, "r{register}={load:?}"),
            Self::Value(register, value) => write!(f, "r{register}={}", hex(value)),
            Self::Mask {
                register,
                mask,
                flip,
            } => write!(f, "r{register}&{}^{}", hex(mask), hex(flip)),
            Self::Equal(register, value) => write!(f, "r{register}=={}", hex(value)),
            Self::NotEqual(register, value) => write!(f, "r{register}!={}", hex(value)),
            Self::Contains { set, key } => write!(f, "r{key} in @{set}"),
            Self::Among { members, key, .. } => write!(f, "r{key} in {}", list(members)),
            Self::Map { map, key, value } => write!(f, "r{value}=@{map}[r{key}]"),
            Self::Pick {
                values,
                index,
                value,
                ..
            } => write!(f, "r{value}={}[r{index}]", list(values)),
            Self::VerdictMap { map, key } => write!(f, "vmap @{map}[r{key}]"),
            Self::Remember {
                map,
                key,
                value,
                timeout_seconds,
            } => {
                write!(f, "update @{map}[r{key}]=r{value} {timeout_seconds}s")
            }
            Self::Forget { map, key, .. } => write!(f, "delete @{map}[r{key}]"),
            Self::SetMark(register) => write!(f, "mark=r{register}"),
            Self::DestinationNat { address, port } => write!(f, "dnat r{address}:r{port}"),
            Self::Masquerade => f.write_str("masquerade"),
            Self::Reject => f.write_str("reject"),
            Self::Verdict(verdict) => write!(f, "{verdict}"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(values: &[Vec<u8>]) -> String {
    format!(
        "{{{}}}",
        values
            .iter()
            .map(|value| hex(value))
            .collect::<Vec<_>>()
            .join(" ")
    )
}
