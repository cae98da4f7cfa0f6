//! The plugins by upstream's names, in upstream's order: which run unless switched off, and which
//! upstream names have no step here yet. Upstream: `AllOrderedPlugins` of kube-apiserver's options.

use super::{
    Admit, default_ingress_class, default_storage_class, default_toleration_seconds,
    device_admin_access, limit_ranger, namespace_lifecycle, persistent_volume_claim_resize,
    priority, resource_quota, runtime_class, service_account, service_address,
    storage_object_in_use, taint_nodes_by_condition,
};
use std::sync::Arc;

/// A plugin of upstream.
struct Plugin {
    name: &'static str,
    default_on: bool,
    make: Option<fn() -> Arc<dyn Admit>>,
}

const fn on(name: &'static str, make: fn() -> Arc<dyn Admit>) -> Plugin {
    Plugin {
        name,
        default_on: true,
        make: Some(make),
    }
}

/// On by default upstream; Sampan does not have it yet.
const fn later(name: &'static str) -> Plugin {
    Plugin {
        name,
        default_on: true,
        make: None,
    }
}

/// Off by default upstream; Sampan does not have it.
const fn off(name: &'static str) -> Plugin {
    Plugin {
        name,
        default_on: false,
        make: None,
    }
}

/// In order of execution.
const PLUGINS: &[Plugin] = &[
    off("AlwaysAdmit"),
    off("NamespaceAutoProvision"),
    on("NamespaceLifecycle", || {
        Arc::new(namespace_lifecycle::NamespaceLifecycle)
    }),
    off("NamespaceExists"),
    off("LimitPodHardAntiAffinityTopology"),
    on("LimitRanger", || Arc::new(limit_ranger::LimitRanger)),
    on("ServiceAccount", || {
        Arc::new(service_account::ServiceAccountAdmission)
    }),
    off("NodeRestriction"),
    on("TaintNodesByCondition", || {
        Arc::new(taint_nodes_by_condition::TaintNodesByCondition)
    }),
    off("AlwaysPullImages"),
    off("ImagePolicyWebhook"),
    later("PodSecurity"),
    off("PodNodeSelector"),
    on("Priority", || Arc::new(priority::Priority)),
    on("DefaultTolerationSeconds", || {
        Arc::new(default_toleration_seconds::DefaultTolerationSeconds)
    }),
    off("PodTolerationRestriction"),
    off("EventRateLimit"),
    off("ExtendedResourceToleration"),
    on("DefaultStorageClass", || {
        Arc::new(default_storage_class::DefaultStorageClass)
    }),
    on("StorageObjectInUseProtection", || {
        Arc::new(storage_object_in_use::StorageObjectInUseProtection)
    }),
    off("OwnerReferencesPermissionEnforcement"),
    on("PersistentVolumeClaimResize", || {
        Arc::new(persistent_volume_claim_resize::PersistentVolumeClaimResize)
    }),
    on("RuntimeClass", || {
        Arc::new(runtime_class::RuntimeClassAdmission)
    }),
    later("CertificateApproval"),
    later("CertificateSigning"),
    later("ClusterTrustBundleAttest"),
    later("CertificateSubjectRestriction"),
    on("DefaultIngressClass", || {
        Arc::new(default_ingress_class::DefaultIngressClass)
    }),
    off("DenyServiceExternalIPs"),
    later("PodTopologyLabels"),
    later("NodeDeclaredFeatureValidator"),
    later("PodResizeValidator"),
    later("MutatingAdmissionPolicy"),
    later("MutatingAdmissionWebhook"),
    later("ValidatingAdmissionPolicy"),
    later("ValidatingAdmissionWebhook"),
    on("ResourceQuota", || {
        Arc::new(resource_quota::ResourceQuotaAdmission)
    }),
    off("AlwaysDeny"),
];

