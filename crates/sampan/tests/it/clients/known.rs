//! What is known to fail, with its reason, in one file that may only shrink.

use std::collections::{BTreeMap, BTreeSet};

/// Compares a suite's results with the list; panics with what failed unexpectedly and what is listed and passed.
/// `report` is what the suite printed.
pub(crate) fn judge(suite: &str, results: impl Iterator<Item = (String, bool)>, report: &str) {
    // A test may both pass and fail, as when its clean-up fails: then it failed.
    let mut passed: BTreeMap<String, bool> = BTreeMap::new();
    for (name, fine) in results {
        let all = passed.entry(name).or_insert(true);
        *all = *all && fine;
    }
    assert!(
        passed.values().any(|fine| *fine),
        "nothing passed:\n{report}"
    );
    let known = known(suite, include_str!("known.txt"));
    let failed: BTreeSet<&str> = passed
        .iter()
        .filter(|(_, fine)| !**fine)
        .map(|(name, _)| name.as_str())
        .collect();
    let unexpected: Vec<&&str> = failed
        .iter()
        .filter(|name| !known.contains(**name))
        .collect();
    let mended: Vec<&&str> = known
        .iter()
        .filter(|name| !failed.contains(**name))
        .collect();
    assert!(
        unexpected.is_empty() && mended.is_empty(),
        "{report}\n{suite}: of {} tests {} failed\nfailed and not in known.txt: {unexpected:#?}\nto be removed from known.txt, since it passes or is gone: {mended:#?}",
        passed.len(),
        failed.len(),
    );
}

/// The listed tests of a suite; each line has a reason.
fn known<'a>(suite: &str, list: &'a str) -> BTreeSet<&'a str> {
    let lines = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = lines.map(|line| {
        let mut words = line.split_whitespace();
        let parts = (words.next(), words.next(), words.next());
        let (Some(suite), Some(test), Some(_)) = parts else {
            panic!("known.txt: no reason in {line:?}");
        };
        (suite, test)
    });
    split
        .filter(|(of, _)| *of == suite)
        .map(|(_, test)| test)
        .collect()
}
