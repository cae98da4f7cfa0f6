//! Errors of what a claim was given: upstream's `validateResourceClaimStatusUpdate`.

use super::{
    devices::{self, LISTED, label, list, set},
    validate::Requests,
};
use crate::check;
use k8s_openapi::api::resource::v1 as upstream;
use machinery::{
    addresses,
    field::{Error, ErrorList, Path},
};

/// Pods that share a claim.
const CONSUMERS: usize = 256;
const CONDITIONS: usize = 8;
const INTERFACE_LIMIT_BYTES: usize = 256;
const HARDWARE_LIMIT_BYTES: usize = 128;
const ADDRESSES: usize = 16;

type Status = upstream::ResourceClaimStatus;

/// Driver, pool, device and share of everything that was given.
fn given(status: Option<&Status>) -> Vec<String> {
    let devices = status.and_then(|it| it.allocation.as_ref()?.devices.as_ref());
    let results = devices
        .into_iter()
        .flat_map(|it| it.results.iter().flatten());
    let ids = results.map(|it| id(&it.driver, &it.pool, &it.device, it.share_id.as_ref()));
    ids.collect()
}

fn id(driver: &str, pool: &str, device: &str, share: Option<&String>) -> String {
    let share = share.map_or_else(String::new, |it| format!("/{it}"));
    format!("{driver}/{pool}/{device}{share}")
}

fn id_of(it: &upstream::AllocatedDeviceStatus) -> String {
    id(&it.driver, &it.pool, &it.device, it.share_id.as_ref())
}

/// What drivers said of devices that were taken away goes with them.
pub(super) fn forget_taken(new: &mut Status, old: Option<&Status>) {
    let (before, now) = (given(old), given(Some(new)));
    let taken = |id: &String| before.contains(id) && !now.contains(id);
    if let Some(devices) = &mut new.devices {
        devices.retain(|it| !taken(&id_of(it)));
        if devices.is_empty() {
            new.devices = None;
        }
    }
}

/// Errors of a changed status.
pub(super) fn validate(
    object: &upstream::ResourceClaim,
    before: &upstream::ResourceClaim,
) -> ErrorList {
    let (mut errors, path) = (ErrorList::new(), Path::new("status"));
    let e = &mut errors;
    let (new, old) = (
        object.status.clone().unwrap_or_default(),
        before.status.clone().unwrap_or_default(),
    );
    let consumers = new.reserved_for.as_deref().unwrap_or_default();
    let at = path.child("reservedFor");
    set(
        e,
        &at,
        consumers,
        CONSUMERS,
        |it| it.uid.clone(),
        |e, path, it| {
            check::required(e, &path.child("resource"), Some(&it.resource));
            check::required(e, &path.child("name"), Some(&it.name));
            check::required(e, &path.child("uid"), Some(&it.uid));
        },
    );
    let given = given(Some(&new));
    let devices = new.devices.as_deref().unwrap_or_default();
    set(
        e,
        &path.child("devices"),
        devices,
        usize::MAX,
        id_of,
        |e, path, it| {
            device(e, path, it, &given);
        },
    );
    if !consumers.is_empty() && new.allocation.is_none() {
        let text = "may not be specified when `allocated` is not set";
        e.push(Error::forbidden(&at, text));
    } else if object.metadata.deletion_timestamp.is_some() {
        let known = old.reserved_for.as_deref().unwrap_or_default();
        if consumers.iter().any(|it| !known.contains(it)) {
            let text = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
            e.push(Error::forbidden(&at, text));
        }
    }
    let path = path.child("allocation");
    match (&new.allocation, &old.allocation) {
        (Some(new), Some(old)) => check::same_part(e, &path, object, new == old),
        (Some(it), None) => allocation(e, &path, it, &Requests::of(&object.spec)),
        _ => {}
    }
    errors
}

