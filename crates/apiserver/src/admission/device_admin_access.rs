//! Devices that are in use are lent to administrators only: a claim that asks for such access is made in
//! namespaces that are labelled for it. No plugin upstream, but part of the kinds: `AuthorizedForAdmin`.

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::{
    core::v1::Namespace,
    resource::v1::{ResourceClaim, ResourceClaimSpec, ResourceClaimTemplate},
};
use machinery::{
    field::{Error, Path},
    status::{Resource, Status},
};

const GROUP: &str = "resource.k8s.io";
const LABEL: &str = "resource.kubernetes.io/admin-access";

pub(super) struct DeviceAdminAccess;

impl Admit for DeviceAdminAccess {
    fn handles(&self, review: &Review<'_>) -> bool {
        let claims = review.is(GROUP, "resourceclaims");
        review.operation != Operation::Delete
            && (claims || review.is(GROUP, "resourceclaimtemplates"))
    }

    fn judge(&self, review: &Review<'_>, _: &mut Claims) -> Result<(), Status> {
        let Some(path) = asked(review) else {
            return Ok(());
        };
        let space = review.find::<Namespace>("", review.namespace);
        let labels = space.as_ref().and_then(|it| it.metadata.labels.as_ref());
        if labels.and_then(|it| it.get(LABEL)).map(String::as_str) == Some("true") {
            return Ok(());
        }
        let text = format!(
            "admin access to devices requires the `{LABEL}: true` label on the containing namespace"
        );
        let kind = Resource {
            group: GROUP,
            plural: review.kind,
        };
        let own = review.object.as_deref();
        let name = own.and_then(|it| it.metadata().name.as_deref());
        let errors = [Error::forbidden(&path, &text)];
        Err(Status::invalid(kind, name.unwrap_or(review.name), &errors))
    }
}

/// Where administrator's access is asked for and was not had before.
fn asked(review: &Review<'_>) -> Option<Path> {
    if let Some(template) = review.after::<ResourceClaimTemplate>() {
        return in_spec(&template.spec.spec);
    }
    let claim = review.after::<ResourceClaim>()?;
    if review.subresource.is_empty() {
        return in_spec(&claim.spec);
    }
    let results = |claim: &ResourceClaim| {
        let status = claim.status.as_ref();
        let devices = status.and_then(|it| it.allocation.as_ref()?.devices.as_ref());
        let results = devices.and_then(|it| it.results.as_ref());
        results.and_then(|it| it.iter().position(|it| it.admin_access == Some(true)))
    };
    let had = review.before::<ResourceClaim>().and_then(results);
    let index = results(claim).filter(|_| had.is_none())?;
    let path = Path::new("status").child("allocation").child("devices");
    Some(path.child("results").index(index).child("adminAccess"))
}

fn in_spec(spec: &ResourceClaimSpec) -> Option<Path> {
    let requests = spec.devices.as_ref()?.requests.as_ref()?;
    let index = requests.iter().position(|it| {
        let exactly = it.exactly.as_ref();
        exactly.is_some_and(|it| it.admin_access == Some(true))
    })?;
    let path = Path::new("spec").child("devices").child("requests");
    Some(path.index(index).child("adminAccess"))
}
