//! When a CronJob's schedule strikes. Pure. Upstream: robfig/cron's standard parser.

#[cfg(test)]
mod tests;

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Missed times past which something must be wrong with the clock or the deadline.
const MISSED_LIMIT: i64 = 100;

/// A schedule in its time zone.
#[derive(Debug)]
pub(super) struct Schedule {
    rule: Rule,
    zone: TimeZone,
}

#[derive(Debug)]
enum Rule {
    Cron(Box<Cron>),
    Every(SignedDuration),
}

/// What a look at the clock says.
#[derive(Debug, PartialEq)]
pub(super) struct Strikes {
    /// The last time since the earliest that is not later than now.
    pub(super) last: Option<Timestamp>,
    /// The first time later than now.
    pub(super) next: Option<Timestamp>,
    /// Whether too many were missed.
    pub(super) too_many: bool,
}

/// Reads a time zone's name; the local zone without one.
pub(super) fn zone(name: Option<&str>) -> Result<TimeZone, String> {
    match name {
        None => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    }
}

impl Schedule {
    /// Reads a schedule such as `*/5 * * * *`, `@hourly` or `@every 90s`.
    pub(super) fn parse(text: &str, zone: TimeZone) -> Result<Self, String> {
        let rule = match text.strip_prefix("@every ") {
            Some(text) => {
                let every =
                    machinery::durations::parse_go(text.trim()).map_err(|it| it.to_string())?;
                Rule::Every(every.max(SignedDuration::from_secs(1)))
            }
            None => {
                let text = if text == "@midnight" { "@daily" } else { text };
                // As upstream: five fields, and `3/5` means from the third on.
                let parser = CronParser::builder()
                    .seconds(Seconds::Disallowed)
                    .year(Year::Disallowed)
                    .sloppy_ranges(true)
                    .build();
                Rule::Cron(Box::new(parser.parse(text).map_err(|it| it.to_string())?))
            }
        };
        Ok(Self { rule, zone })
    }

    /// The first time after `after`; nothing when there is none, as for 30 February.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.rule {
            Rule::Every(every) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(*every).ok()
            }
            Rule::Cron(cron) => {
                let after = after.to_zoned(self.zone.clone());
                let next = cron.find_next_occurrence(&after, false).ok()?;
                Some(next.timestamp())
            }
        }
    }

    fn last(&self, first: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match &self.rule {
            Rule::Every(every) => {
                let passed = now.duration_since(first).as_secs() / every.as_secs();
                let passed = SignedDuration::from_secs(passed * every.as_secs());
                first.checked_add(passed).ok()
            }
            Rule::Cron(cron) => {
                let now = now.to_zoned(self.zone.clone());
                let last = cron.find_previous_occurrence(&now, true).ok()?;
                Some(last.timestamp())
            }
        }
    }

    /// The times around `now`, looking no further back than `earliest`.
    pub(super) fn strikes(&self, earliest: Timestamp, now: Timestamp) -> Strikes {
        let first = self.next(earliest);
        let Some(first) = first.filter(|first| *first <= now) else {
            return Strikes {
                last: None,
                next: first,
                too_many: false,
            };
        };
        let last = self.last(first, now).unwrap_or(first);
        let gap = self
            .next(first)
            .map(|second| second.duration_since(first).as_secs());
        let missed = gap.map_or(1, |gap| {
            now.duration_since(first).as_secs() / gap.max(1) + 1
        });
        Strikes {
            last: Some(last),
            next: self.next(last),
            too_many: missed > MISSED_LIMIT,
        }
    }

    /// As the annotation of a job shows it.
    pub(super) fn shown(&self, time: Timestamp) -> String {
        let zoned = time.to_zoned(self.zone.clone());
        if zoned.offset().is_zero() {
            return machinery::durations::rfc3339(time);
        }
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}
