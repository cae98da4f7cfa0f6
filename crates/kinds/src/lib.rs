//! The law: what each kind may be. Names, defaults, preparation, validation, columns, subresources,
//! one file per kind. Pure: no I/O, no async, no clock (time is an argument).

// A Status is the answer to a request: made at most once for each, so its size is no concern.
#![allow(clippy::result_large_err)]

mod admissionregistration;
mod amounts;
mod apiextensions;
mod apiregistration;
mod apps;
mod authentication;
mod authorization;
mod autoscaling;
mod batch;
#[cfg(test)]
mod cases;
mod certificates;
mod check;
mod columns;
mod coordination;
mod core;
mod discovery;
mod events;
mod flowcontrol;
mod gates;
mod internal;
mod law;
mod networking;
mod node;
mod node_labels;
mod older;
mod part;
mod pod_spec;
mod policy;
mod prepare;
mod query;
mod question;
mod ratchet;
mod rbac;
mod resource;
pub mod scale;
mod scheduling;
mod storage;
mod strategy;
mod workload;

pub use gates::Gated;
pub use law::Law;
pub use older::{Gone, Older, find_gone, find_older, older};
pub use part::Part;
pub use query::ProxyName;
pub use question::Question;
pub use strategy::{
    Action, Cell, Column, Context, Destination, Hub, Names, Route, Scope, Strategy, Subresource,
    SubresourceKind,
};

/// Every built-in kind, the core group first, then by group and kind.
#[must_use]
pub fn list() -> &'static [&'static dyn Law] {
    LIST
}

/// The law of one kind in one version.
#[must_use]
pub fn find(group: &str, version: &str, kind: &str) -> Option<&'static dyn Law> {
    LIST.iter()
        .copied()
        .find(|law| law.kind() == kind && law.group() == group && law.version() == version)
}

static LIST: &[&dyn Law] = &[
    &core::binding::Binding,
    &core::component_status::ComponentStatus,
    &core::config_map::ConfigMap,
    &core::endpoints::Endpoints,
    &core::event::Event,
    &core::limit_range::LimitRange,
    &core::namespace::Namespace,
    &core::node::Node,
    &core::persistent_volume::PersistentVolume,
    &core::persistent_volume_claim::PersistentVolumeClaim,
    &core::pod::Pod,
    &core::pod_template::PodTemplate,
    &core::replication_controller::ReplicationController,
    &core::resource_quota::ResourceQuota,
    &core::secret::Secret,
    &core::service::Service,
    &core::service_account::ServiceAccount,
    &admissionregistration::mutating_admission_policy::MutatingAdmissionPolicy,
    &admissionregistration::mutating_admission_policy_binding::MutatingAdmissionPolicyBinding,
    &admissionregistration::mutating_webhook_configuration::MutatingWebhookConfiguration,
    &admissionregistration::validating_admission_policy::ValidatingAdmissionPolicy,
    &admissionregistration::validating_admission_policy_binding::ValidatingAdmissionPolicyBinding,
    &admissionregistration::validating_webhook_configuration::ValidatingWebhookConfiguration,
    &apiextensions::custom_resource_definition::CustomResourceDefinition,
    &apiregistration::api_service::APIService,
    &apps::controller_revision::ControllerRevision,
    &apps::daemon_set::DaemonSet,
    &apps::deployment::Deployment,
    &apps::replica_set::ReplicaSet,
    &apps::stateful_set::StatefulSet,
    &authentication::self_subject_review::SelfSubjectReview,
    &authentication::token_review::TokenReview,
    &authorization::local_subject_access_review::LocalSubjectAccessReview,
    &authorization::self_subject_access_review::SelfSubjectAccessReview,
    &authorization::self_subject_rules_review::SelfSubjectRulesReview,
    &authorization::subject_access_review::SubjectAccessReview,
    &autoscaling::horizontal_pod_autoscaler::HorizontalPodAutoscaler,
    &autoscaling::horizontal_pod_autoscaler_v1::HorizontalPodAutoscaler,
    &batch::cron_job::CronJob,
    &batch::job::Job,
    &certificates::certificate_signing_request::CertificateSigningRequest,
    &coordination::lease::Lease,
    &discovery::endpoint_slice::EndpointSlice,
    &events::event::Event,
    &flowcontrol::flow_schema::FlowSchema,
    &flowcontrol::priority_level_configuration::PriorityLevelConfiguration,
    &networking::ingress::Ingress,
    &networking::ingress_class::IngressClass,
    &networking::ip_address::IPAddress,
    &networking::network_policy::NetworkPolicy,
    &networking::service_cidr::ServiceCIDR,
    &node::runtime_class::RuntimeClass,
    &policy::pod_disruption_budget::PodDisruptionBudget,
    &rbac::cluster_role::ClusterRole,
    &rbac::cluster_role_binding::ClusterRoleBinding,
    &rbac::role::Role,
    &rbac::role_binding::RoleBinding,
    &resource::device_class::DeviceClass,
    &resource::resource_claim::ResourceClaim,
    &resource::resource_claim_template::ResourceClaimTemplate,
    &resource::resource_slice::ResourceSlice,
    &scheduling::priority_class::PriorityClass,
    &storage::csi_driver::CSIDriver,
    &storage::csi_node::CSINode,
    &storage::csi_storage_capacity::CSIStorageCapacity,
    &storage::storage_class::StorageClass,
    &storage::volume_attachment::VolumeAttachment,
    &storage::volume_attributes_class::VolumeAttributesClass,
];

#[cfg(test)]
mod tests;
