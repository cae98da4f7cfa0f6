//! Walks over the containers of a spec, of all three sorts: upstream's `VisitContainersWithPath`.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use machinery::{field::Path, pods};
use std::borrow::Cow;

/// Every container with its path below `spec`: init containers, containers, ephemeral containers.
pub(super) fn containers<'a>(spec: &'a PodSpec, path: &Path) -> Vec<(Path, Cow<'a, Container>)> {
    let at = |field: &str, index| path.child(field).index(index);
    let init = spec.init_containers.iter().flatten().enumerate();
    let init = init.map(|(index, it)| (at("initContainers", index), Cow::Borrowed(it)));
    let regular = spec.containers.iter().enumerate();
    let regular = regular.map(|(index, it)| (at("containers", index), Cow::Borrowed(it)));
    let ephemeral = spec.ephemeral_containers.iter().flatten().enumerate();
    let ephemeral = ephemeral.map(|(index, it)| {
        let view = Cow::Owned(pods::as_container(it));
        (at("ephemeralContainers", index), view)
    });
    init.chain(regular).chain(ephemeral).collect()
}
