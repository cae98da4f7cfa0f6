//! A class of devices, chosen by expressions.

use super::devices;
use crate::{Names, Strategy, amounts, prepare};
use k8s_openapi::api::resource::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// The law of DeviceClass.
pub(crate) struct DeviceClass;

impl Strategy for DeviceClass {
    type Object = upstream::DeviceClass;

    fn names(&self) -> Names {
        Names::cluster("deviceclasses", "deviceclass")
    }

    prepare::generation!(spec);

    fn validate(&self, object: &upstream::DeviceClass) -> ErrorList {
        class(&object.spec, None)
    }

    fn validate_update(
        &self,
        new: &upstream::DeviceClass,
        old: &upstream::DeviceClass,
    ) -> ErrorList {
        class(&new.spec, Some(&old.spec))
    }
}

fn class(spec: &upstream::DeviceClassSpec, old: Option<&upstream::DeviceClassSpec>) -> ErrorList {
    let (mut errors, path) = (ErrorList::new(), Path::new("spec"));
    let e = &mut errors;
    if old.is_none_or(|old| old.selectors != spec.selectors) {
        devices::selectors(e, &path.child("selectors"), spec.selectors.as_ref());
    }
    let stored = old.is_some_and(|old| old.config == spec.config);
    let config = spec.config.as_deref().unwrap_or_default();
    let at = path.child("config");
    devices::list(e, &at, config, devices::LISTED, |e, path, it| {
        devices::settings(e, path, it.opaque.as_ref(), stored);
    });
    if let Some(name) = &spec.extended_resource_name
        && !amounts::is_extended(name)
    {
        let text = "must be a valid extended resource name";
        e.push(Error::invalid(
            &path.child("extendedResourceName"),
            name,
            text,
        ));
    }
    errors
}
