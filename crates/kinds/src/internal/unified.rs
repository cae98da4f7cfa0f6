//! The unified difference of two texts, with the choices of Go's `difflib` (which are Python's): the longest
//! run of equal lines first, then what is before and after it; of long texts, no run begins at a line that is
//! there again and again.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

/// Equal lines around each change.
const CONTEXT: usize = 3;
/// Texts from this length on have lines that are too frequent.
const LONG_LINES: usize = 200;
/// Longer texts are not compared: it could take the square of their length.
const LIMIT_LINES: usize = 5_000;

/// Lines `i1..i2` of the old text and `j1..j2` of the new one, which are equal or not.
#[derive(Clone, Copy)]
struct Run {
    same: bool,
    old: (usize, usize),
    new: (usize, usize),
}

struct Texts<'a> {
    old: Vec<&'a str>,
    new: Vec<&'a str>,
    /// Where each line is in the new text.
    places: HashMap<&'a str, Vec<usize>>,
}

/// How to get from `old` to `new`; empty when they are equal, or too long.
pub(super) fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut out = String::new();
    if old.len().max(new.len()) > LIMIT_LINES {
        return out;
    }
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(index);
    }
    if new.len() >= LONG_LINES {
        let most = new.len() / 100 + 1;
        places.retain(|_, it| it.len() <= most);
    }
    let texts = Texts { old, new, places };
    for group in groups(texts.runs()) {
        texts.write(&mut out, &group);
    }
    out
}

impl Texts<'_> {
    /// The longest run of equal lines in these ranges: where it is, and how long.
    fn longest(&self, old: (usize, usize), new: (usize, usize)) -> (usize, usize, usize) {
        let (mut i, mut j, mut size) = (old.0, new.0, 0);
        let mut ends: HashMap<usize, usize> = HashMap::new();
        for at in old.0..old.1 {
            let mut next = HashMap::new();
            let places = self.places.get(self.old[at]).into_iter().flatten();
            for place in places.copied().filter(|it| (new.0..new.1).contains(it)) {
                let before = place.checked_sub(1).and_then(|it| ends.get(&it));
                let length = before.copied().unwrap_or(0) + 1;
                next.insert(place, length);
                if length > size {
                    (i, j, size) = (at + 1 - length, place + 1 - length, length);
                }
            }
            ends = next;
        }
        while i > old.0 && j > new.0 && self.old[i - 1] == self.new[j - 1] {
            (i, j, size) = (i - 1, j - 1, size + 1);
        }
        while i + size < old.1 && j + size < new.1 && self.old[i + size] == self.new[j + size] {
            size += 1;
        }
        (i, j, size)
    }

    /// All runs, equal ones and others, in order.
    fn runs(&self) -> Vec<Run> {
        let (olds, news) = (self.old.len(), self.new.len());
        let mut found = BTreeMap::new();
        let mut open = vec![((0, olds), (0, news))];
        while let Some((old, new)) = open.pop() {
            let (i, j, size) = self.longest(old, new);
            if size == 0 {
                continue;
            }
            found.insert(i, (j, size));
            if old.0 < i && new.0 < j {
                open.push(((old.0, i), (new.0, j)));
            }
            if i + size < old.1 && j + size < new.1 {
                open.push(((i + size, old.1), (j + size, new.1)));
            }
        }
        found.insert(olds, (news, 0));
        let mut runs: Vec<Run> = Vec::new();
        let (mut at, mut there) = (0, 0);
        for (i, (j, size)) in found {
            if at < i || there < j {
                let (old, new) = ((at, i), (there, j));
                runs.push(Run {
                    same: false,
                    old,
                    new,
                });
            }
            (at, there) = (i + size, j + size);
            match runs.last_mut() {
                // Adjacent runs are one.
                Some(last) if last.same => (last.old.1, last.new.1) = (at, there),
                _ if size > 0 => runs.push(Run {
                    same: true,
                    old: (i, at),
                    new: (j, there),
                }),
                _ => {}
            }
        }
        runs
    }

    fn write(&self, out: &mut String, group: &[Run]) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return;
        };
        let old = range(first.old.0, last.old.1);
        let new = range(first.new.0, last.new.1);
        let _ = writeln!(out, "@@ -{old} +{new} @@");
        for run in group {
            let mut lines = |sign: char, lines: &[&str]| {
                for line in lines {
                    let _ = writeln!(out, "{sign}{line}");
                }
            };
            let old = &self.old[run.old.0..run.old.1];
            if run.same {
                lines(' ', old);
            } else {
                lines('-', old);
                lines('+', &self.new[run.new.0..run.new.1]);
            }
        }
    }
}

/// Changes that are near each other, with what is around them.
fn groups(mut runs: Vec<Run>) -> Vec<Vec<Run>> {
    let tail = |it: Run| Run {
        old: (it.old.0.max(it.old.1.saturating_sub(CONTEXT)), it.old.1),
        new: (it.new.0.max(it.new.1.saturating_sub(CONTEXT)), it.new.1),
        ..it
    };
    let head = |it: Run| Run {
        old: (it.old.0, it.old.1.min(it.old.0 + CONTEXT)),
        new: (it.new.0, it.new.1.min(it.new.0 + CONTEXT)),
        ..it
    };
    if let Some(first) = runs.first_mut().filter(|it| it.same) {
        *first = tail(*first);
    }
    if let Some(last) = runs.last_mut().filter(|it| it.same) {
        *last = head(*last);
    }
    let (mut groups, mut group) = (Vec::new(), Vec::new());
    for run in runs {
        if run.same && run.old.1 - run.old.0 > 2 * CONTEXT {
            group.push(head(run));
            groups.push(std::mem::take(&mut group));
            group.push(tail(run));
        } else {
            group.push(run);
        }
    }
    if group.iter().any(|it| !it.same) {
        groups.push(group);
    }
    groups
}

fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}
