//! What a plain scalar means in YAML 1.1, as Go's yaml.v2 resolves it.

use serde_json::{Number, Value};

/// A plain scalar's value; text that means nothing else is a string.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let starts_number = text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it));
    if starts_number && let Some(number) = number(text) {
        return Value::Number(number);
    }
    Value::String(text.to_owned())
}

fn number(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (radix, body) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !body.starts_with(['+', '-'])
        && let Ok(value) = u64::from_str_radix(body, radix)
    {
        if !negative {
            return Some(value.into());
        }
        if let Ok(value) = i64::try_from(-i128::from(value)) {
            return Some(value.into());
        }
    }
    if is_float(&plain) {
        return plain.parse().ok().and_then(Number::from_f64);
    }
    None
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_good = exponent.is_none_or(|it| {
        let it = it.strip_prefix(['-', '+']).unwrap_or(it);
        !it.is_empty() && digits(it)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_good && digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

/// Whether Go would read the text as a time, and therefore quotes it.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|it| it.is_ascii_digit()).count();
    if digits != 4 || bytes.get(4) != Some(&b'-') {
        return false;
    }
    let parts: Vec<&str> = text.splitn(3, '-').collect();
    let [_, month, rest] = parts.as_slice() else {
        return false;
    };
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    let tail = &rest[day..];
    let short =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    short(month)
        && (1..=2).contains(&day)
        && (tail.is_empty()
            || tail.starts_with(['T', 't', ' '])
                && tail.len() > 1
                && tail.as_bytes()[1].is_ascii_digit())
}

/// `1:30`: YAML 1.1 floats in base 60, which Go only quotes.
pub(super) fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<_> = parts.collect();
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit() || it == b'_');
    first.starts_with(|it: char| it.is_ascii_digit())
        && digits(first)
        && !rest.is_empty()
        && rest.iter().enumerate().all(|(at, part)| {
            let whole = if at + 1 == rest.len() {
                part.split('.').next().unwrap_or_default()
            } else {
                part
            };
            (1..=2).contains(&whole.len())
                && whole.bytes().all(|it| it.is_ascii_digit())
                && (whole.len() == 1 || whole.as_bytes()[0] <= b'5')
        })
}
