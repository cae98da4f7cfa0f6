//! Numbers that may be percentages (`25%`), and what they mean of a total: upstream's `intstr` and
//! the Deployment rules for `maxSurge` and `maxUnavailable`.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A string that is not a percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither a number nor a percentage.
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NotPercent,
    /// A percentage whose number is none.
    #[error("invalid value for IntOrString: invalid value {0:?}")]
    Number(String),
}

/// Which way a fraction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// To the next greater number.
    Up,
    /// To the next smaller number.
    Down,
}

/// The percentage a value gives, when it is one.
#[must_use]
pub fn percent(value: &IntOrString) -> Option<i32> {
    match value {
        IntOrString::Int(_) => None,
        IntOrString::String(text) => text.strip_suffix('%')?.parse().ok(),
    }
}

/// The number itself, or its percentage of `total`.
///
/// # Errors
/// When it is a string but no percentage.
pub fn scaled(value: &IntOrString, total: i32, round: Round) -> Result<i32, Error> {
    let text = match value {
        IntOrString::Int(number) => return Ok(*number),
        IntOrString::String(text) => text,
    };
    let number = text.strip_suffix('%').ok_or(Error::NotPercent)?;
    let number: i32 = number.parse().map_err(|_| Error::Number(text.clone()))?;
    let hundredths = i64::from(number) * i64::from(total);
    let result = match round {
        Round::Up => hundredths.div_euclid(100) + i64::from(hundredths.rem_euclid(100) != 0),
        Round::Down => hundredths.div_euclid(100),
    };
    Ok(i32::try_from(result).unwrap_or(i32::MAX))
}

/// The surge and the unavailability a rolling update of `desired` pods may have. Both zero would
/// stand still, so then one pod may be unavailable.
///
/// # Errors
/// When either is a string but no percentage.
pub fn max_surge_unavailable(
    max_surge: Option<&IntOrString>,
    max_unavailable: Option<&IntOrString>,
    desired: i32,
) -> Result<(i32, i32), Error> {
    let zero = IntOrString::Int(0);
    let surge = scaled(max_surge.unwrap_or(&zero), desired, Round::Up)?;
    let unavailable = scaled(max_unavailable.unwrap_or(&zero), desired, Round::Down)?;
    if surge == 0 && unavailable == 0 {
        return Ok((0, 1));
    }
    Ok((surge, unavailable))
}

/// As text: `3`, `25%`.
#[must_use]
pub fn text(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_asked() {
        let text = |text: &str| IntOrString::String(text.to_owned());
        let table = [
            (IntOrString::Int(3), 10, Round::Up, Ok(3)),
            (text("25%"), 10, Round::Up, Ok(3)),
            (text("25%"), 10, Round::Down, Ok(2)),
            (text("100%"), 7, Round::Down, Ok(7)),
            (text("0%"), 7, Round::Up, Ok(0)),
            (text("25"), 10, Round::Up, Err(Error::NotPercent)),
            (
                text("x%"),
                10,
                Round::Up,
                Err(Error::Number("x%".to_owned())),
            ),
        ];
        for (value, total, round, result) in table {
            assert_eq!(scaled(&value, total, round), result, "{value:?}");
        }
        assert_eq!(
            max_surge_unavailable(Some(&text("25%")), Some(&text("25%")), 3),
            Ok((1, 0))
        );
        assert_eq!(max_surge_unavailable(None, None, 3), Ok((0, 1)));
    }
}
