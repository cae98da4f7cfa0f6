//! Tables of services, endpoints and what becomes of them.

use k8s_openapi::api::core::v1::{
    ClientIPConfig, LoadBalancerIngress, LoadBalancerStatus, ServiceStatus, SessionAffinityConfig,
};
use k8s_openapi::api::discovery::v1::{EndpointConditions, EndpointPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

fn service(change: impl FnOnce(&mut ServiceSpec)) -> Service {
    let mut spec = ServiceSpec {
        cluster_ip: Some("10.43.0.9".to_owned()),
        cluster_ips: Some(vec!["10.43.0.9".to_owned()]),
        ports: Some(vec![Port {
            name: Some("http".to_owned()),
            port: 80,
            ..Port::default()
        }]),
        ..ServiceSpec::default()
    };
    change(&mut spec);
    let metadata = ObjectMeta {
        name: Some("web".to_owned()),
        namespace: Some("default".to_owned()),
        ..ObjectMeta::default()
    };
    Service {
        metadata,
        spec: Some(spec),
        status: None,
    }
}

/// Endpoints as `address node state`, the state being ready, unready, leaving (serving) or gone (not serving).
fn slice(endpoints: &[&str]) -> Arc<EndpointSlice> {
    let endpoint = |text: &&str| {
        let words: Vec<&str> = text.split(' ').collect();
        let flags = match words[2] {
            "ready" => (true, true, false),
            "leaving" => (false, true, true),
            "gone" => (false, false, true),
            _ => (false, false, false),
        };
        Endpoint {
            addresses: vec![words[0].to_owned()],
            node_name: Some(words[1].to_owned()),
            conditions: Some(EndpointConditions {
                ready: Some(flags.0),
                serving: Some(flags.1),
                terminating: Some(flags.2),
            }),
            ..Endpoint::default()
        }
    };
    let family = if endpoints.iter().any(|text| text.contains(':')) {
        "IPv6"
    } else {
        "IPv4"
    };
    let port = EndpointPort {
        name: Some("http".to_owned()),
        port: Some(8080),
        ..EndpointPort::default()
    };
    Arc::new(EndpointSlice {
        address_type: family.to_owned(),
        endpoints: Some(endpoints.iter().map(endpoint).collect()),
        ports: Some(vec![port]),
        ..EndpointSlice::default()
    })
}

fn check(service: &Service, endpoints: &[&str], expected: &str) {
    let found = service_ports(service, &[slice(endpoints)], "me");
    let line = |(name, port): &(String, ServicePort)| {
        let list = |backends: &[SocketAddr]| {
            backends
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(",")
        };
        format!(
            "{name} {}:{} all={} local={}",
            port.cluster_ip,
            port.port,
            list(&port.backends),
            list(&port.local_backends)
        )
    };
    assert_eq!(
        found.iter().map(line).collect::<Vec<_>>().join("\n"),
        expected
    );
}

#[test]
fn only_ready_endpoints_count_unless_all_are_leaving() {
    let start = "default/web/tcp/http 10.43.0.9:80";
    for (endpoints, expected) in [
        (
            vec!["10.42.0.2 me ready", "10.42.1.2 you ready"],
            "all=10.42.0.2:8080,10.42.1.2:8080 local=10.42.0.2:8080",
        ),
        (
            vec!["10.42.0.2 me unready", "10.42.1.2 you ready"],
            "all=10.42.1.2:8080 local=",
        ),
        (
            vec!["10.42.0.2 me leaving", "10.42.1.2 you ready"],
            "all=10.42.1.2:8080 local=10.42.0.2:8080",
        ),
        (
            vec!["10.42.0.2 me leaving", "10.42.1.2 you gone"],
            "all=10.42.0.2:8080 local=10.42.0.2:8080",
        ),
        (vec!["10.42.0.2 me unready"], "all= local="),
        (
            vec!["10.42.0.2 me ready", "10.42.0.2 me ready"],
            "all=10.42.0.2:8080 local=10.42.0.2:8080",
        ),
        (vec![], "all= local="),
    ] {
        check(&service(|_| {}), &endpoints, &format!("{start} {expected}"));
    }
}

#[test]
fn services_without_an_address_of_their_own_have_no_rules() {
    check(
        &service(|spec| {
            spec.cluster_ip = Some("None".to_owned());
            spec.cluster_ips = None;
        }),
        &[],
        "",
    );
    check(
        &service(|spec| spec.type_ = Some("ExternalName".to_owned())),
        &[],
        "",
    );
    let mut other = service(|_| {});
    other.metadata.labels = Some([(PROXY_NAME_LABEL.to_owned(), "other".to_owned())].into());
    check(&other, &[], "");
}

#[test]
fn each_family_and_each_port_is_its_own() {
    let dual = service(|spec| {
        spec.cluster_ips = Some(vec!["10.43.0.9".to_owned(), "fd00::9".to_owned()]);
        let dns = Port {
            name: Some("dns".to_owned()),
            port: 53,
            protocol: Some("UDP".to_owned()),
            ..Port::default()
        };
        spec.ports.get_or_insert_default().push(dns);
    });
    let expected = "default/web/tcp/http 10.43.0.9:80 all=10.42.0.2:8080 local=10.42.0.2:8080
default/web/udp/dns 10.43.0.9:53 all= local=
default/web/tcp/http/v6 fd00::9:80 all= local=
default/web/udp/dns/v6 fd00::9:53 all= local=";
    check(&dual, &["10.42.0.2 me ready"], expected);
}

#[test]
fn exposure_policies_and_affinity() {
    let mut exposed = service(|spec| {
        spec.type_ = Some("LoadBalancer".to_owned());
        spec.external_ips = Some(vec!["192.0.2.7".to_owned(), "fd00::7".to_owned()]);
        spec.external_traffic_policy = Some("Local".to_owned());
        spec.internal_traffic_policy = Some("Local".to_owned());
        spec.load_balancer_source_ranges =
            Some(vec!["198.51.100.0/24".to_owned(), "nonsense".to_owned()]);
        spec.session_affinity = Some("ClientIP".to_owned());
        spec.ports.as_mut().unwrap()[0].node_port = Some(30080);
    });
    let ingress = |ip: &str, mode: Option<&str>| LoadBalancerIngress {
        ip: Some(ip.to_owned()),
        ip_mode: mode.map(str::to_owned),
        ..LoadBalancerIngress::default()
    };
    let ingress = vec![
        ingress("192.0.2.8", None),
        ingress("192.0.2.9", Some("Proxy")),
    ];
    exposed.status = Some(ServiceStatus {
        load_balancer: Some(LoadBalancerStatus {
            ingress: Some(ingress),
        }),
        ..ServiceStatus::default()
    });
    let (_, port) = service_ports(&exposed, &[], "me").remove(0);
    let external = External {
        node_port: Some(30080),
        addresses: vec!["192.0.2.7".parse().unwrap()],
        load_balancer: vec!["192.0.2.8".parse().unwrap()],
        local_only: true,
        source_ranges: vec!["198.51.100.0/24".parse().unwrap()],
    };
    assert_eq!((port.external, port.internal_local_only), (external, true));
    assert_eq!(
        port.affinity,
        Some(Affinity {
            timeout_seconds: 10_800
        })
    );
    exposed.spec.as_mut().unwrap().session_affinity_config = Some(SessionAffinityConfig {
        client_ip: Some(ClientIPConfig {
            timeout_seconds: Some(7),
        }),
    });
    assert_eq!(
        service_ports(&exposed, &[], "me")[0].1.affinity,
        Some(Affinity { timeout_seconds: 7 })
    );
}

#[test]
fn load_balancers_are_told_of_pods_on_this_node() {
    let wanted = |kind: &str, policy: &str, port: Option<i32>| {
        let service = service(|spec| {
            spec.type_ = Some(kind.to_owned());
            spec.external_traffic_policy = Some(policy.to_owned());
            spec.health_check_node_port = port;
        });
        let slices = [
            slice(&[
                "10.42.0.2 me ready",
                "10.42.0.3 me leaving",
                "10.42.1.2 other ready",
            ]),
            slice(&["10.42.0.2 me ready", "10.42.0.4 me ready"]),
        ];
        let found = health_check(&service, &slices, "me");
        found.map(|it| (it.port, it.local_endpoints))
    };
    assert_eq!(
        wanted("LoadBalancer", "Local", Some(30100)),
        Some((30100, 2))
    );
    assert_eq!(wanted("LoadBalancer", "Local", None), None);
    assert_eq!(wanted("LoadBalancer", "Local", Some(0)), None);
    assert_eq!(wanted("LoadBalancer", "Cluster", Some(30100)), None);
    assert_eq!(wanted("NodePort", "Local", Some(30100)), None);
}
