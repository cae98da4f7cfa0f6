//! Durations and times as text: as kubectl shows ages (`duration.HumanDuration`), as Go writes
//! durations (`1h30m0s`), and RFC 3339.

use jiff::{SignedDuration, Timestamp};

/// Text that is not a duration, in the words of Go's `time.ParseDuration`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Malformed.
    #[error("time: invalid duration {0:?}")]
    Malformed(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit Go does not know.
    #[error("time: unknown unit {1:?} in duration {0:?}")]
    UnknownUnit(String, String),
}

/// Reads `300ms`, `-1.5h`, `2h45m`.
///
/// # Errors
/// When Go would refuse it.
pub fn parse_go(text: &str) -> Result<SignedDuration, Error> {
    let malformed = || Error::Malformed(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let unit_end = after
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        if number.is_empty() {
            return Err(malformed());
        }
        let scale = match unit {
            "" => return Err(Error::MissingUnit(text.to_owned())),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            other => return Err(Error::UnknownUnit(text.to_owned(), other.to_owned())),
        };
        nanos += go_amount(number, scale).ok_or_else(malformed)?;
        if nanos > i128::from(i64::MAX) {
            return Err(malformed());
        }
        rest = next;
    }
    let nanos = i64::try_from(if negative { -nanos } else { nanos }).map_err(|_| malformed())?;
    Ok(SignedDuration::from_nanos(nanos))
}

/// `number` (with at most one point) times `scale`, cut to a whole number.
fn go_amount(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 19 {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(18)];
    let parse = |digits: &str| {
        if digits.is_empty() {
            Some(0)
        } else {
            digits.parse::<i128>().ok()
        }
    };
    let below = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(parse(whole)? * scale + parse(fraction)? * scale / below)
}

/// As Go prints it: `1h30m0s`, `1.5s`, `300ms`, `0s`.
#[must_use]
pub fn format_go(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = |value: u128, unit: u128| {
        let width = unit.ilog10() as usize;
        let text = format!("{:0width$}", value % unit);
        let text = text.trim_end_matches('0');
        if text.is_empty() {
            (value / unit).to_string()
        } else {
            format!("{}.{text}", value / unit)
        }
    };
    const SECOND: u128 = 1_000_000_000;
    match nanos {
        0 => "0s".to_owned(),
        n if n < 1_000 => format!("{sign}{n}ns"),
        n if n < 1_000_000 => format!("{sign}{}µs", fraction(n, 1_000)),
        n if n < SECOND => format!("{sign}{}ms", fraction(n, 1_000_000)),
        n => {
            let (minutes, rest) = (n / (60 * SECOND), n % (60 * SECOND));
            let seconds = fraction(rest, SECOND);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `2026-01-02T03:04:05Z`, as `metav1.Time` is written.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    stdx::clock::whole_seconds(time).to_string()
}

/// `2026-01-02T03:04:05.000006Z`, as `metav1.MicroTime` is written.
#[must_use]
pub fn rfc3339_micro(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// `2026-01-02T03:04:05.000000006Z`, as log lines are stamped.
#[must_use]
pub fn rfc3339_nano(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// Reads an RFC 3339 time with any offset.
///
/// # Errors
/// When it is no such time.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse()
}

/// The age of something made at `since`: `5s`, `2m30s`, `3h`, `4d5h`, `2y30d`; `<unknown>` without a time.
#[must_use]
pub fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or_else(
        || "<unknown>".to_owned(),
        |since| human(now.as_second() - since.as_second()),
    )
}

/// A whole number of seconds in at most two units.
#[must_use]
pub fn human(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let pair = |big: i64, big_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big}{big_unit}")
        } else {
            format!("{big}{big_unit}{small}{small_unit}")
        }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..=0 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => pair(s / MINUTE, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => pair(s / HOUR, "h", s % HOUR / MINUTE, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => pair(s / DAY, "d", s % DAY / HOUR, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => pair(s / YEAR, "y", s % YEAR / DAY, "d"),
        s => format!("{}y", s / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::{format_go, parse_go, parse_rfc3339, rfc3339, rfc3339_micro};
    use proptest::prelude::*;

    #[test]
    fn as_go_writes_them() {
        let table = [
            ("300ms", "300ms"),
            ("1.5h", "1h30m0s"),
            ("-2m3s", "-2m3s"),
            ("90s", "1m30s"),
            ("0", "0s"),
            ("1.5s", "1.5s"),
            ("10us", "10µs"),
            (".5s", "500ms"),
            ("1ns", "1ns"),
        ];
        for (text, canonical) in table {
            let duration = parse_go(text).unwrap();
            assert_eq!(format_go(duration), canonical, "{text}");
        }
        for (text, message) in [
            ("", "time: invalid duration \"\""),
            ("1", "time: missing unit in duration \"1\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("s", "time: invalid duration \"s\""),
        ] {
            assert_eq!(parse_go(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn times() {
        let time = parse_rfc3339("2026-01-02T05:04:05.000006+02:00").unwrap();
        assert_eq!(rfc3339(time), "2026-01-02T03:04:05Z");
        assert_eq!(rfc3339_micro(time), "2026-01-02T03:04:05.000006Z");
    }

    proptest! {
        #[test]
        fn no_duration_panics(text in "[-+]?([0-9.]{0,25}[a-zµ]{0,2}){0,4}") {
            if let Ok(duration) = parse_go(&text) {
                prop_assert_eq!(parse_go(&format_go(duration)), Ok(duration));
            }
        }
    }

    #[test]
    fn as_kubectl_shows_them() {
        let table = [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (600, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 300, "3h5m"),
            (47 * 3600, "47h"),
            (49 * 3600, "2d1h"),
            (9 * 86400, "9d"),
            (3 * 365 * 86400, "3y"),
        ];
        for (seconds, text) in table {
            assert_eq!(super::human(seconds), text);
        }
    }
}
