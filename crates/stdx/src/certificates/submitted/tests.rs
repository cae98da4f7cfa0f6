//! Requests, certificates and pairs that are right, and those that are not.

use super::*;
use crate::certificates::Authority;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, SignatureAlgorithm};

fn request(algorithm: &'static SignatureAlgorithm) -> String {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let request = CertificateParams::default().serialize_request(&key);
    request.unwrap().pem().unwrap()
}

/// The signature is what comes last: a letter of the last line but the heading is another one.
fn spoilt(pem: &str) -> String {
    let at = pem.trim_end().rfind("\n-----END").unwrap() - 8;
    let other = if &pem[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &pem[..at], &pem[at + 1..])
}

#[test]
fn requests_are_whole_and_signed_with_their_own_key() {
    let check = |pem: &str| check_request(pem.as_bytes()).map_err(|it| it.to_string());
    let pem = request(&rcgen::PKCS_ECDSA_P256_SHA256);
    assert_eq!(check(&pem), Ok(()));
    let refused = |text: &str| Err(text.to_owned());
    let text = "x509: ECDSA verification failure";
    assert_eq!(check(&spoilt(&pem)), refused(text));
    let pem = request(&PKCS_ED25519);
    assert_eq!(check(&pem), Ok(()));
    let text = "x509: Ed25519 verification failure";
    assert_eq!(check(&spoilt(&pem)), refused(text));
    let text = "PEM block type must be CERTIFICATE REQUEST";
    assert_eq!(check("a"), refused(text));
    let other = pem.replace("CERTIFICATE REQUEST", "CERTIFICATE");
    assert_eq!(check(&other), refused(text));
    let short = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
    let found = check(short).unwrap_err();
    assert!(
        found.starts_with("x509: malformed certificate request"),
        "{found}"
    );
}

#[test]
fn certificates_come_alone() {
    let pair = Authority::create("a", jiff::Timestamp::UNIX_EPOCH).unwrap();
    let pem = pair.certificate_pem().to_owned();
    let check = |pem: &str| check_certificates(pem.as_bytes());
    assert_eq!(check(&pem), Ok(()));
    assert_eq!(check(&format!("{pem}{pem}")), Ok(()));
    assert_eq!(check("a"), Err(Refused::NoCertificate));
    let key = pem.replace("CERTIFICATE", "KEY");
    let foreign = Err(Refused::Foreign("KEY".to_owned()));
    assert_eq!(check(&format!("{pem}{key}")), foreign);
    let short = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let found = check(short);
    assert!(
        matches!(found, Err(Refused::MalformedCertificate(_))),
        "{found:?}"
    );
}

#[test]
fn a_key_is_its_certificates() {
    let pair = |name| {
        let authority = Authority::create(name, jiff::Timestamp::UNIX_EPOCH).unwrap();
        authority.pair().clone()
    };
    let (one, two) = (pair("a"), pair("b"));
    let check = |certificate: &str, key: &str| {
        let found = check_pair(certificate.as_bytes(), key.as_bytes());
        found.map_or_else(|it| it.to_string(), |()| String::new())
    };
    let (pem, key) = (one.certificate_pem.as_str(), one.key_pem.as_str());
    let other = KeyPair::generate_for(&PKCS_ED25519)
        .unwrap()
        .serialize_pem();
    let broken = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    for (certificate, key, text) in [
        (pem, key, ""),
        (
            pem,
            &two.key_pem,
            "tls: private key does not match public key",
        ),
        (
            pem,
            &other,
            "tls: private key type does not match public key type",
        ),
        (pem, broken, "tls: failed to parse private key"),
        (
            "",
            key,
            "tls: failed to find any PEM data in certificate input",
        ),
        (pem, "", "tls: failed to find any PEM data in key input"),
        (
            key,
            pem,
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
        ),
        (
            pem,
            pem,
            "tls: found a certificate rather than a key in the PEM for the private key",
        ),
    ] {
        assert_eq!(check(certificate, key), text);
    }
}