fn device(e: &mut ErrorList, path: &Path, it: &upstream::AllocatedDeviceStatus, given: &[String]) {
    devices::driver(e, &path.child("driver"), &it.driver);
    devices::pool(e, &path.child("pool"), &it.pool);
    label(e, &path.child("device"), &it.device);
    share(e, path, it.share_id.as_ref());
    let id = id_of(it);
    if !given.contains(&id) {
        let text = "must be an allocated device in the claim";
        e.push(Error::invalid(path, id, text));
    }
    let conditions = it.conditions.as_deref().unwrap_or_default();
    let at = path.child("conditions");
    if conditions.len() > CONDITIONS {
        e.push(Error::too_many(&at, conditions.len(), CONDITIONS));
    }
    check::conditions(e, &at, conditions);
    if let Some(data) = &it.data {
        devices::raw(e, &path.child("data"), data, false);
    }
    let Some(network) = &it.network_data else {
        return;
    };
    let path = path.child("networkData");
    for (field, value, limit) in [
        (
            "interfaceName",
            &network.interface_name,
            INTERFACE_LIMIT_BYTES,
        ),
        (
            "hardwareAddress",
            &network.hardware_address,
            HARDWARE_LIMIT_BYTES,
        ),
    ] {
        if value.as_ref().is_some_and(|it| it.len() > limit) {
            e.push(Error::too_long(&path.child(field), limit));
        }
    }
    let addresses = network.ips.as_deref().unwrap_or_default();
    set(
        e,
        &path.child("ips"),
        addresses,
        ADDRESSES,
        String::clone,
        |e, path, it| check::messages(e, path, it, addresses::interface_errors(it)),
    );
}

/// Errors of the id of a share, as Go's `uuid` tells them.
fn share(e: &mut ErrorList, path: &Path, id: Option<&String>) {
    let Some(id) = id else { return };
    let path = path.child("shareID");
    let fault = match id.len() {
        36 => (!is_uuid(id)).then(|| "invalid UUID format".to_owned()),
        32 => {
            (!id.bytes().all(|it| it.is_ascii_hexdigit())).then(|| "invalid UUID format".to_owned())
        }
        38 if !(id.starts_with('{') && id.ends_with('}')) => {
            Some("invalid bracketed UUID format".to_owned())
        }
        38 => (!id.get(1..37).is_some_and(is_uuid)).then(|| "invalid UUID format".to_owned()),
        length => Some(format!("invalid UUID length: {length}")),
    };
    if let Some(fault) = fault {
        let text = format!("error validating uid: {fault}");
        e.push(Error::invalid(&path, id, &text));
    } else if id.len() != 36 || id.bytes().any(|it| it.is_ascii_uppercase()) {
        let text = "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters";
        e.push(Error::invalid(&path, id, text));
    }
}

/// Five words of hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let words = text.split('-').map(|it| {
        let digits = it.bytes().all(|it| it.is_ascii_hexdigit());
        digits.then_some(it.len())
    });
    words.eq([8, 4, 4, 4, 12].map(Some))
}

fn allocation(
    e: &mut ErrorList,
    path: &Path,
    it: &upstream::AllocationResult,
    known: &Requests<'_>,
) {
    let empty = upstream::DeviceAllocationResult::default();
    let devices = it.devices.as_ref().unwrap_or(&empty);
    let below = path.child("devices");
    let results = devices.results.as_deref().unwrap_or_default();
    list(
        e,
        &below.child("results"),
        results,
        LISTED,
        |e, path, it| {
            known.reference(e, &path.child("request"), &it.request);
            devices::driver(e, &path.child("driver"), &it.driver);
            devices::pool(e, &path.child("pool"), &it.pool);
            label(e, &path.child("device"), &it.device);
            let failing = it.binding_failure_conditions.as_ref();
            devices::binding(e, path, it.binding_conditions.as_ref(), failing);
            share(e, path, it.share_id.as_ref());
            devices::tolerations(e, path, it.tolerations.as_ref());
        },
    );
    let config = devices.config.as_deref().unwrap_or_default();
    // Those of the class and those of the claim.
    list(
        e,
        &below.child("config"),
        config,
        2 * LISTED,
        |e, path, it| {
            let sources = &["FromClaim", "FromClass"];
            check::one_of(e, &path.child("source"), Some(&it.source), sources);
            known.references(e, path, it.requests.as_ref());
            devices::settings(e, path, it.opaque.as_ref(), false);
        },
    );
    if let Some(selector) = &it.node_selector {
        devices::node_selector(e, &path.child("nodeSelector"), selector);
    }
}
