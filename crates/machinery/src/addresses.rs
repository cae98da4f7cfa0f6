//! IP addresses and networks as fields hold them, with the strictness that 1.36 has by default.
//! Upstream: `util/validation/ip.go` and `ValidateEndpointIP`, with their texts.

use crate::field::Path;
use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr},
};

#[cfg(test)]
mod tests;

const NO_ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NO_INTERFACE: &str =
    "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";
const NO_NETWORK: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// A host and its port: `10.42.0.5:80`, `[fd00::5]:80` (Go's `JoinHostPort`).
#[must_use]
pub fn with_port(host: &str, port: impl Display) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// An address, with the leading zeros that old objects may still hold (upstream: `ParseIPSloppy`).
#[must_use]
pub fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let parts: Vec<_> = text.split('.').collect();
    if parts.len() != 4 || !parts.iter().all(|it| digits(it)) {
        return None;
    }
    let mut octets = [0; 4];
    for (octet, part) in octets.iter_mut().zip(parts) {
        *octet = part.parse().ok()?;
    }
    Some(Ipv4Addr::from(octets).into())
}

/// A network as an address and a prefix length, as sloppy as [`parse`].
fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address = parse(address)?;
    let bits = bits
        .bytes()
        .all(|it| it.is_ascii_digit())
        .then(|| bits.parse::<u8>().ok())??;
    (bits <= width(address)).then_some((address, bits))
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(it) if it.to_ipv4_mapped().is_some())
}

