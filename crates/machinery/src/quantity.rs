//! Exact amounts of resources, `500m`, `1Gi`, `1e3`: upstream's `resource.Quantity`. Every amount is a
//! whole number of billionths (upstream's smallest unit), so arithmetic is exact.

#[cfg(test)]
mod tests;
mod text;

pub use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Wire;
use std::{
    collections::BTreeMap,
    ops::{Add, AddAssign, Neg, Sub, SubAssign},
};

/// Text that is not a quantity; upstream's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a number with a suffix.
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    /// An unknown suffix.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// A number that is none.
    #[error("unable to parse numeric part of quantity")]
    Number,
}

/// How an amount is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `500m`, `2k`.
    #[default]
    DecimalSi,
    /// `1Ki`, `2Gi`.
    BinarySi,
    /// `1e3`.
    DecimalExponent,
}

/// An amount. Compares by value, whatever the format. `Display` is the canonical form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Amounts by resource name.
pub type Amounts = BTreeMap<String, Quantity>;

const NANO: i128 = 1_000_000_000;
/// Upstream caps amounts at the largest 64-bit integer.
const LARGEST: i128 = i64::MAX as i128 * NANO;

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self {
        nanos: 0,
        format: Format::DecimalSi,
    };

    /// Whole units.
    #[must_use]
    pub fn from_units(units: i64, format: Format) -> Self {
        Self::capped(i128::from(units) * NANO, format)
    }

    /// Thousandths.
    #[must_use]
    pub fn from_milli(milli: i64, format: Format) -> Self {
        Self::capped(i128::from(milli) * (NANO / 1000), format)
    }

    /// Bytes, written with binary suffixes.
    #[must_use]
    pub fn bytes(count: u64) -> Self {
        Self::capped(i128::from(count) * NANO, Format::BinarySi)
    }

    fn capped(nanos: i128, format: Format) -> Self {
        Self {
            nanos: nanos.clamp(-LARGEST, LARGEST),
            format,
        }
    }

    /// Reads `1.5Gi`, `100m`, `1e3` …; what is finer than a billionth is rounded away from zero.
    ///
    /// # Errors
    /// When the text is no quantity.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text::parse(text)
    }

    /// From the wire type.
    ///
    /// # Errors
    /// When its text is no quantity.
    pub fn from_wire(wire: &Wire) -> Result<Self, Error> {
        Self::parse(&wire.0)
    }

    /// As the wire type, in canonical form.
    #[must_use]
    pub fn to_wire(self) -> Wire {
        Wire(self.to_string())
    }

    /// Whole units, rounded up.
    #[must_use]
    pub fn value(self) -> i64 {
        self.scaled(NANO)
    }

    /// Thousandths, rounded up.
    #[must_use]
    pub fn milli_value(self) -> i64 {
        self.scaled(NANO / 1000)
    }

    fn scaled(self, unit: i128) -> i64 {
        let up = i128::from(self.nanos.rem_euclid(unit) != 0);
        let whole = self.nanos.div_euclid(unit) + up;
        i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether it is below nothing.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Whether it is a whole number of units (extended resources must be).
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }

    /// How it is written.
    #[must_use]
    pub fn format(self) -> Format {
        self.format
    }

    /// `self` as a fraction of `whole`, in hundredths cut towards zero; 0 of nothing is 0.
    #[must_use]
    pub fn percent_of(self, whole: Self) -> i64 {
        if whole.is_zero() {
            return 0;
        }
        i64::try_from(self.nanos.saturating_mul(100) / whole.nanos).unwrap_or(i64::MAX)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}
impl Eq for Quantity {}
impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Add for Quantity {
    type Output = Self;
    /// Saturates at upstream's cap; takes the other's format when this is zero, as upstream does.
    fn add(self, other: Self) -> Self {
        let format = if self.is_zero() {
            other.format
        } else {
            self.format
        };
        Self::capped(self.nanos.saturating_add(other.nanos), format)
    }
}
impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Neg for Quantity {
    type Output = Self;
    fn neg(self) -> Self {
        Self::capped(-self.nanos, self.format)
    }
}
impl Sub for Quantity {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}
impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// The canonical form of a quantity's text: `1000m` is `1`.
///
/// # Errors
/// When the text is no quantity.
pub fn canonical(text: &str) -> Result<String, Error> {
    Quantity::parse(text).map(|quantity| quantity.to_string())
}

/// A resource list of the wire; entries that do not parse (validation refuses them at the door) are left out.
#[must_use]
pub fn amounts(wire: Option<&BTreeMap<String, Wire>>) -> Amounts {
    wire.into_iter()
        .flatten()
        .filter_map(|(name, text)| Some((name.clone(), Quantity::from_wire(text).ok()?)))
        .collect()
}

/// Amounts as the wire has them.
#[must_use]
pub fn to_wire_map(amounts: &Amounts) -> BTreeMap<String, Wire> {
    amounts
        .iter()
        .map(|(name, amount)| (name.clone(), amount.to_wire()))
        .collect()
}

/// Adds every amount of `more` to `sum`.
pub fn add_all(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        *sum.entry(name.clone()).or_default() += *amount;
    }
}

/// Raises every amount of `sum` to that of `other` where that is greater.
pub fn max_all(sum: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let entry = sum.entry(name.clone()).or_insert(*amount);
        *entry = (*entry).max(*amount);
    }
}
