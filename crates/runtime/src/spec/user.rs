//! Who a container runs as: numbers from names, through the image's own `/etc/passwd` and `/etc/group`. Pure.

use crate::container::{Security, User};
use crate::error::{Error, Result};

/// Resolves the user of a container. `image_user` is the image's wish.
pub(crate) fn resolve(
    security: &Security,
    image_user: &str,
    passwd: &str,
    group: &str,
) -> Result<User> {
    let (wanted_user, wanted_group) = match security.run_as_user {
        Some(uid) => (uid.to_string(), None),
        None => {
            let (user, group) = match image_user.split_once(':') {
                Some((user, group)) => (user, Some(group)),
                None => (image_user, None),
            };
            (user.to_owned(), group.filter(|g| !g.is_empty()))
        }
    };
    let wanted_user = if wanted_user.is_empty() {
        "0"
    } else {
        &wanted_user
    };
    let entry =
        lines(passwd).find(|f| f.first() == Some(&wanted_user) || f.get(2) == Some(&wanted_user));
    let name = entry.as_ref().and_then(|f| f.first().copied());
    let uid = number(wanted_user)
        .or_else(|| number(entry.as_ref()?.get(2)?))
        .ok_or_else(|| unknown("user", wanted_user))?;
    let gid = match (security.run_as_group, wanted_group) {
        (Some(gid), _) => u32::try_from(gid).map_err(|_| unknown("group", &gid.to_string()))?,
        (None, Some(wanted)) => find_group(group, wanted)?,
        (None, None) => entry.as_ref().and_then(|f| number(f.get(3)?)).unwrap_or(0),
    };
    let mut groups = vec![gid];
    if let (false, Some(name)) = (security.strict_supplemental_groups, name) {
        let listed =
            lines(group).filter(|f| f.get(3).is_some_and(|m| m.split(',').any(|u| u == name)));
        groups.extend(listed.filter_map(|f| number(f.get(2)?)));
    }
    for gid in &security.supplemental_groups {
        groups.push(u32::try_from(*gid).map_err(|_| unknown("group", &gid.to_string()))?);
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(User { uid, gid, groups })
}

/// Home directory of a user.
pub(crate) fn home(passwd: &str, uid: u32) -> Option<&str> {
    lines(passwd)
        .find(|f| f.get(2).and_then(|id| number(id)) == Some(uid))
        .and_then(|f| f.get(5).copied())
        .filter(|home| !home.is_empty())
}

fn find_group(group: &str, wanted: &str) -> Result<u32> {
    number(wanted)
        .or_else(|| {
            let entry = lines(group).find(|f| f.first() == Some(&wanted))?;
            number(entry.get(2)?)
        })
        .ok_or_else(|| unknown("group", wanted))
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_end().split(':').collect())
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn unknown(what: &str, name: &str) -> Error {
    Error::Invalid {
        field: "user",
        reason: format!("unable to find {what} {name}: no matching entries in the image"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\n# note\nwww:x:33:34::/var/www:/bin/false\n";
    const GROUP: &str = "root:x:0:\nwww:x:34:\nadm:x:4:root,www\nlog:x:99:www\n";

    fn check(user: Option<i64>, group: Option<i64>, image: &str, expected: (u32, u32, &[u32])) {
        let security = Security {
            run_as_user: user,
            run_as_group: group,
            supplemental_groups: vec![2000],
            ..Security::default()
        };
        let found = resolve(&security, image, PASSWD, GROUP).unwrap();
        assert_eq!(
            (found.uid, found.gid, found.groups.as_slice()),
            expected,
            "{image}"
        );
    }

    #[test]
    fn numbers_from_names() {
        check(None, None, "", (0, 0, &[0, 4, 2000]));
        check(None, None, "www", (33, 34, &[4, 34, 99, 2000]));
        check(None, None, "33", (33, 34, &[4, 34, 99, 2000]));
        check(None, None, "www:adm", (33, 4, &[4, 99, 2000]));
        check(None, None, "1000:1001", (1000, 1001, &[1001, 2000]));
        check(Some(33), None, "root", (33, 34, &[4, 34, 99, 2000]));
        check(Some(5000), None, "www:www", (5000, 0, &[0, 2000]));
        check(Some(5000), Some(7), "", (5000, 7, &[7, 2000]));
        for image in ["nobody", "www:nobody", "-1"] {
            assert!(resolve(&Security::default(), image, PASSWD, GROUP).is_err());
        }
    }

    #[test]
    fn homes() {
        assert_eq!(home(PASSWD, 33), Some("/var/www"));
        assert_eq!(home(PASSWD, 7), None);
    }
}
