//! Certificates end to end: made, written, read again, renewed, shown.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn leaf() -> Leaf {
    Leaf {
        common_name: "system:admin".to_owned(),
        organizations: vec!["system:masters".to_owned()],
        dns_names: vec!["kubernetes.default.svc".to_owned()],
        addresses: vec!["10.43.0.1".parse().unwrap()],
        server: true,
        client: true,
    }
}

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("stdx-certificates-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

#[test]
fn a_leaf_is_kept_until_it_is_due_or_its_terms_change() {
    let dir = scratch("kept");
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let authority = load_or_create_authority(&dir, "server-ca", now).unwrap();
    let again = load_or_create_authority(&dir, "server-ca", now).unwrap();
    assert_eq!(authority.certificate_pem(), again.certificate_pem());
    let first = load_or_issue(&dir, "server", &authority, &leaf(), now).unwrap();
    let early = now + Duration::from_secs(200 * 86_400);
    let late = now + Duration::from_secs(250 * 86_400);
    let same = load_or_issue(&dir, "server", &authority, &leaf(), early).unwrap();
    assert_eq!(first.certificate_pem, same.certificate_pem);
    let renewed = load_or_issue(&dir, "server", &authority, &leaf(), late).unwrap();
    assert_ne!(first.certificate_pem, renewed.certificate_pem);
    let mut other = leaf();
    other.addresses.push("192.0.2.1".parse().unwrap());
    let changed = load_or_issue(&dir, "server", &authority, &other, late).unwrap();
    assert_ne!(renewed.certificate_pem, changed.certificate_pem);
    let mode = std::fs::metadata(dir.join("server.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_server_can_show_it() {
    let now = Timestamp::now();
    let authority = Authority::create("ca", now).unwrap();
    let pair = authority.issue(&leaf(), now).unwrap();
    let served = ServedCertificate::new(&pair).unwrap();
    served.set(&authority.issue(&leaf(), now).unwrap()).unwrap();
    server_config(served, authority.certificate_pem()).unwrap();
    assert!(create_signing_key().unwrap().contains("PRIVATE KEY"));
}

#[test]
fn who_checks_nobody_is_made_once() {
    assert!(Arc::ptr_eq(&unverified().unwrap(), &unverified().unwrap()));
}
