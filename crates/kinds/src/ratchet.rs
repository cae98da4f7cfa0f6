//! Rules that came after objects that break them: upstream's ratcheting validation. An error of such a
//! rule carries the name of upstream's option for it; an update keeps that error only when the object
//! obeyed the rule before. Nothing has to be told to those who look for errors, and the old object is
//! looked at only when there is something to excuse.

use machinery::field::ErrorList;

/// Marks the errors that `find` finds.
pub(crate) fn late(e: &mut ErrorList, rule: &'static str, find: impl FnOnce(&mut ErrorList)) {
    mark(e, Some(rule), find);
}

/// Unmarks the errors that `find` finds: here the rule held from the beginning.
pub(crate) fn always(e: &mut ErrorList, find: impl FnOnce(&mut ErrorList)) {
    mark(e, None, find);
}

fn mark(e: &mut ErrorList, rule: Option<&'static str>, find: impl FnOnce(&mut ErrorList)) {
    let before = e.len();
    find(e);
    for error in &mut e[before..] {
        error.ratchet = rule;
    }
}

/// Takes away the errors of rules that the `old` object broke already.
pub(crate) fn excuse(mut errors: ErrorList, old: impl FnOnce() -> ErrorList) -> ErrorList {
    if errors.iter().any(|it| it.ratchet.is_some()) {
        let old = old();
        let broken = |rule: Option<&str>| rule.is_some() && old.iter().any(|it| it.ratchet == rule);
        errors.retain(|it| !broken(it.ratchet));
    }
    errors
}

#[cfg(test)]
mod tests;
