//! Who asks: upstream's `user.Info`. In-process callers put one into the request's extensions; that
//! is trusted, because only code of this process can do it.

use std::collections::BTreeMap;

/// An authenticated identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Name: `system:admin`, `system:serviceaccount:default:default`.
    pub name: String,
    /// UID, when the authenticator knows one.
    pub uid: String,
    /// Groups, `system:authenticated` included.
    pub groups: Vec<String>,
    /// Further facts, such as the pod a token is bound to.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Group of everybody who proved who they are.
    pub const AUTHENTICATED: &'static str = "system:authenticated";
    /// Group that may do everything.
    pub const MASTERS: &'static str = "system:masters";

    /// A user with these groups, and `system:authenticated`.
    #[must_use]
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        if !groups.iter().any(|group| group == Self::AUTHENTICATED) {
            groups.push(Self::AUTHENTICATED.to_owned());
        }
        Self {
            name: name.to_owned(),
            groups,
            ..Self::default()
        }
    }

    /// The API server itself.
    #[must_use]
    pub fn apiserver() -> Self {
        Self::new("system:apiserver", &[Self::MASTERS])
    }

    /// Nobody in particular.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
            ..Self::default()
        }
    }

    /// Whether the user is in a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}
