//! Strings that are no values of their type, in Go's words: amounts and moments.

const FORMAT: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";
const SUFFIXES: [&str; 16] = [
    "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
];

/// What Go says of JSON that is neither string nor number where an amount belongs.
pub(super) const NO_QUANTITY: &str = FORMAT;

/// Why a string is no amount. Upstream: `parseQuantityString`.
pub(super) fn quantity_fault(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Some(FORMAT);
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let text = &text[digits(text)..];
    let fraction = text.strip_prefix('.');
    let text = fraction.map_or(text, |rest| &rest[digits(rest)..]);
    let letters = text.bytes().take_while(|it| b"eEinumkKMGTP".contains(it));
    let (name, exponent) = text.split_at(letters.count());
    let (signed, exponent) = match exponent.strip_prefix(['-', '+']) {
        Some(rest) => (true, rest),
        None => (false, exponent),
    };
    if digits(exponent) < exponent.len() {
        return Some(FORMAT);
    }
    let known = match exponent {
        "" => !signed && SUFFIXES.contains(&name),
        exponent => matches!(name, "e" | "E") && exponent.parse::<i32>().is_ok(),
    };
    (!known).then_some(SUFFIX)
}

/// Whether a quantity's text is canonical for certain: up to three digits and a suffix. Others may be.
pub(super) fn is_plain_quantity(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    let plain = (1..=3).contains(&digits) && (!number.starts_with('0') || text == "0");
    plain && SUFFIXES.contains(&suffix)
}

/// The parts of a moment, in the words of Go's layouts.
const MOMENT: [&str; 12] = [
    "2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05", "Z07:00",
];

/// Why a string is no moment. Upstream: `time.Parse` with RFC 3339.
pub(super) fn time_fault(text: &str) -> Option<String> {
    let mut rest = text;
    let mut date = [0; 3];
    for part in MOMENT {
        let parsed = match part {
            "2006" => digits(rest, 4, 4),
            "15" => digits(rest, 1, 2),
            "01" | "02" | "04" | "05" => digits(rest, 2, 2),
            "Z07:00" => zone(rest),
            literal => rest.strip_prefix(literal).map(|rest| (0, rest)),
        };
        let Some((number, after)) = parsed else {
            let layout = MOMENT.concat();
            return Some(format!(
                "parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {part:?}"
            ));
        };
        let name = match (part, number) {
            ("01", 0 | 13..) => "month",
            ("15", 24..) => "hour",
            ("04", 60..) => "minute",
            ("05", 60..) => "second",
            _ => "",
        };
        if !name.is_empty() {
            return Some(format!("parsing time {text:?}: {name} out of range"));
        }
        match part {
            "2006" => date[0] = number,
            "01" => date[1] = number,
            "02" => date[2] = number,
            _ => {}
        }
        rest = if part == "05" { fraction(after) } else { after };
    }
    if !rest.is_empty() {
        return Some(format!("parsing time {text:?}: extra text: {rest:?}"));
    }
    let [year, month, day] = date;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (day == 0 || day > last).then(|| format!("parsing time {text:?}: day out of range"))
}

fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (number, rest) = text.split_at(count);
    (count >= least)
        .then(|| number.parse().ok())?
        .map(|number| (number, rest))
}

/// What follows a fraction of a second, if there is one.
fn fraction(text: &str) -> &str {
    let Some(rest) = text.strip_prefix(['.', ',']) else {
        return text;
    };
    match rest.bytes().take_while(u8::is_ascii_digit).count() {
        0 => text,
        count => &rest[count..],
    }
}

fn zone(text: &str) -> Option<(u32, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let rest = text.strip_prefix(['+', '-'])?;
    let (_, rest) = digits(rest, 2, 2)?;
    digits(rest.strip_prefix(':')?, 2, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for good in [
            "0", "1", "-1.5", "+.5", "100m", "1Ki", "1e3", "1E-3", "1E", " 7 ", "00.10Gi", ".",
        ] {
            assert_eq!(quantity_fault(good), None, "{good}");
        }
        for bad in ["", " ", "abc", "1.2.3", "1 Gi", "1_0", "Infinity", "1e3x"] {
            assert_eq!(quantity_fault(bad), Some(FORMAT), "{bad}");
        }
        for bad in ["1K", "1mi", "1ee3", "1m3", "1e+", "1Gi2"] {
            assert_eq!(quantity_fault(bad), Some(SUFFIX), "{bad}");
        }
    }

    /// The texts of Go 1.19 for the same strings.
    #[test]
    fn moments() {
        let cannot = |rest: &str, part: &str, text: &str| {
            let layout = "2006-01-02T15:04:05Z07:00";
            format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {part:?}")
        };
        let table = [
            ("", cannot("", "2006", "")),
            ("now", cannot("now", "2006", "now")),
            ("2026", cannot("", "-", "2026")),
            ("2026-1-02", cannot("1-02", "01", "2026-1-02")),
            (
                "2026-01-02 03:04:05Z",
                cannot(" 03:04:05Z", "T", "2026-01-02 03:04:05Z"),
            ),
            (
                "2026-01-02T03:04:05",
                cannot("", "Z07:00", "2026-01-02T03:04:05"),
            ),
            (
                "2026-01-02T03:04:05.x",
                cannot(".x", "Z07:00", "2026-01-02T03:04:05.x"),
            ),
            (
                "2026-01-02T03:04:05+0100",
                cannot("+0100", "Z07:00", "2026-01-02T03:04:05+0100"),
            ),
            (
                "2026-13-02T03:04:05Z",
                r#"parsing time "2026-13-02T03:04:05Z": month out of range"#.to_owned(),
            ),
            (
                "2026-02-30T03:04:05Z",
                r#"parsing time "2026-02-30T03:04:05Z": day out of range"#.to_owned(),
            ),
            (
                "2026-01-02T25:04:05Z",
                r#"parsing time "2026-01-02T25:04:05Z": hour out of range"#.to_owned(),
            ),
            (
                "2026-01-02T03:04:05Zz",
                r#"parsing time "2026-01-02T03:04:05Zz": extra text: "z""#.to_owned(),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(time_fault(text), Some(expected));
        }
        for good in [
            "2026-01-02T03:04:05Z",
            "2024-02-29T23:59:59.5+01:00",
            "2026-01-02T3:04:05Z",
        ] {
            assert_eq!(time_fault(good), None, "{good}");
        }
    }
}
