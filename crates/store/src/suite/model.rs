//! Random operations against a model: one plain map per revision.

use crate::{Condition, Error, Outcome, RangeOptions, Revision, Store, Transaction};
use bytes::Bytes;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

const KEYS: [&str; 6] = ["a", "a/1", "a/2", "b", "b/1", "c"];

/// One step of a random history.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Transact(Vec<(usize, Option<Expect>)>, Vec<(usize, Option<u16>)>),
    Get(usize, Option<Revision>),
    Range(usize, Option<usize>, usize, Option<Revision>),
    Watch(usize, Revision),
    Compact(Revision),
    Reopen,
}

/// What a condition says of a key; the revision is taken from the model, off by this much.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    Absent,
    Revision(u64),
}

/// Random histories.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..KEYS.len();
    let expect = prop_oneof![Just(Expect::Absent), (0..2_u64).prop_map(Expect::Revision)];
    let condition = (key(), proptest::option::of(expect));
    let write = (key(), proptest::option::weighted(0.7, any::<u16>()));
    let at = || proptest::option::of(0..60_u64);
    let transact = (
        proptest::collection::vec(condition, 0..2),
        proptest::collection::vec(write, 0..4),
    );
    let step = prop_oneof![
        12 => transact.prop_map(|(c, w)| Step::Transact(c, w)),
        2 => (key(), at()).prop_map(|(k, r)| Step::Get(k, r)),
        3 => (key(), proptest::option::of(key()), 0..4_usize, at())
            .prop_map(|(p, s, l, r)| Step::Range(p, s, l, r)),
        2 => (key(), 0..60_u64).prop_map(|(k, r)| Step::Watch(k, r)),
        1 => (0..60_u64).prop_map(Step::Compact),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..80)
}

type State = BTreeMap<&'static str, (Revision, Bytes)>;

struct Model {
    /// The state at each revision from 0, which is never readable.
    states: Vec<State>,
    /// Oldest revision that must be readable, as far as explicit compaction says.
    oldest: Revision,
}

/// Plays a history. `forgetful` says that the store drops history by itself, so only it knows how
/// far it reaches. `reopen` gives the store back as if the process had ended (or just as it is).
pub(crate) async fn play(
    steps: Vec<Step>,
    mut store: Arc<dyn Store>,
    reopen: &dyn Fn(Arc<dyn Store>) -> Arc<dyn Store>,
    forgetful: bool,
) {
    let mut model = Model {
        states: vec![State::new(), State::new()],
        oldest: 1,
    };
    for step in steps {
        if matches!(step, Step::Reopen) {
            store = reopen(store);
            // Forgotten history may be back after a restart, whole; where it begins is the engine's.
            model.oldest = first_readable(&*store).await;
        } else {
            model.step(&step, &*store).await;
        }
        if forgetful {
            model.oldest = first_readable(&*store).await;
        }
        assert_eq!(store.revision(), model.now());
    }
}

async fn first_readable(store: &dyn Store) -> Revision {
    match store.get("a", Some(0)).await {
        Err(Error::Compacted { oldest, .. }) => oldest,
        other => panic!("revision 0 was readable: {other:?}"),
    }
}

impl Model {
    fn now(&self) -> Revision {
        self.states.len() as Revision - 1
    }

    fn latest(&self) -> &State {
        &self.states[self.states.len() - 1]
    }

    fn readable(&self, at: Revision) -> bool {
        (self.oldest..=self.now()).contains(&at)
    }

    async fn step(&mut self, step: &Step, store: &dyn Store) {
        match step {
            Step::Transact(conditions, writes) => self.transact(conditions, writes, store).await,
            Step::Get(key, at) => self.get(KEYS[*key], *at, store).await,
            Step::Range(prefix, after, limit, at) => {
                let options = RangeOptions {
                    prefix: KEYS[*prefix],
                    start_after: after.map(|k| KEYS[k]),
                    limit: *limit,
                    at: *at,
                };
                self.range(options, store).await;
            }
            Step::Watch(prefix, from) => self.watch(KEYS[*prefix], *from, store).await,
            Step::Compact(before) => {
                let result = store.compact(*before).await;
                assert_eq!(result.is_ok(), *before <= self.now());
                if result.is_ok() {
                    self.oldest = self.oldest.max(*before);
                }
            }
            Step::Reopen => {}
        }
    }

