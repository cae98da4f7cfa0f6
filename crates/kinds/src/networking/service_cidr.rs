//! A range from which service addresses are taken.

use crate::{Cell, Column, Names, Strategy, Subresource, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;
use machinery::{
    addresses,
    field::{Error, ErrorList, Path},
};
use serde_json::json;

/// The law of ServiceCIDR.
pub(crate) struct ServiceCIDR;

impl Strategy for ServiceCIDR {
    type Object = upstream::ServiceCIDR;

    fn names(&self) -> Names {
        Names::cluster("servicecidrs", "servicecidr")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ServiceCIDR")] }
    }

    crate::prepare::spec_and_status!();

    fn validate(&self, object: &upstream::ServiceCIDR) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec").child("cidrs");
        let ranges = ranges(object);
        if ranges.is_empty() {
            errors.push(Error::required(&path, "at least one CIDR required"));
        }
        if ranges.len() > 2 {
            let text = "may only hold up to 2 values";
            errors.push(Error::invalid(&path, json!({"CIDRs": ranges}), text));
            return errors;
        }
        for (index, range) in ranges.iter().enumerate() {
            let found = addresses::canonical_network_errors(range);
            check::messages(&mut errors, &path.index(index), range, found);
        }
        if let [first, second] = ranges
            && first.contains(':') == second.contains(':')
            && errors.is_empty()
        {
            let text = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
            errors.push(Error::invalid(&path, json!(ranges), text));
        }
        errors
    }

    /// A second range may be added; nothing else changes.
    fn validate_update(
        &self,
        new: &upstream::ServiceCIDR,
        old: &upstream::ServiceCIDR,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec").child("cidrs");
        let (now, before) = (ranges(new), ranges(old));
        if now.len() != before.len() && (before.len(), now.len()) != (1, 2) {
            check::immutable(&mut errors, &path, false, json!(now));
            return errors;
        }
        for (index, (range, old)) in now.iter().zip(before).enumerate() {
            check::immutable(&mut errors, &path.index(index), range == old, range);
        }
        if now.len() > before.len() {
            errors.extend(self.validate(new));
        }
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "CIDRs",
                    "CIDRs defines the IP blocks in CIDR notation (e.g. \"192.168.0.0/24\" or \"2001:db8::/64\") from which to assign service cluster IPs. Max of two CIDRs is allowed, one of each IP family. This field is immutable.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ServiceCIDR, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object
                .spec
                .iter()
                .flat_map(|it| it.cidrs.iter().flatten().cloned())
                .collect::<Vec<_>>()
                .join(",")
                .into(),
            columns::age(&object.metadata, now),
        ]
    }
}

fn ranges(object: &upstream::ServiceCIDR) -> &[String] {
    let ranges = object.spec.as_ref().and_then(|it| it.cidrs.as_deref());
    ranges.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn errors() {
        let base = json!({"metadata": {"name": "a"}, "spec": {"cidrs": ["10.0.0.0/16"]}});
        let of = |list: &[&str]| json!({"spec": {"cidrs": list}});
        cases::creates(
            &ServiceCIDR,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    of(&[]),
                    &["spec.cidrs: Required value: at least one CIDR required"],
                ),
                (
                    of(&["10.0.0.1/16"]),
                    &[
                        "spec.cidrs[0]: Invalid value: \"10.0.0.1/16\": must not have bits set beyond the prefix length",
                    ],
                ),
                (
                    of(&["10.0.0.0/16", "10.1.0.0/16"]),
                    &[
                        "spec.cidrs: Invalid value: [\"10.0.0.0/16\",\"10.1.0.0/16\"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64",
                    ],
                ),
                (
                    of(&["a", "b", "c"]),
                    &[
                        "spec.cidrs: Invalid value: {\"CIDRs\":[\"a\",\"b\",\"c\"]}: may only hold up to 2 values",
                    ],
                ),
            ],
        );
        cases::updates(
            &ServiceCIDR,
            base,
            &[
                (of(&["10.0.0.0/16", "fd00::/112"]), &[]),
                (
                    of(&["10.1.0.0/16"]),
                    &["spec.cidrs[0]: Invalid value: \"10.1.0.0/16\": field is immutable"],
                ),
                (
                    of(&[]),
                    &["spec.cidrs: Invalid value: []: field is immutable"],
                ),
            ],
        );
    }
}