/// As Go prints it: a mapped address in its IPv4 form.
fn shown(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

fn first_of(address: IpAddr, bits: u8) -> IpAddr {
    let spare = u32::from(width(address) - bits);
    match address {
        IpAddr::V4(it) => {
            let mask = u32::MAX.checked_shl(spare).unwrap_or(0);
            IpAddr::from((u32::from(it) & mask).to_be_bytes())
        }
        IpAddr::V6(it) => {
            let mask = u128::MAX.checked_shl(spare).unwrap_or(0);
            IpAddr::from((u128::from(it) & mask).to_be_bytes())
        }
    }
}

/// Whether network `part` is within `whole` and smaller; `None` when one of them is no network.
#[must_use]
pub fn is_strict_part(part: &str, whole: &str) -> Option<bool> {
    let (address, bits) = parse_network(part)?;
    let (whole, most) = parse_network(whole)?;
    let same = width(address) == width(whole);
    Some(same && bits > most && first_of(address, most) == first_of(whole, most))
}

/// Messages for an address in a field that is older than strict checks; upstream's
/// `IsValidIPForLegacyField`. Any spelling of an IPv6 address will do.
#[must_use]
pub fn address_errors(text: &str) -> Vec<String> {
    let Some(address) = parse(text) else {
        return vec![NO_ADDRESS.to_owned()];
    };
    if text.parse::<IpAddr>().is_err() {
        vec!["must not have leading 0s".to_owned()]
    } else if is_mapped(address) {
        vec!["must not be an IPv4-mapped IPv6 address".to_owned()]
    } else {
        Vec::new()
    }
}

/// Messages for an address in a newer field: canonical form only; upstream's `IsValidIP`.
#[must_use]
pub fn canonical_address_errors(text: &str) -> Vec<String> {
    let errors = address_errors(text);
    match parse(text).map(shown) {
        Some(canonical) if errors.is_empty() && canonical != text => {
            vec![format!("must be in canonical form ({canonical:?})")]
        }
        _ => errors,
    }
}

/// Messages for a network in a field that is older than strict checks; upstream's
/// `IsValidCIDRForLegacyField`.
#[must_use]
pub fn network_errors(text: &str) -> Vec<String> {
    let Some((address, bits)) = parse_network(text) else {
        return vec![NO_NETWORK.to_owned()];
    };
    let (written, length) = text.split_once('/').unwrap_or_default();
    let zeros = written.parse::<IpAddr>().is_err() || (length.len() > 1 && length.starts_with('0'));
    if zeros {
        vec!["must not have leading 0s in IP or prefix length".to_owned()]
    } else if is_mapped(address) {
        vec!["must not have an IPv4-mapped IPv6 address".to_owned()]
    } else if first_of(address, bits) != address {
        vec!["must not have bits set beyond the prefix length".to_owned()]
    } else {
        Vec::new()
    }
}

/// Messages for a network in a newer field: canonical form only; upstream's `IsValidCIDR`.
#[must_use]
pub fn canonical_network_errors(text: &str) -> Vec<String> {
    let errors = network_errors(text);
    match parse_network(text) {
        Some((address, bits)) if errors.is_empty() && format!("{address}/{bits}") != text => {
            vec![format!("must be in canonical form (\"{address}/{bits}\")")]
        }
        _ => errors,
    }
}

/// Messages for the address of an interface with its prefix length; upstream's `IsValidInterfaceAddress`.
#[must_use]
pub fn interface_errors(text: &str) -> Vec<String> {
    let Some((address, bits)) = parse_network(text) else {
        return vec![NO_INTERFACE.to_owned()];
    };
    // Of a mapped address only what is left of the IPv4 address counts.
    let mapped = is_mapped(address) && bits > 32;
    let bits = if mapped {
        bits.saturating_sub(96)
    } else {
        bits
    };
    let canonical = format!("{}/{bits}", shown(address));
    match canonical == text {
        true => Vec::new(),
        false => vec![format!("must be in canonical form ({canonical:?})")],
    }
}

/// What is odd about an address that is let through; upstream's `GetWarningsForIP`.
#[must_use]
pub fn address_warnings(path: &Path, text: &str) -> Vec<String> {
    let Some(address) = parse(text) else {
        return Vec::new();
    };
    if text.parse::<IpAddr>().is_err() || is_mapped(address) {
        let good = shown(address);
        return vec![format!(
            "{path}: non-standard IP address {text:?} is invalid: use {good:?}"
        )];
    }
    if address.is_ipv6() && address.to_string() != text {
        let good = address.to_string();
        return vec![format!(
            "{path}: IPv6 address {text:?} should be in RFC 5952 canonical format ({good:?})"
        )];
    }
    Vec::new()
}

/// What is odd about a network that is let through; upstream's `GetWarningsForCIDR`.
#[must_use]
pub fn network_warnings(path: &Path, text: &str) -> Vec<String> {
    let Some((address, bits)) = parse_network(text) else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    let first = first_of(address, bits);
    let network = format!("{}/{bits}", shown(first));
    if first != address {
        let single = format!("{}/{}", shown(address), width(address));
        warnings.push(format!("{path}: CIDR value {text:?} is ambiguous in this context (should be {network:?} or {single:?}?)"));
    }
    let written = text.split_once('/').unwrap_or_default();
    let zeros =
        written.0.parse::<IpAddr>().is_err() || (written.1.len() > 1 && written.1.starts_with('0'));
    if zeros || is_mapped(address) {
        warnings.push(format!(
            "{path}: non-standard CIDR value {text:?} is invalid: use {network:?}"
        ));
    }
    let canonical = format!("{address}/{bits}");
    if warnings.is_empty() && address.is_ipv6() && canonical != text {
        warnings.push(format!("{path}: IPv6 CIDR value {text:?} should be in RFC 5952 canonical format ({canonical:?})"));
    }
    warnings
}

/// Messages for an address that no endpoint can have; upstream's `ValidateEndpointIP`.
#[must_use]
pub fn endpoint_errors(text: &str) -> Vec<String> {
    let Some(address) = parse(text).map(|it| it.to_canonical()) else {
        return vec!["must be a valid IP address".to_owned()];
    };
    let mut errors = Vec::new();
    if address.is_unspecified() {
        errors.push(format!("may not be unspecified ({text})"));
    }
    if address.is_loopback() {
        errors.push("may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned());
    }
    let (local, multicast) = match address {
        IpAddr::V4(it) => (it.is_link_local(), it.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(it) => (
            it.is_unicast_link_local(),
            it.segments()[0] & 0xff0f == 0xff02,
        ),
    };
    if local {
        errors.push("may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned());
    }
    if multicast {
        errors.push(
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned(),
        );
    }
    errors
}
