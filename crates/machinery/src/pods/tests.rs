//! Questions about pods as tables.

use super::*;
use crate::quantity::Quantity;
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource};

fn resources(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> ResourceRequirements {
    let map = |list: &[(&str, &str)]| {
        (!list.is_empty()).then(|| {
            list.iter()
                .map(|(name, amount)| {
                    ((*name).to_owned(), resource::Quantity((*amount).to_owned()))
                })
                .collect()
        })
    };
    ResourceRequirements {
        requests: map(requests),
        limits: map(limits),
        claims: None,
    }
}

fn container(resources: ResourceRequirements) -> Container {
    Container {
        resources: Some(resources),
        ..Container::default()
    }
}

fn pod(containers: Vec<Container>, init: Vec<Container>) -> Pod {
    Pod {
        spec: Some(PodSpec {
            containers,
            init_containers: Some(init),
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

#[test]
fn requests_cover_init_containers_and_sidecars() {
    let cpu = |amount: &str| container(resources(&[("cpu", amount)], &[]));
    let sidecar = |amount: &str| Container {
        restart_policy: Some("Always".to_owned()),
        ..cpu(amount)
    };
    let table = [
        (pod(vec![cpu("1"), cpu("500m")], vec![]), "1500m"),
        (pod(vec![cpu("1")], vec![cpu("3")]), "3"),
        (pod(vec![cpu("1")], vec![sidecar("1")]), "2"),
        (pod(vec![cpu("1")], vec![sidecar("1"), cpu("2")]), "3"),
        (pod(vec![cpu("1")], vec![cpu("2"), sidecar("500m")]), "2"),
    ];
    for (pod, sum) in table {
        assert_eq!(
            requests(&pod)["cpu"],
            Quantity::parse(sum).unwrap(),
            "{pod:?}"
        );
    }
    let mut heavy = pod(vec![cpu("1")], vec![]);
    let spec = heavy.spec.as_mut().unwrap();
    spec.overhead = resources(&[("cpu", "1"), ("memory", "1Mi")], &[]).requests;
    assert_eq!(requests(&heavy)["cpu"].to_string(), "2");
    assert_eq!(requests(&heavy)["memory"].to_string(), "1Mi");
    assert!(limits(&heavy).is_empty());
}

#[test]
fn classes_of_service() {
    let both: &[(&str, &str)] = &[("cpu", "1"), ("memory", "1Gi")];
    let table = [
        (resources(&[], &[]), BEST_EFFORT),
        (resources(&[("cpu", "0")], &[]), BEST_EFFORT),
        (resources(&[("nvidia.com/gpu", "1")], &[]), BEST_EFFORT),
        (resources(both, both), GUARANTEED),
        (
            resources(&[("cpu", "1000m"), ("memory", "1024Mi")], both),
            GUARANTEED,
        ),
        (resources(&[("cpu", "1")], both), BURSTABLE),
        (resources(&[("cpu", "1")], &[]), BURSTABLE),
    ];
    for (resources, class) in table {
        assert_eq!(
            qos_class(&pod(vec![container(resources.clone())], vec![])),
            class,
            "{resources:?}"
        );
    }
}

#[test]
fn readiness_and_availability() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut pod = Pod::default();
    assert_eq!(phase(&pod), "Pending");
    assert_eq!(availability(&pod, 0, at(0)), Availability::Unavailable);
    conditions::set(
        &mut pod.status.get_or_insert_default().conditions,
        PodCondition::make("Ready", "True", "", ""),
        at(100),
    );
    assert_eq!(availability(&pod, 0, at(100)), Availability::Available);
    assert_eq!(
        availability(&pod, 10, at(103)),
        Availability::After(SignedDuration::from_secs(7))
    );
    assert_eq!(availability(&pod, 10, at(110)), Availability::Available);
}

#[test]
fn host_ports_conflict_on_any_address() {
    let port = |address: &str| HostPort {
        address: address.to_owned(),
        protocol: "TCP".to_owned(),
        port: 80,
    };
    assert!(port("0.0.0.0").conflicts(&port("10.0.0.1")));
    assert!(!port("10.0.0.2").conflicts(&port("10.0.0.1")));
}
