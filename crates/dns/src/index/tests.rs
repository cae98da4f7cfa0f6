//! Tables of services and endpoints, and what their names then answer.

use std::net::{Ipv4Addr, Ipv6Addr};

use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::api::discovery::v1::{EndpointConditions, EndpointPort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;
use crate::answer::{Answer, answer};
use crate::wire::{A, AAAA, ANY, CNAME, PTR, SOA, SRV, TXT};

fn service(change: impl FnOnce(&mut ServiceSpec)) -> Service {
    let http = ServicePort {
        name: Some("http".to_owned()),
        port: 80,
        ..ServicePort::default()
    };
    let mut spec = ServiceSpec {
        ports: Some(vec![http]),
        ..ServiceSpec::default()
    };
    change(&mut spec);
    Service {
        metadata: ObjectMeta::default(),
        spec: Some(spec),
        status: None,
    }
}

fn with_address(address: &str) -> Service {
    service(|spec| spec.cluster_ip = Some(address.to_owned()))
}

fn headless() -> Service {
    with_address("None")
}

/// Endpoints as `address hostname`, with `-` for no hostname and `!` before an address that is not ready.
fn slice(endpoints: &[&str]) -> Arc<EndpointSlice> {
    let endpoint = |text: &&str| {
        let (address, hostname) = text.split_once(' ').unwrap();
        let conditions = EndpointConditions {
            ready: Some(!address.starts_with('!')),
            ..EndpointConditions::default()
        };
        Endpoint {
            addresses: vec![address.trim_start_matches('!').to_owned()],
            hostname: (hostname != "-").then(|| hostname.to_owned()),
            conditions: Some(conditions),
            ..Endpoint::default()
        }
    };
    let port = EndpointPort {
        name: Some("http".to_owned()),
        port: Some(8080),
        ..EndpointPort::default()
    };
    Arc::new(EndpointSlice {
        endpoints: Some(endpoints.iter().map(endpoint).collect()),
        ports: Some(vec![port]),
        ..EndpointSlice::default()
    })
}

fn index(services: &[(&str, Service, Vec<Arc<EndpointSlice>>)]) -> Index {
    let mut index = Index::new("cluster.local").unwrap();
    for (name, service, slices) in services {
        index.set(&Key::new("default", name), Some(service), slices);
    }
    index
}

/// What a query for the name and kind gets, as text.
fn ask(index: &Index, name: &str, kind: u16) -> String {
    let message = crate::wire::Query::ask(&wire::name(name).unwrap(), kind, 0);
    let query = wire::parse(&message).unwrap().unwrap();
    let reply = match answer(index, &query, 65_535) {
        Answer::Forward => return "forward".to_owned(),
        Answer::Alias { target, records } => {
            return format!("{} then {}", records.len(), dotted(&target));
        }
        Answer::Reply(reply) => reply,
    };
    let (code, answers, authority) = (reply[3] & 15, reply[7], reply[9]);
    if answers == 0 {
        assert_eq!(authority, 1, "{name}: a negative answer says for how long");
        return if code == 3 {
            "no such name"
        } else {
            "no such record"
        }
        .to_owned();
    }
    let held = index.get(&query.name).unwrap_or_default();
    let mut lines: Vec<String> = held
        .iter()
        .filter(|r| r.kind == kind || kind == ANY)
        .map(show)
        .collect();
    if lines.is_empty() {
        lines = wire::addresses(&reply).unwrap().iter().map(show).collect();
    }
    lines.sort();
    lines.join(" ")
}

fn show(record: &Record) -> String {
    let value = &record.value;
    match record.kind {
        A => Ipv4Addr::from(<[u8; 4]>::try_from(value.as_slice()).unwrap()).to_string(),
        AAAA => Ipv6Addr::from(<[u8; 16]>::try_from(value.as_slice()).unwrap()).to_string(),
        SRV => format!(
            "{}/{}/{}",
            value[3],
            u16::from_be_bytes([value[4], value[5]]),
            dotted(&value[6..])
        ),
        TXT => String::from_utf8_lossy(&value[1..]).into_owned(),
        SOA => "soa".to_owned(),
        _ => dotted(value),
    }
}

fn dotted(mut name: &[u8]) -> String {
    let mut labels = Vec::new();
    while let Some(rest) = wire::parent(name).filter(|_| name[0] > 0) {
        labels.push(String::from_utf8_lossy(&name[1..name.len() - rest.len()]).into_owned());
        name = rest;
    }
    labels.join(".")
}

#[test]
fn services_with_an_address() {
    let dual =
        service(|spec| spec.cluster_ips = Some(vec!["10.43.0.9".to_owned(), "fd00::9".to_owned()]));
    let index = index(&[
        ("web", with_address("10.43.0.8"), vec![]),
        ("dual", dual, vec![]),
    ]);
    for (name, kind, expected) in [
        ("web.default.svc.cluster.local", A, "10.43.0.8"),
        ("WEB.Default.svc.cluster.local", A, "10.43.0.8"),
        ("web.default.svc.cluster.local", AAAA, "no such record"),
        ("dual.default.svc.cluster.local", AAAA, "fd00::9"),
        ("dual.default.svc.cluster.local", ANY, "10.43.0.9 fd00::9"),
        (
            "_http._tcp.web.default.svc.cluster.local",
            SRV,
            "100/80/web.default.svc.cluster.local",
        ),
        ("_tcp.web.default.svc.cluster.local", SRV, "no such record"),
        ("_udp.web.default.svc.cluster.local", SRV, "no such name"),
        (
            "8.0.43.10.in-addr.arpa",
            PTR,
            "web.default.svc.cluster.local",
        ),
        ("7.0.43.10.in-addr.arpa", PTR, "forward"),
        ("other.default.svc.cluster.local", A, "no such name"),
        ("web.other.svc.cluster.local", A, "no such name"),
        ("default.svc.cluster.local", A, "no such record"),
        ("svc.cluster.local", A, "no such record"),
        ("cluster.local", A, "no such record"),
        ("cluster.local", SOA, "soa"),
        ("example.com.default.svc.cluster.local", A, "no such name"),
        ("example.com", A, "forward"),
        ("notcluster.local", A, "forward"),
        ("dns-version.cluster.local", TXT, "1.1.0"),
    ] {
        let expected = if kind == SOA { "" } else { expected };
        assert_eq!(ask(&index, name, kind), expected, "{name} {kind}");
    }
}

#[test]
fn headless_services() {
    let endpoints = slice(&["10.42.0.2 web-0", "10.42.0.3 -", "!10.42.0.4 web-2"]);
    let index = index(&[("web", headless(), vec![endpoints])]);
    for (name, kind, expected) in [
        ("web.default.svc.cluster.local", A, "10.42.0.2 10.42.0.3"),
        ("web-0.web.default.svc.cluster.local", A, "10.42.0.2"),
        ("web-2.web.default.svc.cluster.local", A, "no such name"),
        ("10-42-0-3.web.default.svc.cluster.local", A, "10.42.0.3"),
        (
            "_http._tcp.web.default.svc.cluster.local",
            SRV,
            "50/8080/10-42-0-3.web.default.svc.cluster.local 50/8080/web-0.web.default.svc.cluster.local",
        ),
        (
            "2.0.42.10.in-addr.arpa",
            PTR,
            "web-0.web.default.svc.cluster.local",
        ),
    ] {
        assert_eq!(ask(&index, name, kind), expected, "{name} {kind}");
    }
}

#[test]
fn external_names_are_aliases() {
    let external = |target: &str| {
        service(|spec| {
            spec.type_ = Some("ExternalName".to_owned());
            spec.external_name = Some(target.to_owned());
        })
    };
    let index = index(&[
        ("out", external("db.example.com"), vec![]),
        ("in", external("web.default.svc.cluster.local"), vec![]),
        ("round", external("round.default.svc.cluster.local"), vec![]),
        ("web", with_address("10.43.0.8"), vec![]),
    ]);
    for (name, kind, expected) in [
        ("out.default.svc.cluster.local", A, "1 then db.example.com"),
        ("out.default.svc.cluster.local", CNAME, "db.example.com"),
        (
            "in.default.svc.cluster.local",
            A,
            "10.43.0.8 web.default.svc.cluster.local",
        ),
        (
            "round.default.svc.cluster.local",
            A,
            "8 then round.default.svc.cluster.local",
        ),
    ] {
        assert_eq!(ask(&index, name, kind), expected, "{name} {kind}");
    }
}

#[test]
fn pods_are_named_by_their_address() {
    let index = index(&[]);
    for (name, kind, expected) in [
        ("10-42-0-2.default.pod.cluster.local", A, "10.42.0.2"),
        (
            "10-42-0-2.default.pod.cluster.local",
            AAAA,
            "no such record",
        ),
        ("10-42-0.default.pod.cluster.local", A, "no such name"),
        ("pod.cluster.local", A, "no such record"),
    ] {
        assert_eq!(ask(&index, name, kind), expected, "{name} {kind}");
    }
}

#[test]
fn changes_leave_nothing_behind() {
    let mut index = Index::new("cluster.local").unwrap();
    let empty = index.names.len();
    let key = Key::new("default", "web");
    let name = "web.default.svc.cluster.local";
    index.set(&key, Some(&headless()), &[slice(&["10.42.0.2 web-0"])]);
    index.set(
        &key,
        Some(&headless()),
        &[slice(&["10.42.0.2 web-0", "10.42.0.3 web-1"])],
    );
    assert_eq!(ask(&index, name, A), "10.42.0.2 10.42.0.3");
    index.set(&key, Some(&headless()), &[slice(&["10.42.0.3 web-1"])]);
    assert_eq!(ask(&index, name, A), "10.42.0.3");
    index.set(
        &key,
        Some(&with_address("10.43.0.8")),
        &[slice(&["10.42.0.3 web-1"])],
    );
    assert_eq!(ask(&index, name, A), "10.43.0.8");
    assert_eq!(
        ask(&index, "web-1.web.default.svc.cluster.local", A),
        "no such name"
    );
    index.set(&key, None, &[]);
    assert_eq!(ask(&index, name, A), "no such name");
    assert_eq!((index.names.len(), index.owners.len()), (empty, 1));
}
