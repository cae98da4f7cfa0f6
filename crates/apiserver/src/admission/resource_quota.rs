//! `ResourceQuota`: what a namespace uses in sum stays within its quotas. The new usage is written in
//! the object's own transaction, on the condition that the quota is still the one that was judged: a
//! quota cannot be exceeded, however many creates race, and what is deleted is given back at once.

use super::{Admit, Claims, Operation, Review};
use crate::verbs::stored_bytes;
use api::AnyObject;
use k8s_openapi::api::core::v1::ResourceQuota;
use machinery::{
    quota::{self, Subject},
    status::Status,
};

const PLURAL: &str = "resourcequotas";
/// What is written about the cluster's work is not part of it.
const IGNORED: [(&str, &str); 2] = [("", "events"), ("events.k8s.io", "events")];

pub(super) struct ResourceQuotaAdmission;

/// Written whenever a quota comes or goes: a create that was judged without it is judged again.
fn marker(namespace: &str) -> String {
    format!("/claims/resource-quotas/{namespace}")
}

impl Admit for ResourceQuotaAdmission {
    fn handles(&self, review: &Review<'_>) -> bool {
        if review.is("", "namespaces") && review.operation == Operation::Delete {
            return true;
        }
        if !review.namespaced || IGNORED.contains(&(review.group, review.plural)) {
            return false;
        }
        match review.operation {
            Operation::Create => review.subresource.is_empty(),
            Operation::Update => matches!(
                (review.group, review.plural, review.subresource),
                ("", "pods", "resize")
                    | ("", "services", "")
                    | ("", "persistentvolumeclaims", "" | "status")
            ),
            Operation::Delete => true,
        }
    }

    fn judge(&self, review: &Review<'_>, claims: &mut Claims) -> Result<(), Status> {
        if review.is("", "namespaces") {
            claims.release(marker(review.name));
            return Ok(());
        }
        let marker = marker(review.namespace);
        if review.is("", PLURAL) {
            claims.write(marker);
        } else if review.operation == Operation::Create {
            claims.require(review.as_seen(marker));
        }
        let subject = |object| Subject {
            group: review.group,
            plural: review.plural,
            object,
        };
        let (old, new) = (
            review.old.map(subject),
            review.object.as_deref().map(subject),
        );
        let quotas = quotas(review);
        if let Some(new) = &new {
            for quota in &quotas {
                new.check(quota)
                    .map_err(|because| review.forbidden(&because))?;
            }
        }
        for quota in quotas {
            let bounded = review.subresource != "status";
            let used = quota::charge(&quota, old, new, review.now, bounded)
                .map_err(|because| review.forbidden(&because))?;
            if let Some(used) = used {
                let mut quota = quota;
                quota.status.get_or_insert_default().used = Some(used);
                replace(review, quota, claims);
            }
        }
        Ok(())
    }
}

/// The quotas of the namespace, but for the one that the request itself is about.
fn quotas(review: &Review<'_>) -> Vec<ResourceQuota> {
    let own = review.is("", PLURAL).then_some(review.name);
    let mut all: Vec<ResourceQuota> = review.all(review.namespace);
    all.retain(|it| own.is_none() || it.metadata.name.as_deref() != own);
    all
}

fn replace(review: &Review<'_>, mut quota: ResourceQuota, claims: &mut Claims) {
    let metadata = AnyObject::metadata(&quota);
    let revision = metadata
        .resource_version
        .as_deref()
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let name = metadata.name.clone().unwrap_or_default();
    if let Some(key) = review.key("", PLURAL, review.namespace, &name) {
        claims.replace(key, revision, stored_bytes(&mut quota));
    }
}
