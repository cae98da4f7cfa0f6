//! The capabilities that a container holds. Pure.

use std::str::FromStr;

use caps::Capability;

use crate::container::Security;
use crate::error::{Error, Result};

/// What a container has unless it asks otherwise; the list of Docker and containerd.
const DEFAULT: [Capability; 14] = [
    Capability::CAP_AUDIT_WRITE,
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_MKNOD,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_NET_RAW,
    Capability::CAP_SETFCAP,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SYS_CHROOT,
];

/// Names with `CAP_`, sorted.
pub(crate) fn resolve(security: &Security) -> Result<Vec<String>> {
    let mut held: Vec<Capability> = if security.privileged || names_all(&security.add_capabilities)
    {
        known()
    } else if names_all(&security.drop_capabilities) {
        Vec::new()
    } else {
        DEFAULT.to_vec()
    };
    if !security.privileged {
        for name in &security.add_capabilities {
            if !is_all(name) {
                held.push(parse(name)?);
            }
        }
        for name in &security.drop_capabilities {
            if !is_all(name) {
                let dropped = parse(name)?;
                held.retain(|c| *c != dropped);
            }
        }
    }
    let mut names: Vec<String> = held.iter().map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// All that there are for us to give: a server may itself have been given fewer than the kernel knows.
fn known() -> Vec<Capability> {
    let mut all: Vec<_> = caps::read(None, caps::CapSet::Permitted)
        .unwrap_or_default()
        .into_iter()
        .collect();
    all.sort_by_key(|c| c.index());
    all
}

fn is_all(name: &str) -> bool {
    name.eq_ignore_ascii_case("all")
}

fn names_all(names: &[String]) -> bool {
    names.iter().any(|n| is_all(n))
}

fn parse(name: &str) -> Result<Capability> {
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("CAP_") {
        upper
    } else {
        format!("CAP_{upper}")
    };
    Capability::from_str(&full).map_err(|_| Error::Invalid {
        field: "securityContext.capabilities",
        reason: format!("unknown capability {name:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(add: &[&str], drop: &[&str], expected: &[&str]) {
        let strings = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect();
        let security = Security {
            add_capabilities: strings(add),
            drop_capabilities: strings(drop),
            ..Security::default()
        };
        assert_eq!(resolve(&security).unwrap(), expected);
    }

    #[test]
    fn adds_and_drops() {
        check(&[], &["ALL"], &[]);
        check(&["NET_ADMIN"], &["all"], &["CAP_NET_ADMIN"]);
        check(&["cap_chown"], &["ALL"], &["CAP_CHOWN"]);
        let security = Security {
            drop_capabilities: vec!["KILL".into()],
            ..Security::default()
        };
        let held = resolve(&security).unwrap();
        assert_eq!(held.len(), DEFAULT.len() - 1);
        let wrong = Security {
            add_capabilities: vec!["FLY".into()],
            ..Security::default()
        };
        assert!(resolve(&wrong).is_err());
    }
}
