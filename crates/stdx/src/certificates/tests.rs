//! Authorities persist, leaves are kept until they are due or wrong, keys are private.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn server(names: &[&str]) -> Leaf {
    Leaf {
        common_name: "kube-apiserver".to_owned(),
        organizations: vec!["system:masters".to_owned()],
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        usage: Usage::Server,
    }
}

#[test]
fn leaves_are_kept_until_due_or_changed() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let authority = Authority::load_or_create(folder.path(), "ca", "sampan-ca", now).unwrap();
    let leaf = server(&["kubernetes", "10.43.0.1"]);
    let get = |authority: &Authority, leaf: &Leaf, now| {
        authority
            .load_or_renew(folder.path(), "server", leaf, now)
            .unwrap()
            .certificate_pem
    };
    let first = get(&authority, &leaf, now);
    assert_eq!(get(&authority, &leaf, now), first);
    let again = Authority::load_or_create(folder.path(), "ca", "sampan-ca", now).unwrap();
    assert_eq!(again.pem(), authority.pem());
    assert_eq!(get(&again, &leaf, now), first);
    let later = now + SignedDuration::from_hours(24 * 250);
    let renewed = get(&authority, &leaf, later);
    assert_ne!(renewed, first);
    let wider = get(
        &authority,
        &server(&["kubernetes", "10.43.0.1", "::1"]),
        later,
    );
    assert_ne!(wider, renewed);
    let other = Authority::load_or_create(folder.path(), "other", "other-ca", now).unwrap();
    assert_ne!(
        get(&other, &server(&["kubernetes", "10.43.0.1", "::1"]), later),
        wider
    );
}

#[test]
fn keys_are_private_and_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    Authority::load_or_create(folder.path(), "ca", "sampan-ca", now).unwrap();
    let mode = std::fs::metadata(folder.path().join("ca.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(folder.path().join("ca.crt"), "nonsense").unwrap();
    let error = Authority::load_or_create(folder.path(), "ca", "sampan-ca", now)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("holds no certificate"),
        "{error}"
    );
}

#[test]
fn the_signing_key_persists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service-account.key");
    let first = load_or_create_signing_key(&path).unwrap();
    assert_eq!(load_or_create_signing_key(&path).unwrap(), first);
    assert!(public_key_pem(&first).unwrap().contains("PUBLIC KEY"));
}
