//! A template for pods, kept for controllers outside the cluster.

use crate::{Cell, Column, Names, Strategy, columns, prepare, workload};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::field::{ErrorList, Path};

/// The law of PodTemplate.
pub(crate) struct PodTemplate;

impl Strategy for PodTemplate {
    type Object = upstream::PodTemplate;

    fn names(&self) -> Names {
        Names::namespaced("podtemplates", "podtemplate").returning_deleted()
    }

    fn default(&self, object: &mut upstream::PodTemplate) {
        if let Some(template) = &mut object.template {
            crate::pod_spec::defaults::template(template);
        }
    }

    prepare::generation!(template);

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::PodTemplate,
    ) -> Option<&'a mut upstream::PodSpec> {
        object.template.as_mut()?.spec.as_mut()
    }

    fn validate(&self, object: &upstream::PodTemplate) -> ErrorList {
        let template = object.template.clone().unwrap_or_default();
        crate::pod_spec::validate::template(&template, &Path::new("template"))
    }

    fn warnings(
        &self,
        new: &upstream::PodTemplate,
        old: Option<&upstream::PodTemplate>,
    ) -> Vec<String> {
        let template = new.template.as_ref();
        let old = old.map(|it| &it.metadata);
        let path = Path::new("template");
        workload::warnings(&new.metadata, old, &path, template, false)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Containers", "Names of each container in the template."),
                Column::text(
                    "Images",
                    "Images referenced by each container in the template.",
                ),
                Column::text("Pod Labels", "The labels for the pod template."),
            ]
        }
    }

    fn row(&self, object: &upstream::PodTemplate, _: Timestamp) -> Vec<Cell> {
        let template = object.template.as_ref();
        let [containers, images] =
            columns::containers_and_images(template.and_then(|it| it.spec.as_ref()));
        vec![
            columns::name(&object.metadata),
            containers,
            images,
            columns::labels(
                template
                    .and_then(|it| it.metadata.as_ref())
                    .and_then(|it| it.labels.as_ref()),
            )
            .into(),
        ]
    }
}
