//! A group and version, and who serves it.

use crate::{Cell, Column, Names, Strategy, Subresource, check, columns};
use jiff::Timestamp;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as upstream;
use machinery::{
    apply::Resets,
    field::{Error, ErrorList, Path},
    names,
};

const STATUSES: &[&str] = &["True", "False", "Unknown"];
const GROUP_PRIORITY_LIMIT: i32 = 20_000;
const VERSION_PRIORITY_LIMIT: i32 = 1000;

/// The law of APIService.
pub(crate) struct APIService;

impl Strategy for APIService {
    type Object = upstream::APIService;

    fn names(&self) -> Names {
        Names::cluster("apiservices", "apiservice").categories(&["api-extensions"])
    }

    crate::prepare::status_apart!();

    fn default(&self, object: &mut upstream::APIService) {
        let spec = object.spec.as_mut();
        if let Some(service) = spec.and_then(|it| it.service.as_mut()) {
            service.port.get_or_insert(443);
        }
    }

    fn validate(&self, object: &upstream::APIService) -> ErrorList {
        let mut errors = ErrorList::new();
        let spec = object.spec.clone().unwrap_or_default();
        name(&mut errors, object, &spec);
        priorities(&mut errors, &spec);
        service(&mut errors, &spec);
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::APIService,
        _: &upstream::APIService,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let conditions = new
            .status
            .iter()
            .flat_map(|it| it.conditions.iter().flatten());
        for (index, it) in conditions.enumerate() {
            if !STATUSES.contains(&it.status.as_str()) {
                let path = Path::new("status").child("conditions").index(index);
                errors.push(Error::not_supported(
                    &path.child("status"),
                    &it.status,
                    STATUSES,
                ));
            }
        }
        errors
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        names::path_segment_errors(name)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Service",
                    "The reference to the service that hosts this API endpoint.",
                ),
                Column::text("Available", "Whether this service is available."),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::APIService, now: Timestamp) -> Vec<Cell> {
        let service = object.spec.as_ref().and_then(|it| it.service.as_ref());
        let service = service.map_or_else(
            || "Local".to_owned(),
            |it| {
                let text = |it: &Option<String>| it.clone().unwrap_or_default();
                format!("{}/{}", text(&it.namespace), text(&it.name))
            },
        );
        let mut conditions = object
            .status
            .iter()
            .flat_map(|it| it.conditions.iter().flatten());
        let available = conditions.find(|it| it.type_ == "Available");
        let available = available.map_or_else(
            || "Unknown".to_owned(),
            |it| match it.reason.as_deref() {
                Some(reason) if it.status != "True" => format!("{} ({reason})", it.status),
                _ => it.status.clone(),
            },
        );
        vec![
            columns::name(&object.metadata),
            service.into(),
            available.into(),
            columns::age(&object.metadata, now),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("APIService").resetting(Resets::SPEC_AND_METADATA)] }
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn at(field: &str) -> Path {
    Path::new("spec").child(field)
}

/// The name is the version and the group.
fn name(e: &mut ErrorList, object: &upstream::APIService, spec: &upstream::APIServiceSpec) {
    let group = spec.group.as_deref().unwrap_or_default();
    let version = spec.version.as_deref().unwrap_or_default();
    let wanted = format!("{version}.{group}");
    let name = object.metadata.name.as_deref().unwrap_or_default();
    if name != wanted && names::path_segment_errors(name).is_empty() {
        let text = format!("must be `spec.version+\".\"+spec.group`: {wanted:?}");
        let path = Path::new("metadata").child("name");
        e.push(Error::invalid(&path, name, &text));
    }
    if !group.is_empty() {
        check::messages(e, &at("group"), group, names::subdomain_errors(group));
    } else if version != "v1" {
        let text = "only v1 may have an empty group and it better be legacy kube";
        e.push(Error::required(&at("group"), text));
    }
    check::messages(
        e,
        &at("version"),
        version,
        names::dns1035_label_errors(version),
    );
}

fn priorities(e: &mut ErrorList, spec: &upstream::APIServiceSpec) {
    for (field, value, limit) in [
        (
            "groupPriorityMinimum",
            spec.group_priority_minimum,
            GROUP_PRIORITY_LIMIT,
        ),
        (
            "versionPriority",
            spec.version_priority,
            VERSION_PRIORITY_LIMIT,
        ),
    ] {
        if !(1..=limit).contains(&value) {
            let text = format!("must be positive and less than {limit}");
            e.push(Error::invalid(&at(field), value, &text));
        }
    }
}

fn service(e: &mut ErrorList, spec: &upstream::APIServiceSpec) {
    let bundle = spec.ca_bundle.as_ref().map_or(0, |it| it.0.len());
    let insecure = spec.insecure_skip_tls_verify == Some(true);
    let skip = at("insecureSkipTLSVerify");
    let Some(service) = &spec.service else {
        if bundle > 0 {
            let shown = format!("{bundle} bytes");
            let text = "local APIServices may not have a caBundle";
            e.push(Error::invalid(&at("caBundle"), shown, text));
        }
        if insecure {
            let text = "local APIServices may not have insecureSkipTLSVerify";
            e.push(Error::invalid(&skip, true, text));
        }
        return;
    };
    let path = at("service");
    check::required(e, &path.child("namespace"), service.namespace.as_ref());
    check::required(e, &path.child("name"), service.name.as_ref());
    if insecure && bundle > 0 {
        e.push(Error::invalid(
            &skip,
            true,
            "may not be true if caBundle is present",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors_and_rows() {
        let base = json!({"metadata": {"name": "v1.a.b"}, "spec": {"group": "a.b", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1, "service": {"namespace": "n", "name": "s"}}});
        let spec = |it| json!({"spec": it});
        cases::creates(
            &APIService,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    json!({"metadata": {"name": "c"}}),
                    &[
                        "metadata.name: Invalid value: \"c\": must be `spec.version+\".\"+spec.group`: \"v1.a.b\"",
                    ],
                ),
                (
                    spec(json!({"groupPriorityMinimum": 20001, "versionPriority": 0})),
                    &[
                        "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000",
                        "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
                    ],
                ),
                (
                    spec(json!({"service": null, "insecureSkipTLSVerify": true})),
                    &[
                        "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
                    ],
                ),
                (
                    spec(json!({"service": {"name": null}})),
                    &["spec.service.name: Required value"],
                ),
            ],
        );
        cases::changes(
            &APIService,
            "status",
            base.clone(),
            &[(
                json!({"status": {"conditions": [{"type": "Available", "status": "Foo"}]}}),
                &[
                    "status.conditions[0].status: Unsupported value: \"Foo\": supported values: \"True\", \"False\", \"Unknown\"",
                ],
            )],
        );
        assert_eq!(
            cases::row(&APIService, base.clone()),
            "v1.a.b|n/s|Unknown|<unknown>"
        );
        let down = json!({"status": {"conditions": [{"type": "Available", "status": "False", "reason": "Gone"}]}});
        assert_eq!(
            cases::row(&APIService, cases::merged(&base, &down)),
            "v1.a.b|n/s|False (Gone)|<unknown>"
        );
    }
}
