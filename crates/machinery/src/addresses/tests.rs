//! Addresses and networks as tables.

use super::*;

#[test]
fn addresses() {
    let table = [
        ("10.9.8.7", "", ""),
        ("2001:db8::ffff", "", ""),
        (
            "2001:DB8::ffff",
            "",
            "must be in canonical form (\"2001:db8::ffff\")",
        ),
        (
            "010.9.8.7",
            "must not have leading 0s",
            "must not have leading 0s",
        ),
        (
            "::ffff:1.2.3.4",
            "must not be an IPv4-mapped IPv6 address",
            "must not be an IPv4-mapped IPv6 address",
        ),
        ("10.9.8", NO_ADDRESS, NO_ADDRESS),
        ("300.1.1.1", NO_ADDRESS, NO_ADDRESS),
        ("", NO_ADDRESS, NO_ADDRESS),
    ];
    for (text, legacy, canonical) in table {
        assert_eq!(address_errors(text).join("|"), legacy, "{text}");
        assert_eq!(
            canonical_address_errors(text).join("|"),
            canonical,
            "{text}"
        );
    }
}

#[test]
fn networks() {
    let table = [
        ("10.9.8.0/24", "", ""),
        ("::/0", "", ""),
        (
            "2001:DB8::/64",
            "",
            "must be in canonical form (\"2001:db8::/64\")",
        ),
        (
            "10.9.8.1/24",
            "must not have bits set beyond the prefix length",
            "must not have bits set beyond the prefix length",
        ),
        (
            "10.9.8.0/024",
            "must not have leading 0s in IP or prefix length",
            "must not have leading 0s in IP or prefix length",
        ),
        (
            "::ffff:1.2.3.0/120",
            "must not have an IPv4-mapped IPv6 address",
            "must not have an IPv4-mapped IPv6 address",
        ),
        ("10.9.8.0/33", NO_NETWORK, NO_NETWORK),
        ("10.9.8.0", NO_NETWORK, NO_NETWORK),
        ("10.9.8.0/", NO_NETWORK, NO_NETWORK),
    ];
    for (text, legacy, canonical) in table {
        assert_eq!(network_errors(text).join("|"), legacy, "{text}");
        assert_eq!(
            canonical_network_errors(text).join("|"),
            canonical,
            "{text}"
        );
    }
}

#[test]
fn interfaces() {
    for (text, expected) in [
        ("10.9.8.7/24", ""),
        ("2001:db8::1/64", ""),
        ("10.9.8.7", NO_INTERFACE),
        ("10.9.8.7/33", NO_INTERFACE),
        (
            "2001:DB8::1/64",
            "must be in canonical form (\"2001:db8::1/64\")",
        ),
        (
            "::ffff:10.9.8.7/120",
            "must be in canonical form (\"10.9.8.7/24\")",
        ),
    ] {
        assert_eq!(interface_errors(text).join("|"), expected, "{text}");
    }
}

#[test]
fn warnings() {
    let path = Path::new("spec").child("ip");
    let table = [
        ("10.0.0.1", ""),
        (
            "010.0.0.1",
            "spec.ip: non-standard IP address \"010.0.0.1\" is invalid: use \"10.0.0.1\"",
        ),
        (
            "2001:db8:0::1",
            "spec.ip: IPv6 address \"2001:db8:0::1\" should be in RFC 5952 canonical format (\"2001:db8::1\")",
        ),
    ];
    for (text, warning) in table {
        assert_eq!(address_warnings(&path, text).join("|"), warning, "{text}");
    }
    let table = [
        ("10.0.0.0/8", ""),
        (
            "10.0.0.1/8",
            "spec.ip: CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)",
        ),
        (
            "10.0.0.0/08",
            "spec.ip: non-standard CIDR value \"10.0.0.0/08\" is invalid: use \"10.0.0.0/8\"",
        ),
        (
            "2001:db8:0::/48",
            "spec.ip: IPv6 CIDR value \"2001:db8:0::/48\" should be in RFC 5952 canonical format (\"2001:db8::/48\")",
        ),
    ];
    for (text, warning) in table {
        assert_eq!(network_warnings(&path, text).join("|"), warning, "{text}");
    }
}

#[test]
fn endpoints() {
    let table = [
        ("10.0.0.1", ""),
        ("0.0.0.0", "may not be unspecified (0.0.0.0)"),
        (
            "127.0.0.1",
            "may not be in the loopback range (127.0.0.0/8, ::1/128)",
        ),
        (
            "fe80::1",
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
        ),
        (
            "224.0.0.1",
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
        ),
        ("a", "must be a valid IP address"),
    ];
    for (text, message) in table {
        assert_eq!(endpoint_errors(text).join("|"), message, "{text}");
    }
}

#[test]
fn parts_of_networks() {
    let table = [
        ("10.1.0.0/16", "10.0.0.0/8", Some(true)),
        ("10.0.0.0/8", "10.0.0.0/8", Some(false)),
        ("11.0.0.0/16", "10.0.0.0/8", Some(false)),
        ("fd00::/64", "10.0.0.0/8", Some(false)),
        ("a", "10.0.0.0/8", None),
    ];
    for (part, whole, verdict) in table {
        assert_eq!(is_strict_part(part, whole), verdict, "{part}");
    }
}

#[test]
fn hosts_with_ports() {
    for (host, expected) in [
        ("10.42.0.5", "10.42.0.5:80"),
        ("fd00::5", "[fd00::5]:80"),
        ("a.example", "a.example:80"),
    ] {
        assert_eq!(with_port(host, 80), expected);
    }
}
