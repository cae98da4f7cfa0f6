//! Conditions of any kind: find, ask, set. Times follow upstream's rule that `lastTransitionTime`
//! moves only when the status does.

use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, core::v1 as core},
    apimachinery::pkg::apis::meta::v1::{Condition as MetaCondition, Time},
};

/// `True`
pub const TRUE: &str = "True";
/// `False`
pub const FALSE: &str = "False";
/// `Unknown`
pub const UNKNOWN: &str = "Unknown";

/// What every kind's condition type has.
pub trait Condition: Clone {
    /// Such as `Ready`.
    fn kind(&self) -> &str;
    /// `True`, `False` or `Unknown`.
    fn status(&self) -> &str;
    /// A word for machines.
    fn reason(&self) -> &str;
    /// A sentence.
    fn message(&self) -> &str;
    /// When the status last changed.
    fn changed_at(&self) -> Option<Timestamp>;
    /// Sets when the status last changed.
    fn set_changed_at(&mut self, at: Option<Timestamp>);
    /// A condition of this type, status, reason and message, without times.
    fn make(kind: &str, status: &str, reason: &str, message: &str) -> Self;
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

macro_rules! conditions {
    ($($kind:ty),+ $(,)?) => {$(
        impl Condition for $kind {
            fn kind(&self) -> &str {
                &self.type_
            }
            fn status(&self) -> &str {
                &self.status
            }
            fn reason(&self) -> &str {
                self.reason.as_deref().unwrap_or_default()
            }
            fn message(&self) -> &str {
                self.message.as_deref().unwrap_or_default()
            }
            fn changed_at(&self) -> Option<Timestamp> {
                self.last_transition_time.as_ref().map(|time| time.0)
            }
            fn set_changed_at(&mut self, at: Option<Timestamp>) {
                self.last_transition_time = at.map(|at| Time(stdx::clock::whole_seconds(at)));
            }
            fn make(kind: &str, status: &str, reason: &str, message: &str) -> Self {
                Self {
                    type_: kind.to_owned(),
                    status: status.to_owned(),
                    reason: filled(reason),
                    message: filled(message),
                    ..Self::default()
                }
            }
        }
    )+};
}

conditions! {
    apps::DaemonSetCondition,
    apps::DeploymentCondition,
    apps::ReplicaSetCondition,
    apps::StatefulSetCondition,
    autoscaling::HorizontalPodAutoscalerCondition,
    batch::JobCondition,
    core::NamespaceCondition,
    core::NodeCondition,
    core::PersistentVolumeClaimCondition,
    core::PodCondition,
    core::ReplicationControllerCondition,
}

impl Condition for MetaCondition {
    fn kind(&self) -> &str {
        &self.type_
    }
    fn status(&self) -> &str {
        &self.status
    }
    fn reason(&self) -> &str {
        &self.reason
    }
    fn message(&self) -> &str {
        &self.message
    }
    fn changed_at(&self) -> Option<Timestamp> {
        Some(self.last_transition_time.0)
    }
    fn set_changed_at(&mut self, at: Option<Timestamp>) {
        self.last_transition_time = Time(stdx::clock::whole_seconds(at.unwrap_or_default()));
    }
    fn make(kind: &str, status: &str, reason: &str, message: &str) -> Self {
        Self {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            observed_generation: None,
        }
    }
}

/// The condition of type `kind`.
#[must_use]
pub fn get<'a, C: Condition>(list: Option<&'a Vec<C>>, kind: &str) -> Option<&'a C> {
    list?.iter().find(|it| it.kind() == kind)
}

/// Whether the condition of type `kind` is `True`.
#[must_use]
pub fn is_true<C: Condition>(list: Option<&Vec<C>>, kind: &str) -> bool {
    get(list, kind).is_some_and(|it| it.status() == TRUE)
}

/// Sets `new`, keeping the transition time when the status stays. Whether status, reason or
/// message changed (then the caller stamps kind-specific update times).
pub fn set<C: Condition>(list: &mut Option<Vec<C>>, mut new: C, now: Timestamp) -> bool {
    let list = list.get_or_insert_default();
    let Some(old) = list.iter_mut().find(|it| it.kind() == new.kind()) else {
        if new
            .changed_at()
            .is_none_or(|at| at == Timestamp::UNIX_EPOCH)
        {
            new.set_changed_at(Some(now));
        }
        list.push(new);
        return true;
    };
    let same_status = old.status() == new.status();
    if same_status && old.reason() == new.reason() && old.message() == new.message() {
        return false;
    }
    new.set_changed_at(if same_status {
        old.changed_at()
    } else {
        Some(now)
    });
    *old = new;
    true
}

/// Removes the condition of type `kind`; whether there was one.
pub fn remove<C: Condition>(list: &mut Option<Vec<C>>, kind: &str) -> bool {
    let Some(conditions) = list else { return false };
    let before = conditions.len();
    conditions.retain(|it| it.kind() != kind);
    conditions.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_times_move_with_the_status_only() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let make = |status, reason| core::PodCondition::make("Ready", status, reason, "");
        let mut list = None;
        assert!(set(&mut list, make(FALSE, "A"), at(1)));
        assert!(!set(&mut list, make(FALSE, "A"), at(2)));
        assert!(set(&mut list, make(FALSE, "B"), at(3)));
        assert_eq!(
            get(list.as_ref(), "Ready").unwrap().changed_at(),
            Some(at(1))
        );
        assert!(set(&mut list, make(TRUE, "B"), at(4)));
        assert_eq!(
            get(list.as_ref(), "Ready").unwrap().changed_at(),
            Some(at(4))
        );
        assert!(is_true(list.as_ref(), "Ready") && !is_true(list.as_ref(), "Other"));
        assert!(remove(&mut list, "Ready") && !remove(&mut list, "Ready"));
    }
}
