//! The closed list of kinds that Sampan decodes and encodes as types.

use crate::{DecodeError, Object, Written, go_json, nulls};
use k8s_openapi::{
    api::{
        admissionregistration::v1 as admissionregistration, apps::v1 as apps,
        authentication::v1 as authentication, authorization::v1 as authorization,
        autoscaling::v1 as autoscaling_v1, autoscaling::v2 as autoscaling, batch::v1 as batch,
        certificates::v1 as certificates, coordination::v1 as coordination, core::v1 as core,
        discovery::v1 as discovery, events::v1 as events, flowcontrol::v1 as flowcontrol,
        networking::v1 as networking, node::v1 as node, policy::v1 as policy, rbac::v1 as rbac,
        resource::v1 as resource, scheduling::v1 as scheduling, storage::v1 as storage,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions,
    kube_aggregator::pkg::apis::apiregistration::v1 as apiregistration,
};

macro_rules! objects {
    ($($kind:ty),+ $(,)?) => {
        /// Decodes any kind of the list; `None` for others. For tests over all kinds.
        #[cfg(test)]
        pub(crate) fn decode(
            api_version: &str,
            kind: &str,
            json: &[u8],
        ) -> Option<Result<Box<dyn crate::AnyObject>, DecodeError>> {
            $(
                let own = (
                    <$kind as k8s_openapi::Resource>::API_VERSION,
                    <$kind as k8s_openapi::Resource>::KIND,
                );
                if own == (api_version, kind) {
                    let decoded = <$kind as Object>::decode(json);
                    return Some(decoded.map(|object| Box::new(object) as _));
                }
            )+
            None
        }

        $(
        impl Object for $kind {
            fn decode(json: &[u8]) -> Result<Self, DecodeError> {
                let (api_version, kind) = (
                    <Self as k8s_openapi::Resource>::API_VERSION,
                    <Self as k8s_openapi::Resource>::KIND,
                );
                serde_json::from_slice(json).or_else(|source| {
                    let error = DecodeError { kind, source };
                    match nulls::settled(json, api_version, kind) {
                        Some(json) => serde_json::from_slice(&json).map_err(|_| error),
                        None => Err(error),
                    }
                })
            }

            fn written(&self) -> Written {
                go_json::object(
                    <Self as k8s_openapi::Resource>::API_VERSION,
                    <Self as k8s_openapi::Resource>::KIND,
                    self,
                )
            }
        }
        )+
    };
}

objects! {
    admissionregistration::MutatingAdmissionPolicy,
    admissionregistration::MutatingAdmissionPolicyBinding,
    admissionregistration::MutatingWebhookConfiguration,
    admissionregistration::ValidatingAdmissionPolicy,
    admissionregistration::ValidatingAdmissionPolicyBinding,
    admissionregistration::ValidatingWebhookConfiguration,
    apiextensions::CustomResourceDefinition,
    apiregistration::APIService,
    apps::ControllerRevision,
    apps::DaemonSet,
    apps::Deployment,
    apps::ReplicaSet,
    apps::StatefulSet,
    authentication::SelfSubjectReview,
    authentication::TokenRequest,
    authentication::TokenReview,
    authorization::LocalSubjectAccessReview,
    authorization::SelfSubjectAccessReview,
    authorization::SelfSubjectRulesReview,
    authorization::SubjectAccessReview,
    autoscaling_v1::HorizontalPodAutoscaler,
    autoscaling_v1::Scale,
    autoscaling::HorizontalPodAutoscaler,
    batch::CronJob,
    batch::Job,
    certificates::CertificateSigningRequest,
    coordination::Lease,
    core::Binding,
    core::ComponentStatus,
    core::ConfigMap,
    core::Endpoints,
    core::Event,
    core::LimitRange,
    core::Namespace,
    core::Node,
    core::PersistentVolume,
    core::PersistentVolumeClaim,
    core::Pod,
    core::PodTemplate,
    core::ReplicationController,
    core::ResourceQuota,
    core::Secret,
    core::Service,
    core::ServiceAccount,
    discovery::EndpointSlice,
    events::Event,
    flowcontrol::FlowSchema,
    flowcontrol::PriorityLevelConfiguration,
    networking::IPAddress,
    networking::Ingress,
    networking::IngressClass,
    networking::NetworkPolicy,
    networking::ServiceCIDR,
    node::RuntimeClass,
    policy::Eviction,
    policy::PodDisruptionBudget,
    rbac::ClusterRole,
    rbac::ClusterRoleBinding,
    rbac::Role,
    rbac::RoleBinding,
    resource::DeviceClass,
    resource::ResourceClaim,
    resource::ResourceClaimTemplate,
    resource::ResourceSlice,
    scheduling::PriorityClass,
    storage::CSIDriver,
    storage::CSINode,
    storage::CSIStorageCapacity,
    storage::StorageClass,
    storage::VolumeAttachment,
    storage::VolumeAttributesClass,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_begins_with_kind_and_metadata() {
        let json = core::Pod::default().encode();
        assert!(json.starts_with(br#"{"apiVersion":"v1","kind":"Pod","metadata":{"#));
    }
}
