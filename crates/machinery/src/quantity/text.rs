//! Quantities as text: upstream's `ParseQuantity` and `CanonicalizeBytes`.

use super::{Error, Format, LARGEST, NANO, Quantity};
use std::fmt;

const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, u32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];
/// Digits beyond this many cannot change a capped amount with nine fractional digits.
const DIGITS: usize = 40;

pub(super) fn parse(text: &str) -> Result<Quantity, Error> {
    if text.is_empty() {
        return Err(Error::Format);
    }
    let (negative, unsigned) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let number_end = unsigned
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return Err(Error::Format);
    }
    let (format, ten, two) = suffix_of(suffix)?;
    let nanos = nanos(whole, fraction, ten, two);
    Ok(Quantity::capped(
        if negative { -nanos } else { nanos },
        format,
    ))
}

/// Format, power of ten, power of two.
fn suffix_of(suffix: &str) -> Result<(Format, i32, u32), Error> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::DecimalSi, *power, 0));
    }
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::BinarySi, 0, *power));
    }
    let letters_only = |text: &str| {
        text.trim_start_matches(|letter: char| "eEinumkKMGTP".contains(letter))
            .trim_start_matches(['-', '+'])
            .bytes()
            .all(|byte| byte.is_ascii_digit())
    };
    if !letters_only(suffix) {
        return Err(Error::Format);
    }
    let exponent = suffix
        .strip_prefix(['e', 'E'])
        .and_then(|digits| digits.parse::<i32>().ok());
    match exponent {
        Some(power) => Ok((Format::DecimalExponent, power.clamp(-1000, 1000), 0)),
        None => Err(Error::Suffix),
    }
}

/// `whole.fraction * 10^ten * 2^two` in billionths, rounded up and capped.
fn nanos(whole: &str, fraction: &str, ten: i32, two: u32) -> i128 {
    let whole = whole.trim_start_matches('0');
    let shift = ten + 9;
    // Digits of value * 10^shift: move the point by `shift`.
    let digits: String = [whole, fraction].concat();
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX / 2) + i64::from(shift);
    let binary = 1i128 << two;
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return 0;
    }
    let leading = digits.len() - significant.len();
    let integral_digits = point - i64::try_from(leading).unwrap_or(0);
    if integral_digits > i64::try_from(DIGITS - 10).unwrap_or(30) {
        return LARGEST;
    }
    // Up to 18 digits below the point still matter when multiplied by 2^60; finer ones only round up.
    const BELOW: i64 = 18;
    let keep = usize::try_from((integral_digits + BELOW).max(0)).unwrap_or(0);
    let (kept, cut) = significant.split_at(keep.min(significant.len()));
    let mut mantissa: i128 = 0;
    for digit in kept.bytes() {
        mantissa = match mantissa
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(digit - b'0')))
        {
            Some(value) => value,
            None => return LARGEST,
        };
    }
    let inexact = cut.bytes().any(|byte| byte != b'0');
    let missing = integral_digits - i64::try_from(kept.len()).unwrap_or(0);
    scale(mantissa, missing, binary, inexact)
}

/// `mantissa * 10^power * binary`, rounded up and capped.
fn scale(mantissa: i128, power: i64, binary: i128, inexact: bool) -> i128 {
    if power >= 0 {
        let factor = u32::try_from(power)
            .ok()
            .and_then(|p| 10i128.checked_pow(p));
        return factor
            .and_then(|factor| mantissa.checked_mul(factor))
            .and_then(|value| value.checked_mul(binary))
            .map_or(LARGEST, |value| value.min(LARGEST));
    }
    let Some(divisor) = u32::try_from(-power)
        .ok()
        .and_then(|p| 10i128.checked_pow(p))
    else {
        return i128::from(mantissa != 0 || inexact);
    };
    let (quotient, remainder) = (mantissa / divisor, mantissa % divisor);
    let Some(high) = quotient.checked_mul(binary) else {
        return LARGEST;
    };
    let low = match remainder.checked_mul(binary) {
        Some(low) => low / divisor + i128::from(low % divisor != 0 || inexact),
        None => (remainder / (divisor / binary).max(1)) + 1,
    };
    high.saturating_add(low).min(LARGEST)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let whole = self.nanos / NANO;
        let binary = self.format == Format::BinarySi
            && self.nanos % NANO == 0
            && !(-1024 < whole && whole < 1024);
        if binary {
            return binary_text(whole, f);
        }
        let (mut mantissa, mut exponent) = (self.nanos, -9);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        while exponent % 3 != 0 {
            mantissa *= 10;
            exponent -= 1;
        }
        match self.format {
            Format::DecimalExponent if exponent != 0 => write!(f, "{mantissa}e{exponent}"),
            _ => {
                let suffix = DECIMAL
                    .iter()
                    .find(|(_, power)| *power == exponent)
                    .map_or("", |(name, _)| name);
                write!(f, "{mantissa}{suffix}")
            }
        }
    }
}

fn binary_text(mut whole: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut step = 0;
    while whole % 1024 == 0 && step < BINARY.len() {
        whole /= 1024;
        step += 1;
    }
    let suffix = if step == 0 { "" } else { BINARY[step - 1].0 };
    write!(f, "{whole}{suffix}")
}
