//! In which order the numbers of a range are given out: those in its lower part are left to users who
//! choose for themselves until the upper part is full, and each part is tried from a random number onwards.

use crate::admission::Review;
use std::ops::Range;

/// The most numbers of one part that are looked at: all of an IPv4 range worth its name, and of an
/// IPv6 range more than there can be Services.
const LARGEST: u128 = 1 << 20;
/// The smallest lower part, and the smallest range that has one.
const LEAST: u128 = 16;

/// The numbers of `all` in the order in which they are tried. The lower part is one of `parts`, but no
/// more than `most`.
pub(super) fn tried<'r>(
    review: &'r Review<'_>,
    all: Range<u128>,
    parts: u128,
    most: u128,
) -> impl Iterator<Item = u128> + use<'r> {
    let size = all.end.saturating_sub(all.start);
    let lower = if size < LEAST {
        0
    } else {
        (size / parts).clamp(LEAST, most)
    };
    let middle = all.start + lower;
    let random = review.random();
    [middle..all.end, all.start..middle]
        .into_iter()
        .flat_map(move |part| around(random, &part))
}

/// The numbers of a part, from a random one onwards and round to it.
fn around(random: &stdx::random::Random, part: &Range<u128>) -> impl Iterator<Item = u128> + use<> {
    let start = part.start;
    let size = part.end.saturating_sub(start).min(LARGEST);
    let from = match u64::try_from(size) {
        Ok(0) | Err(_) => 0,
        Ok(size) => u128::from(random.below(size)),
    };
    (0..size).map(move |step| start + (from + step) % size)
}
