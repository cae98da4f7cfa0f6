//! From one ruleset to the next as the smallest list of table operations. Pure. Only owners that changed are looked
//! at, so one service among thousands costs as much as one alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::frame;
use super::render::{self, Fragments};
use super::rule::{Chain, ElementKey, Family, Fragment, Hook, Rule, SetKind, Value};
use crate::{ClusterRanges, Ruleset};

/// One operation on a family's table, in an order the kernel accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    AddTable,
    DeleteTable,
    AddSet(String, SetKind),
    AddChain(String, Option<Hook>),
    FlushChain(String),
    AddRule(String, Rule),
    DeleteElements(&'static str, Vec<Vec<u8>>),
    AddElements(&'static str, Elements),
    DeleteChain(String),
    DeleteSet(String),
}

/// Keys and what they lead to.
pub(crate) type Elements = Vec<(Vec<u8>, Value)>;

/// Who wants which element. Two services may claim the same address and port; the kernel's map has one value for
/// it, so the first owner by name has it until it lets go.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<(Family, ElementKey), BTreeMap<Arc<str>, Value>>);

/// One owner's part before and after.
struct Change {
    owner: Arc<str>,
    old: Fragments,
    new: Fragments,
}

/// The operations that make the kernel's tables, whatever is in them, hold exactly `ruleset`.
pub(crate) fn replace(claims: &mut Claims, ruleset: &Ruleset) -> Vec<(Family, Op)> {
    claims.0.clear();
    let mut ops = Vec::new();
    for family in families(&ruleset.ranges) {
        // Deleting needs a table to be there; adding one that is there does nothing.
        ops.extend([
            (family, Op::AddTable),
            (family, Op::DeleteTable),
            (family, Op::AddTable),
        ]);
    }
    let nothing = Ruleset {
        ranges: ruleset.ranges.clone(),
        ..Ruleset::default()
    };
    let mut changes = vec![frame_change(&ruleset.ranges)];
    changes.extend(changes_between(&nothing, ruleset));
    ops.extend(operations(claims, &changes));
    ops
}

/// The operations that lead from `old`, which is in force, to `new` of the same ranges.
pub(crate) fn update(claims: &mut Claims, old: &Ruleset, new: &Ruleset) -> Vec<(Family, Op)> {
    debug_assert_eq!(old.ranges, new.ranges);
    operations(claims, &changes_between(old, new))
}

/// IPv6 has a table only where the cluster has IPv6 ranges: not every kernel can.
pub(crate) fn families(ranges: &ClusterRanges) -> Vec<Family> {
    let used = |family: &Family| {
        *family == Family::V4
            || ranges
                .pods
                .iter()
                .chain(&ranges.services)
                .any(|range| range.addr().is_ipv6())
    };
    Family::ALL.into_iter().filter(used).collect()
}

fn frame_change(ranges: &ClusterRanges) -> Change {
    let new = families(ranges)
        .into_iter()
        .map(|family| (family, frame::frame(family, ranges)))
        .collect();
    Change {
        owner: "frame".into(),
        old: Fragments::new(),
        new,
    }
}

fn changes_between(old: &Ruleset, new: &Ruleset) -> Vec<Change> {
    let ranges = &new.ranges;
    let services = differing(
        &old.services,
        &new.services,
        |a, b| Arc::ptr_eq(a, b) || a == b,
        |name, port| {
            one(
                ranges,
                Family::of(&port.cluster_ip),
                render::service(name, port, &ranges.pods),
            )
        },
    );
    let host_ports = differing(
        &old.host_ports,
        &new.host_ports,
        |a, b| a == b,
        |id, (pod, ports)| one(ranges, Family::of(pod), render::host_ports(id, *pod, ports)),
    );
    let owned = |kind: &'static str| {
        move |(name, old, new): (&String, Fragments, Fragments)| Change {
            owner: format!("{kind} {name}").into(),
            old,
            new,
        }
    };
    services
        .into_iter()
        .map(owned("service"))
        .chain(host_ports.into_iter().map(owned("host ports")))
        .collect()
}

fn one(ranges: &ClusterRanges, family: Family, fragment: Fragment) -> Fragments {
    if families(ranges).contains(&family) {
        Fragments::from([(family, fragment)])
    } else {
        Fragments::new()
    }
}

/// Every name whose value is not the same on both sides, with both sides rendered.
fn differing<'a, V>(
    old: &'a BTreeMap<String, V>,
    new: &'a BTreeMap<String, V>,
    same: impl Fn(&V, &V) -> bool,
    render: impl Fn(&str, &V) -> Fragments,
) -> Vec<(&'a String, Fragments, Fragments)> {
    let side = |name: &String, value: Option<&V>| {
        value.map(|value| render(name, value)).unwrap_or_default()
    };
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    let gone = gone.map(|(name, value)| (name, side(name, Some(value)), Fragments::new()));
    let changed = new
        .iter()
        .filter(|(name, value)| !old.get(*name).is_some_and(|former| same(former, value)));
    let changed =
        changed.map(|(name, value)| (name, side(name, old.get(name)), side(name, Some(value))));
    gone.chain(changed).collect()
}