    async fn transact(
        &mut self,
        conditions: &[(usize, Option<Expect>)],
        writes: &[(usize, Option<u16>)],
        store: &dyn Store,
    ) {
        let mut transaction = Transaction::default();
        let mut conflict = None;
        for (key, expect) in conditions {
            let key = KEYS[*key];
            let found = self.latest().get(key).map(|(revision, _)| *revision);
            let (condition, holds) = match expect {
                None => (Condition::Present(key.into()), found.is_some()),
                Some(Expect::Absent) => (Condition::Absent(key.into()), found.is_none()),
                Some(Expect::Revision(off)) => {
                    let wanted = found.unwrap_or(0) + off;
                    (
                        Condition::AtRevision(key.into(), wanted),
                        found == Some(wanted),
                    )
                }
            };
            transaction = transaction.when(condition);
            if !holds && conflict.is_none() {
                conflict = Some(Outcome::Conflict { key: key.into() });
            }
        }
        let mut state = self.latest().clone();
        let mut touched = std::collections::HashSet::new();
        let mut changed = false;
        for (key, value) in writes.iter().filter(|(key, _)| touched.insert(*key)) {
            let key = KEYS[*key];
            let bytes = value.map(|v| Bytes::from(v.to_string().repeat(usize::from(v % 32))));
            match bytes {
                Some(bytes) => {
                    transaction = transaction.and_put(key, bytes.clone());
                    state.insert(key, (self.now() + 1, bytes));
                    changed = true;
                }
                None => {
                    transaction = transaction.and_delete(key);
                    changed |= state.remove(key).is_some();
                }
            }
        }
        let outcome = store.transact(transaction).await.unwrap();
        if let Some(conflict) = conflict {
            assert_eq!(outcome, conflict);
            return;
        }
        if changed {
            self.states.push(state);
        }
        assert_eq!(outcome, Outcome::Committed(self.now()));
    }

    async fn get(&self, key: &str, at: Option<Revision>, store: &dyn Store) {
        let revision = at.unwrap_or(self.now());
        let got = store.get(key, at).await;
        if !self.readable(revision) {
            return assert!(got.is_err(), "read at {revision}");
        }
        let wanted = self.states[usize::try_from(revision).unwrap()].get(key);
        let got = got.unwrap().map(|entry| (entry.revision, entry.value));
        assert_eq!(got.as_ref(), wanted, "{key} at {revision}");
    }

    async fn range(&self, options: RangeOptions<'_>, store: &dyn Store) {
        let revision = options.at.unwrap_or(self.now());
        let got = store.range(options).await;
        if !self.readable(revision) {
            return assert!(got.is_err(), "range at {revision}");
        }
        let wanted: Vec<_> = self.states[usize::try_from(revision).unwrap()]
            .iter()
            .filter(|(key, _)| key.starts_with(options.prefix))
            .filter(|(key, _)| options.start_after.is_none_or(|after| **key > after))
            .collect();
        let got = got.unwrap();
        let limit = if options.limit == 0 {
            usize::MAX
        } else {
            options.limit
        };
        assert_eq!(got.more, wanted.len() > limit);
        let page: Vec<_> = got
            .entries
            .iter()
            .map(|e| (&*e.key, e.revision, &e.value))
            .collect();
        let wanted: Vec<_> = wanted
            .into_iter()
            .take(limit)
            .map(|(k, (r, v))| (*k, *r, v))
            .collect();
        assert_eq!(page, wanted, "{options:?}");
    }

    async fn watch(&self, prefix: &str, from: Revision, store: &dyn Store) {
        let watch = store.watch(prefix, from).await;
        if !self.readable(from) {
            return assert!(watch.is_err(), "watch from {from}");
        }
        let mut watch = watch.unwrap();
        watch.progress().request();
        let mut seen = Vec::new();
        while let crate::Event::Changes(changes) = watch.next().await.unwrap() {
            seen.extend(changes);
        }
        let mut state = self.states[usize::try_from(from).unwrap()].clone();
        for (revision, wanted) in (0..)
            .zip(&self.states)
            .skip(usize::try_from(from).unwrap() + 1)
        {
            for change in seen.iter().filter(|c| c.revision == revision) {
                let key = KEYS.into_iter().find(|key| *key == &*change.key).unwrap();
                let before = state.get(key).map(|(_, value)| value);
                assert_eq!(change.previous.as_ref(), before);
                match &change.value {
                    Some(value) => state.insert(key, (revision, value.clone())),
                    None => state.remove(key),
                };
            }
            let under = |state: &State| -> State {
                let under = state.iter().filter(|(key, _)| key.starts_with(prefix));
                under.map(|(key, value)| (*key, value.clone())).collect()
            };
            assert_eq!(under(&state), under(wanted), "after {revision}");
        }
    }
}