/// Switches that cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// No plugin of upstream has this name.
    #[error("{flag} plugin {name:?} is unknown; the known ones are {known}")]
    Unknown {
        /// Which switch.
        flag: &'static str,
        /// What it named.
        name: String,
        /// What it may name.
        known: String,
    },
    /// On and off at once.
    #[error("[{names}] in enable-admission-plugins and disable-admission-plugins overlapped")]
    Both {
        /// The plugins.
        names: String,
    },
    /// Upstream has it, Sampan does not.
    #[error("the admission plugin {name} cannot be enabled: Sampan does not have it yet")]
    Absent {
        /// The plugin.
        name: String,
    },
}

/// The steps of a usual cluster, in order.
#[must_use]
pub fn standard() -> Vec<Arc<dyn Admit>> {
    assembled(|plugin| plugin.default_on)
}

/// The standard steps, with plugins switched on and off by upstream's names.
///
/// # Errors
/// When a name is unknown, stands in both lists, or is to be enabled and not there.
pub fn switched(enable: &[String], disable: &[String]) -> Result<Vec<Arc<dyn Admit>>, SwitchError> {
    for (flag, names) in [
        ("enable-admission-plugins", enable),
        ("disable-admission-plugins", disable),
    ] {
        for name in names {
            if !PLUGINS.iter().any(|it| it.name == name) {
                return Err(SwitchError::Unknown {
                    flag,
                    name: name.clone(),
                    known: known(),
                });
            }
        }
    }
    let both: Vec<&str> = enable
        .iter()
        .filter(|name| disable.contains(name))
        .map(String::as_str)
        .collect();
    if !both.is_empty() {
        return Err(SwitchError::Both {
            names: both.join(" "),
        });
    }
    let named = |list: &[String], plugin: &Plugin| list.iter().any(|it| it == plugin.name);
    let absent = PLUGINS
        .iter()
        .find(|plugin| plugin.make.is_none() && named(enable, plugin));
    if let Some(plugin) = absent {
        return Err(SwitchError::Absent {
            name: plugin.name.to_owned(),
        });
    }
    Ok(assembled(|plugin| {
        named(enable, plugin) || plugin.default_on && !named(disable, plugin)
    }))
}

fn assembled(wanted: impl Fn(&Plugin) -> bool) -> Vec<Arc<dyn Admit>> {
    let mut steps: Vec<Arc<dyn Admit>> = PLUGINS
        .iter()
        .filter(|plugin| wanted(plugin))
        .filter_map(|plugin| plugin.make.map(|make| make()))
        .collect();
    // No plugin: a Service is nothing without its addresses.
    steps.push(Arc::new(service_address::ServiceAddress));
    // Nor this one: who may look into devices in use is not to be switched off.
    steps.push(Arc::new(device_admin_access::DeviceAdminAccess));
    steps
}

fn known() -> String {
    let mut names: Vec<&str> = PLUGINS.iter().map(|plugin| plugin.name).collect();
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn switches() {
        let count = |enable: &str, disable: &str| {
            switched(&words(enable), &words(disable)).map(|steps| steps.len())
        };
        let all = standard().len();
        assert_eq!(count("", ""), Ok(all));
        assert_eq!(count("LimitRanger", ""), Ok(all));
        assert_eq!(count("", "LimitRanger Priority"), Ok(all - 2));
        assert_eq!(count("", "PodSecurity AlwaysPullImages"), Ok(all));
        assert_eq!(
            count("PodNodeSelector", ""),
            Err(SwitchError::Absent {
                name: "PodNodeSelector".to_owned()
            })
        );
        let error = count("", "Nonsense").unwrap_err().to_string();
        assert!(
            error.starts_with(
                "disable-admission-plugins plugin \"Nonsense\" is unknown; the known ones are AlwaysAdmit, "
            ),
            "{error}"
        );
        assert_eq!(
            count("Priority LimitRanger", "LimitRanger")
                .unwrap_err()
                .to_string(),
            "[LimitRanger] in enable-admission-plugins and disable-admission-plugins overlapped"
        );
    }
}
