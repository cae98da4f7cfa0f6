//! Node ports: which a Service holds, which it keeps, and which are free. A port is a claim of its
//! number, whatever the protocol, as upstream's allocator has it.

use super::{KIND, bands, kind};
use crate::admission::Review;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use machinery::{
    field::{Error, Path},
    status::Status,
};
use std::collections::{BTreeMap, BTreeSet};

/// A part of the range is left to those who choose for themselves, but no more than this.
const PARTS: u128 = 32;
const MOST: u128 = 128;

/// The claim of a port.
pub(super) fn key(port: u16) -> String {
    format!("/claims/node-ports/{port}")
}

fn has_ports(spec: &ServiceSpec) -> bool {
    matches!(kind(spec), "NodePort" | "LoadBalancer")
}

/// Whether ports that are not named are given.
fn allocates(spec: &ServiceSpec) -> bool {
    match kind(spec) {
        "NodePort" => true,
        "LoadBalancer" => spec.allocate_load_balancer_node_ports != Some(false),
        _ => false,
    }
}

fn needs_health_check(spec: &ServiceSpec) -> bool {
    kind(spec) == "LoadBalancer" && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn number(port: &ServicePort) -> Option<u16> {
    let number = u16::try_from(port.node_port?).ok();
    number.filter(|it| *it != 0)
}

fn health_check(spec: &ServiceSpec) -> Option<u16> {
    let number = u16::try_from(spec.health_check_node_port?).ok();
    number.filter(|it| *it != 0)
}

fn held_by(spec: &ServiceSpec) -> BTreeSet<u16> {
    let mut all: BTreeSet<u16> = spec.ports.iter().flatten().filter_map(number).collect();
    if needs_health_check(spec) {
        all.extend(health_check(spec));
    }
    all
}

/// The ports that a Service holds.
pub(super) fn held(service: &Service) -> BTreeSet<u16> {
    service.spec.as_ref().map(held_by).unwrap_or_default()
}

/// Ports that an update leaves out are those of the same name before.
pub(super) fn keep(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_health_check(spec) && needs_health_check(old) && health_check(spec).is_none() {
        spec.health_check_node_port = old.health_check_node_port;
    }
    if !allocates(spec) || !allocates(old) {
        return;
    }
    let numbers = |spec: &ServiceSpec| -> BTreeSet<i32> {
        let ports = spec.ports.iter().flatten();
        ports
            .filter_map(|it| it.node_port)
            .filter(|it| *it != 0)
            .collect()
    };
    let mut used: BTreeSet<i32> = &numbers(old) & &numbers(spec);
    let before = old.ports.iter().flatten();
    let before: BTreeMap<Option<&String>, i32> = before
        .filter_map(|it| Some((it.name.as_ref(), it.node_port?)))
        .collect();
    for port in spec.ports.iter_mut().flatten() {
        let same = before.get(&port.name.as_ref()).copied();
        if port.node_port.unwrap_or(0) == 0
            && let Some(same) = same.filter(|it| *it != 0 && used.insert(*it))
        {
            port.node_port = Some(same);
        }
    }
}

/// Gives the Service the ports that it lacks, and checks those that it names.
pub(super) fn allocate(
    review: &Review<'_>,
    spec: &mut ServiceSpec,
    old: Option<&ServiceSpec>,
    name: &str,
) -> Result<(), Status> {
    let mut pool = Pool {
        review,
        own: old.map(held_by).unwrap_or_default(),
        taken: BTreeSet::new(),
    };
    if has_ports(spec) {
        assign(&mut pool, spec, name)?;
    }
    if needs_health_check(spec) && !old.is_some_and(needs_health_check) {
        match health_check(spec) {
            Some(port) => pool.take(port.into()).map_err(|because| {
                Status::internal(&format!(
                    "failed to allocate requested HealthCheck NodePort {port}: {because}"
                ))
            })?,
            None => {
                let port = pool.next().ok_or_else(|| {
                    Status::internal(&"failed to allocate a HealthCheck NodePort 0: range is full")
                })?;
                spec.health_check_node_port = Some(port.into());
            }
        }
    }
    Ok(())
}

fn assign(pool: &mut Pool<'_, '_>, spec: &mut ServiceSpec, name: &str) -> Result<(), Status> {
    let allocates = allocates(spec);
    let Some(ports) = &mut spec.ports else {
        return Ok(());
    };
    // Protocols of one port share its node port; what is named anywhere in the list comes first.
    let mut shared: BTreeMap<i32, i32> = BTreeMap::new();
    for (index, port) in ports.iter().enumerate() {
        let wished = port.node_port.filter(|it| *it != 0);
        let Some(wished) = wished else { continue };
        pool.take(wished).map_err(|because| {
            let path = Path::new("spec").child("ports").index(index);
            let error = Error::invalid(&path.child("nodePort"), wished, &because);
            Status::invalid(KIND, name, &[error])
        })?;
        shared.entry(port.port).or_insert(wished);
    }
    for port in ports.iter_mut().filter(|it| it.node_port.unwrap_or(0) == 0) {
        if !allocates {
            continue;
        }
        let given = match shared.get(&port.port) {
            Some(given) => *given,
            None => pool
                .next()
                .map(i32::from)
                .ok_or_else(|| Status::internal(&"failed to allocate a nodePort: range is full"))?,
        };
        shared.insert(port.port, given);
        port.node_port = Some(given);
    }
    Ok(())
}

/// The ports of the cluster, as one request sees them.
struct Pool<'r, 'd> {
    review: &'r Review<'d>,
    /// Held by the Service already.
    own: BTreeSet<u16>,
    /// Taken in this request.
    taken: BTreeSet<u16>,
}

impl Pool<'_, '_> {
    fn is_free(&self, port: u16) -> bool {
        !self.taken.contains(&port)
            && !self.own.contains(&port)
            && !self.review.is_claimed(&key(port))
    }

    /// Takes a port that the client names; twice in one Service is fine.
    fn take(&mut self, wished: i32) -> Result<(), String> {
        let (first, last) = self.review.network().node_ports;
        let port = u16::try_from(wished).ok();
        let port = port.filter(|it| self.own.contains(it) || (first..=last).contains(it));
        let Some(port) = port else {
            return Err(format!(
                "provided port is not in the valid range. The range of valid ports is {first}-{last}"
            ));
        };
        if !self.own.contains(&port) && !self.taken.contains(&port) && !self.is_free(port) {
            return Err("provided port is already allocated".to_owned());
        }
        self.taken.insert(port);
        Ok(())
    }

    /// A free port: from the upper part of the range, and when that is full from the lower one.
    fn next(&mut self) -> Option<u16> {
        let (first, last) = self.review.network().node_ports;
        let all = u128::from(first)..u128::from(last) + 1;
        let found = bands::tried(self.review, all, PARTS, MOST)
            .filter_map(|it| u16::try_from(it).ok())
            .find(|port| self.is_free(*port))?;
        self.taken.insert(found);
        Some(found)
    }
}
