//! Certificates and keys on disk.

use super::{Authority, Error, Leaf, Pair, create_signing_key, is_due};
use jiff::Timestamp;
use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

/// The authority at `DIR/NAME.crt` and `DIR/NAME.key`; made when absent. An authority is never
/// replaced: everything issued by it would fail.
///
/// # Errors
/// When files cannot be read or written, or hold something else.
pub fn load_or_create_authority(
    dir: &Path,
    name: &str,
    now: Timestamp,
) -> Result<Authority, Error> {
    match load(dir, name)? {
        Some(pair) => Authority::from_pair(pair),
        None => {
            let authority = Authority::create(&format!("sampan-{name}@{}", now.as_second()), now)?;
            save(dir, name, authority.pair())?;
            Ok(authority)
        }
    }
}

/// The leaf at `DIR/NAME.crt` and `DIR/NAME.key`; issued when absent, due, from another authority, or
/// saying other things than `leaf`.
///
/// # Errors
/// When files cannot be read or written, or issuing fails.
pub fn load_or_issue(
    dir: &Path,
    name: &str,
    authority: &Authority,
    leaf: &Leaf,
    now: Timestamp,
) -> Result<Pair, Error> {
    let terms = terms(authority, leaf);
    let terms_path = dir.join(format!("{name}.terms"));
    if let Some(pair) = load(dir, name)?
        && !is_due(&pair.certificate_pem, now)
        && fs::read_to_string(&terms_path).is_ok_and(|own| own == terms)
    {
        return Ok(pair);
    }
    let pair = authority.issue(leaf, now)?;
    save(dir, name, &pair)?;
    write(&terms_path, terms.as_bytes())?;
    Ok(pair)
}

/// The RSA key at `DIR/NAME.key`; made when absent.
///
/// # Errors
/// When the file cannot be read or written.
pub fn load_or_create_signing_key(dir: &Path, name: &str) -> Result<String, Error> {
    let path = dir.join(format!("{name}.key"));
    if let Some(pem) = read(&path)? {
        return Ok(pem);
    }
    let pem = create_signing_key()?;
    make_dir(dir)?;
    write(&path, pem.as_bytes())?;
    Ok(pem)
}

/// What the leaf on disk was issued for, so that a change of addresses is noticed.
fn terms(authority: &Authority, leaf: &Leaf) -> String {
    format!("{leaf:?}\n{}", authority.certificate_pem())
}

fn load(dir: &Path, name: &str) -> Result<Option<Pair>, Error> {
    let certificate = read(&dir.join(format!("{name}.crt")))?;
    let key = read(&dir.join(format!("{name}.key")))?;
    Ok(certificate.zip(key).map(|(certificate_pem, key_pem)| Pair {
        certificate_pem,
        key_pem,
    }))
}

fn save(dir: &Path, name: &str, pair: &Pair) -> Result<(), Error> {
    make_dir(dir)?;
    write(&dir.join(format!("{name}.key")), pair.key_pem.as_bytes())?;
    write(
        &dir.join(format!("{name}.crt")),
        pair.certificate_pem.as_bytes(),
    )
}

fn make_dir(dir: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| Error::File {
            operation: "create",
            path: dir.to_owned(),
            source,
        })
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            operation: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    crate::private_file::replace(path, bytes).map_err(|source| Error::File {
        operation: "write",
        path: path.to_owned(),
        source,
    })
}
