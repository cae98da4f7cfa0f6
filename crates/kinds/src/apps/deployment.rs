//! Declarative updates for stateless pods.

use crate::{
    Cell, Column, Names, Strategy, Subresource, check, columns, pod_spec, prepare, workload,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1 as upstream, autoscaling::v1::Scale},
    apimachinery::pkg::util::intstr::IntOrString,
};
use machinery::field::{Error, ErrorList, Path};

/// The law of Deployment.
pub(crate) struct Deployment;

const PROGRESS_DEADLINE_SECONDS: i32 = 600;
const REVISION_HISTORY_LIMIT: i32 = 10;
const STEP: &str = "25%";

impl Strategy for Deployment {
    type Object = upstream::Deployment;

    fn names(&self) -> Names {
        Names::namespaced("deployments", "deployment")
            .short(&["deploy"])
            .categories(&["all"])
    }

    fn default(&self, object: &mut upstream::Deployment) {
        let Some(spec) = &mut object.spec else { return };
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit
            .get_or_insert(REVISION_HISTORY_LIMIT);
        spec.progress_deadline_seconds
            .get_or_insert(PROGRESS_DEADLINE_SECONDS);
        let strategy = spec.strategy.get_or_insert_default();
        pod_spec::defaults::text(&mut strategy.type_, "RollingUpdate");
        if strategy.type_.as_deref() == Some("RollingUpdate") {
            let step = || IntOrString::String(STEP.to_owned());
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.max_surge.get_or_insert_with(step);
            rolling.max_unavailable.get_or_insert_with(step);
        }
        pod_spec::defaults::template(&mut spec.template);
    }

    prepare::spec_and_status!();

    fn validate(&self, object: &upstream::Deployment) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let empty = upstream::DeploymentSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        check::not_negative(&mut errors, &path.child("replicas"), spec.replicas);
        workload::selector_and_template(
            &mut errors,
            "deployment",
            &path,
            &spec.selector,
            &spec.template,
        );
        workload::restarts_always(&mut errors, &path, &spec.template);
        strategy(&mut errors, &path.child("strategy"), spec);
        check::not_negative(
            &mut errors,
            &path.child("minReadySeconds"),
            spec.min_ready_seconds,
        );
        check::not_negative(
            &mut errors,
            &path.child("revisionHistoryLimit"),
            spec.revision_history_limit,
        );
        let deadline = spec.progress_deadline_seconds;
        check::not_negative(
            &mut errors,
            &path.child("progressDeadlineSeconds"),
            deadline,
        );
        if let Some(deadline) = deadline.filter(|it| *it <= spec.min_ready_seconds.unwrap_or(0)) {
            let path = path.child("progressDeadlineSeconds");
            errors.push(Error::invalid(
                &path,
                deadline,
                "must be greater than minReadySeconds",
            ));
        }
        errors
    }

    fn validate_update(&self, new: &upstream::Deployment, old: &upstream::Deployment) -> ErrorList {
        let mut errors = self.validate(new);
        let selector = |it: &upstream::Deployment| it.spec.as_ref().map(|it| it.selector.clone());
        let path = Path::new("spec").child("selector");
        check::immutable(
            &mut errors,
            &path,
            selector(new) == selector(old),
            check::shown(selector(new).as_ref()),
        );
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Ready", "Number of the pod with ready state"),
                Column::text("Up-to-date", "Total number of non-terminating pods targeted by this deployment that have the desired template spec."),
                Column::text("Available", "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment."),
                Column::AGE,
                Column::CONTAINERS,
                Column::IMAGES,
                Column::text("Selector", "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment. It must match the pod template's labels.").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::Deployment, now: Timestamp) -> Vec<Cell> {
        let status = object.status.clone().unwrap_or_default();
        let spec = object.spec.as_ref();
        let ready = status.ready_replicas.unwrap_or(0);
        let wanted = spec.and_then(|it| it.replicas).unwrap_or(0);
        let [containers, images] =
            columns::containers_and_images(spec.and_then(|it| it.template.spec.as_ref()));
        vec![
            columns::name(&object.metadata),
            format!("{ready}/{wanted}").into(),
            status.updated_replicas.into(),
            status.available_replicas.into(),
            columns::age(&object.metadata, now),
            containers,
            images,
            machinery::labels::describe(spec.map(|it| &it.selector)).into(),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::SCALE, Subresource::status("Deployment")] }
    }

    fn scale(&self, object: &upstream::Deployment) -> Option<Scale> {
        let spec = object.spec.as_ref()?;
        let running = object
            .status
            .as_ref()
            .and_then(|it| it.replicas)
            .unwrap_or(0);
        Some(workload::scale(
            &object.metadata,
            spec.replicas,
            running,
            &spec.selector,
        ))
    }

    fn set_scale(&self, object: &mut upstream::Deployment, replicas: i32) {
        object.spec.get_or_insert_default().replicas = Some(replicas);
    }
}

