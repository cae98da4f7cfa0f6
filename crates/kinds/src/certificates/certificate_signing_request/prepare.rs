//! Who may write what of a status: approval decides, the status issues and tells of failures.

use k8s_openapi::{
    api::certificates::v1::{
        CertificateSigningRequest, CertificateSigningRequestCondition as Condition,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

/// Of an approval the conditions are taken, and nothing else.
pub(super) fn approval(new: &mut CertificateSigningRequest, old: &CertificateSigningRequest) {
    let conditions = new.status.take().and_then(|it| it.conditions);
    let mut status = old.status.clone().unwrap_or_default();
    status.conditions = conditions;
    new.status = Some(status);
}

/// A status keeps the decisions as they are. When it has more or fewer of them it is refused later.
pub(super) fn status(new: &mut CertificateSigningRequest, old: &CertificateSigningRequest) {
    new.status.get_or_insert_default();
    for kind in super::validate::DECISIONS {
        let is = |it: &&Condition| it.type_ == *kind;
        let before = super::validate::conditions(old);
        if super::validate::conditions(new).iter().filter(is).count()
            == before.iter().filter(is).count()
        {
            let kept = super::validate::conditions_mut(new).iter_mut();
            let kept = kept.filter(|it| it.type_ == *kind);
            for (new, old) in kept.zip(before.iter().filter(is)) {
                new.clone_from(old);
            }
        }
    }
}

/// Dates the conditions that bear no date. One that stands as it stood did not change.
pub(super) fn times(
    new: &mut CertificateSigningRequest,
    old: &CertificateSigningRequest,
    now: jiff::Timestamp,
) {
    let before = super::validate::conditions(old);
    for it in super::validate::conditions_mut(new) {
        it.last_update_time.get_or_insert(Time(now));
        if it.last_transition_time.is_none() {
            let mut same = before
                .iter()
                .filter(|old| old.type_ == it.type_ && old.status == it.status);
            let since = same.find_map(|old| old.last_transition_time.clone());
            it.last_transition_time = since.or(Some(Time(now)));
        }
    }
}
