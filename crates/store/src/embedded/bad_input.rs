//! Logs as no writer leaves them: real ones with mutated bytes or without a file. Opening gives exactly what
//! was held after some commit, none earlier than the damage allows, or refuses; it never panics.

use super::{
    tests::{Contents, contents, eager, names, temporary},
    *,
};
use crate::suite::{commit, put};
use std::{fs, path::Path};

/// What a store wrote, and what it held after each commit.
struct Written {
    options: Options,
    files: Vec<(String, Vec<u8>)>,
    states: Vec<State>,
}

/// What was held, and where the log ended then.
struct State {
    held: Contents,
    file: String,
    end: usize,
}

const VOLATILE: &str = "/leases/";

async fn written(options: Options, commits: usize) -> Written {
    let root = temporary();
    let store = Embedded::open_with(root.path(), options.clone()).unwrap();
    let forgets = !options.volatile.is_empty();
    let mut states = vec![state(&store, root.path(), forgets).await];
    for i in 0..commits {
        let value = format!("value {i} {}", "SAML".repeat(i % 40));
        let mut transaction = Transaction::put(format!("k{}", i % 7), value);
        if i % 3 == 2 {
            transaction = transaction.and_delete(format!("k{}", (i + 1) % 7));
        }
        commit(&store, transaction).await;
        states.push(state(&store, root.path(), forgets).await);
        put(&store, &format!("{VOLATILE}{}", i % 2), "x").await;
        states.push(state(&store, root.path(), forgets).await);
    }
    drop(store);
    let files = names(root.path()).into_iter();
    let files = files.filter(|name| name.ends_with(".log")).map(|name| {
        let bytes = fs::read(root.path().join(&name)).unwrap();
        (name, trimmed(bytes))
    });
    Written {
        options,
        files: files.collect(),
        states,
    }
}

/// Without the room that is reserved, but for a little of it.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    bytes.truncate(end + 50);
    bytes
}

/// `forgets`: volatile keys are no part of what is held when it is opened again.
async fn state(store: &Embedded, directory: &Path, forgets: bool) -> State {
    let mut held = contents(store).await;
    held.retain(|(key, ..)| !forgets || !key.starts_with(VOLATILE));
    let mut logs = names(directory).into_iter();
    let file = logs.rfind(|name| name.ends_with(".log")).unwrap();
    let bytes = fs::read(directory.join(&file)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    State { held, file, end }
}

impl Written {
    /// The index of the first state that damage of `file` from `at` on allows.
    fn earliest(&self, file: &str, at: usize) -> usize {
        let newest = &self.files[self.files.len() - 1].0;
        if file != newest {
            return 0;
        }
        let kept = |state: &State| state.file == *newest && state.end <= at;
        self.states.iter().rposition(kept).unwrap_or(0)
    }

    async fn check(&self, random: &mut fuzz::Random) {
        let root = temporary();
        let which = random.below(self.files.len());
        let (name, good) = &self.files[which];
        let other = &self.files[random.below(self.files.len())].1;
        let bad = random.damaged(good, other);
        let same = good.iter().zip(&bad).take_while(|(a, b)| a == b).count();
        for (other, bytes) in &self.files {
            let bytes = if other == name { &bad } else { bytes };
            fs::write(root.path().join(other), bytes).unwrap();
        }
        let mut earliest = self.earliest(name, same);
        if random.one_in(20) {
            fs::remove_file(root.path().join(name)).unwrap();
            earliest = 0;
        }
        let open = || Embedded::open_with(root.path(), self.options.clone());
        let store = match open() {
            Ok(store) => store,
            Err(Error::Corrupt { .. }) => return,
            Err(error) => panic!("neither opened nor refused as damaged: {error}"),
        };
        let held = contents(&store).await;
        let known = self.states.iter().rposition(|state| state.held == held);
        assert!(
            known.is_some_and(|state| state >= earliest),
            "state {known:?} of {name}, which is damaged from {same} on, after state {earliest}"
        );
        put(&store, "after", "the damage").await;
        let held = contents(&store).await;
        drop(store);
        assert_eq!(contents(&open().unwrap()).await, held);
    }
}

#[test]
fn mutated_logs() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let rewriting = Options::from(eager());
    let volatile = Options {
        volatile: vec![VOLATILE.to_owned()],
        ..Options::default()
    };
    let all = runtime.block_on(async {
        [
            written(Options::default(), 12).await,
            written(rewriting, 60).await,
            written(volatile, 12).await,
        ]
    });
    assert!(all[1].files.len() > 1, "nothing was rewritten");
    fuzz::run("the log of a store", 100, |random| {
        runtime.block_on(all[random.below(all.len())].check(random));
    });
}