fn strategy(errors: &mut ErrorList, path: &Path, spec: &upstream::DeploymentSpec) {
    let Some(strategy) = &spec.strategy else {
        return;
    };
    let rolling = strategy.rolling_update.as_ref();
    match (strategy.type_.as_deref().unwrap_or_default(), rolling) {
        ("Recreate", Some(_)) => {
            let path = path.child("rollingUpdate");
            errors.push(Error::forbidden(
                &path,
                "may not be specified when strategy `type` is 'Recreate'",
            ));
        }
        ("Recreate", None) => {}
        ("RollingUpdate", None) => {
            let text = "this should be defaulted and never be nil";
            errors.push(Error::required(&path.child("rollingUpdate"), text));
        }
        ("RollingUpdate", Some(it)) => {
            let path = path.child("rollingUpdate");
            workload::count_or_percent(
                errors,
                &path.child("maxUnavailable"),
                it.max_unavailable.as_ref(),
            );
            workload::count_or_percent(errors, &path.child("maxSurge"), it.max_surge.as_ref());
            if workload::is_zero(it.max_unavailable.as_ref())
                && workload::is_zero(it.max_surge.as_ref())
            {
                let shown = it
                    .max_unavailable
                    .as_ref()
                    .map(machinery::int_or_string::text)
                    .unwrap_or_default();
                errors.push(Error::invalid(
                    &path.child("maxUnavailable"),
                    shown,
                    "may not be 0 when `maxSurge` is 0",
                ));
            }
            workload::not_above_all(
                errors,
                &path.child("maxUnavailable"),
                it.max_unavailable.as_ref(),
            );
        }
        (other, _) => errors.push(Error::not_supported(
            &path.child("type"),
            other,
            &["Recreate", "RollingUpdate"],
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;

    fn deployment(spec: serde_json::Value) -> upstream::Deployment {
        let json = serde_json::json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
        let mut it = upstream::Deployment::decode(json.as_bytes()).unwrap();
        Deployment.default(&mut it);
        it
    }

    fn template() -> serde_json::Value {
        serde_json::json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}})
    }

    #[test]
    fn defaults_are_upstreams() {
        let it = deployment(
            serde_json::json!({"selector": {"matchLabels": {"a": "b"}}, "template": template()}),
        );
        let tree: serde_json::Value = serde_json::from_slice(&it.encode()).unwrap();
        assert_eq!(
            tree["spec"]["strategy"],
            serde_json::json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
        );
        assert_eq!(
            (
                &tree["spec"]["replicas"],
                &tree["spec"]["progressDeadlineSeconds"]
            ),
            (&1.into(), &600.into())
        );
        assert_eq!(Deployment.validate(&it), []);
    }

    #[test]
    fn errors_are_upstreams() {
        let check = |spec| {
            Deployment
                .validate(&deployment(spec))
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let mismatch = r#"spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`"#;
        assert_eq!(
            check(serde_json::json!({"selector": {}, "template": template()})),
            ["spec.selector: Required value", mismatch]
        );
        assert_eq!(
            check(
                serde_json::json!({"selector": {"matchLabels": {"a": "z"}}, "template": template()})
            ),
            [mismatch]
        );
        let old = deployment(
            serde_json::json!({"selector": {"matchLabels": {"a": "b"}}, "template": template()}),
        );
        let new = deployment(
            serde_json::json!({"selector": {"matchLabels": {"a": "b", "c": "d"}}, "template": template()}),
        );
        let text = Deployment
            .validate_update(&new, &old)
            .last()
            .unwrap()
            .to_string();
        assert_eq!(
            text,
            r#"spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable"#
        );
    }
}