/// Lists of operations that must not be mixed: what is referred to comes before what refers to it, and goes after.
#[derive(Default)]
struct Phases {
    sets: Vec<(Family, Op)>,
    chains: Vec<(Family, Op)>,
    rules: Vec<(Family, Op)>,
    elements: Vec<(Family, Op)>,
    emptied: Vec<(Family, Op)>,
    deleted: Vec<(Family, Op)>,
}

fn operations(claims: &mut Claims, changes: &[Change]) -> Vec<(Family, Op)> {
    let mut phases = Phases::default();
    let mut touched = BTreeMap::new();
    let nothing = Fragment::default();
    for change in changes {
        for family in Family::ALL {
            let (old, new) = (
                change.old.get(&family).unwrap_or(&nothing),
                change.new.get(&family).unwrap_or(&nothing),
            );
            phases.sets(family, &old.sets, &new.sets);
            phases.chains(family, &old.chains, &new.chains);
            for key in old
                .elements
                .keys()
                .chain(new.elements.keys())
                .collect::<BTreeSet<_>>()
            {
                let place = (family, key.clone());
                touched
                    .entry(place.clone())
                    .or_insert_with(|| claims.winner(&place));
                claims.set(&place, &change.owner, new.elements.get(key));
            }
        }
    }
    phases.elements = element_operations(claims, touched);
    let Phases {
        sets,
        chains,
        rules,
        elements,
        emptied,
        deleted,
    } = phases;
    [sets, chains, elements, rules, emptied, deleted].concat()
}

impl Phases {
    fn sets(
        &mut self,
        family: Family,
        old: &BTreeMap<String, SetKind>,
        new: &BTreeMap<String, SetKind>,
    ) {
        for (name, kind) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            self.sets.push((family, Op::AddSet(name.clone(), *kind)));
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            self.deleted.push((family, Op::DeleteSet(name.clone())));
        }
    }

    fn chains(
        &mut self,
        family: Family,
        old: &BTreeMap<String, Chain>,
        new: &BTreeMap<String, Chain>,
    ) {
        for (name, chain) in new {
            match old.get(name) {
                Some(former) if former == chain => continue,
                Some(_) => self.rules.push((family, Op::FlushChain(name.clone()))),
                None => self
                    .chains
                    .push((family, Op::AddChain(name.clone(), chain.hook))),
            }
            for rule in &chain.rules {
                self.rules
                    .push((family, Op::AddRule(name.clone(), rule.clone())));
            }
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            self.emptied.push((family, Op::FlushChain(name.clone())));
            // Chains are deleted before sets: a set in use stays.
            self.deleted
                .insert(0, (family, Op::DeleteChain(name.clone())));
        }
    }
}

impl Claims {
    fn winner(&self, place: &(Family, ElementKey)) -> Option<Value> {
        self.0.get(place)?.values().next().cloned()
    }

    fn set(&mut self, place: &(Family, ElementKey), owner: &Arc<str>, value: Option<&Value>) {
        match value {
            Some(value) => {
                self.0
                    .entry(place.clone())
                    .or_default()
                    .insert(Arc::clone(owner), value.clone());
            }
            None => {
                if let Some(owners) = self.0.get_mut(place) {
                    owners.remove(owner);
                    if owners.is_empty() {
                        self.0.remove(place);
                    }
                }
            }
        }
    }
}

/// Deletions before additions, because a value is changed by deleting and adding; one operation a set.
fn element_operations(
    claims: &Claims,
    touched: BTreeMap<(Family, ElementKey), Option<Value>>,
) -> Vec<(Family, Op)> {
    let mut deletions: BTreeMap<(Family, &'static str), Vec<Vec<u8>>> = BTreeMap::new();
    let mut additions: BTreeMap<(Family, &'static str), Elements> = BTreeMap::new();
    for (place, before) in touched {
        let after = claims.winner(&place);
        if before == after {
            continue;
        }
        let (family, ElementKey { set, key }) = place;
        if before.is_some() {
            deletions
                .entry((family, set))
                .or_default()
                .push(key.clone());
        }
        if let Some(value) = after {
            additions
                .entry((family, set))
                .or_default()
                .push((key, value));
        }
    }
    let deletions = deletions
        .into_iter()
        .map(|((family, set), keys)| (family, Op::DeleteElements(set, keys)));
    let additions = additions
        .into_iter()
        .map(|((family, set), elements)| (family, Op::AddElements(set, elements)));
    deletions.chain(additions).collect()
}
