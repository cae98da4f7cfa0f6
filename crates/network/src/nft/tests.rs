//! Tables of rulesets and the operations they become.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use super::diff::{Claims, Op, replace, update};
use crate::{Affinity, ClusterRanges, External, HostPort, Protocol, Ruleset, ServicePort};

fn ranges() -> ClusterRanges {
    ClusterRanges {
        pods: vec!["10.42.0.0/16".parse().unwrap()],
        services: vec!["10.43.0.0/16".parse().unwrap()],
        bridge: "sampan0".to_owned(),
    }
}

fn port(backends: &[&str]) -> ServicePort {
    let backends: Vec<SocketAddr> = backends
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    ServicePort {
        protocol: Protocol::Tcp,
        cluster_ip: "10.43.0.9".parse().unwrap(),
        port: 80,
        local_backends: backends.clone(),
        backends,
        internal_local_only: false,
        external: External::default(),
        affinity: None,
    }
}

fn ruleset(ports: &[(&str, ServicePort)]) -> Ruleset {
    let services = ports
        .iter()
        .map(|(name, port)| ((*name).to_owned(), Arc::new(port.clone())))
        .collect();
    Ruleset {
        ranges: ranges(),
        services,
        ..Ruleset::default()
    }
}

fn check(old: &Ruleset, new: &Ruleset, expected: impl AsRef<str>) {
    let mut claims = Claims::default();
    replace(&mut claims, old);
    let mut listing = String::new();
    for (_, op) in update(&mut claims, old, new) {
        list(&mut listing, &op);
    }
    let tidy = |text: &str| {
        text.trim()
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(tidy(&listing), tidy(expected.as_ref()), "\n{listing}");
}

fn list(listing: &mut String, op: &Op) {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let _ = match op {
        Op::AddTable => writeln!(listing, "add table"),
        Op::DeleteTable => writeln!(listing, "delete table"),
        Op::AddSet(name, _) => writeln!(listing, "add set {name}"),
        Op::DeleteSet(name) => writeln!(listing, "delete set {name}"),
        Op::AddChain(name, _) => writeln!(listing, "add chain {name}"),
        Op::DeleteChain(name) => writeln!(listing, "delete chain {name}"),
        Op::FlushChain(name) => writeln!(listing, "flush {name}"),
        Op::AddRule(chain, rule) => {
            let steps: Vec<String> = rule.iter().map(ToString::to_string).collect();
            writeln!(listing, "rule {chain}: {}", steps.join(" "))
        }
        Op::AddElements(set, elements) => elements
            .iter()
            .try_for_each(|(key, value)| writeln!(listing, "add {set}[{}] {value}", hex(key))),
        Op::DeleteElements(set, keys) => keys
            .iter()
            .try_for_each(|key| writeln!(listing, "delete {set}[{}]", hex(key))),
    };
}

#[test]
fn a_new_service_adds_its_chain_and_element() {
    let expected = "
add chain service-a
add hairpins[0a2a00020a2a0002] 
add service-ips[0a2b0009060000000050 0000] goto service-a
rule service-a: r0=0a2a00021f900000 dnat r0:r1";
    let expected = expected.replace("0050 0000", "00500000");
    check(
        &ruleset(&[]),
        &ruleset(&[("a", port(&["10.42.0.2:8080"]))]),
        expected,
    );
}

#[test]
fn more_backends_touch_one_chain() {
    let one = port(&["10.42.0.2:8080"]);
    let two = port(&["10.42.0.2:8080", "10.42.0.3:8080"]);
    let expected = "
add hairpins[0a2a00030a2a0003]
flush service-b
rule service-b: r2=Random(2) r2==00000000 r0=0a2a00021f900000 dnat r0:r1
rule service-b: r0=0a2a00031f900000 dnat r0:r1";
    let other = ServicePort {
        port: 81,
        ..one.clone()
    };
    check(
        &ruleset(&[("a", other.clone()), ("b", one)]),
        &ruleset(&[("a", other), ("b", two)]),
        expected,
    );
}

#[test]
fn the_last_backend_leaving_turns_into_a_refusal() {
    let expected = "
flush service-a";
    let full = "
delete hairpins[0a2a00020a2a0002]
delete service-ips[0a2b00090600000000500000]
add refused-ips[0a2b00090600000000500000] goto reject";
    let end = "
delete chain service-a";
    let expected = format!("{full}{}{end}", expected.trim_end());
    check(
        &ruleset(&[("a", port(&["10.42.0.2:8080"]))]),
        &ruleset(&[("a", port(&[]))]),
        expected,
    );
}

#[test]
fn sticky_services_look_up_check_forget_and_learn() {
    let sticky = ServicePort {
        affinity: Some(Affinity {
            timeout_seconds: 30,
        }),
        ..port(&["10.42.0.2:8080"])
    };
    let expected = "
add set sticky-a
add chain service-a
add hairpins[0a2a00020a2a0002] 
add service-ips[0a2b00090600000000500000] goto service-a
rule service-a: r2=SourceAddress r0=@sticky-a[r2] r0 in {0a2a00021f900000} update @sticky-a[r2]=r0 30s dnat r0:r1
rule service-a: r2=SourceAddress r0=@sticky-a[r2] delete @sticky-a[r2]
rule service-a: r0=0a2a00021f900000 r2=SourceAddress update @sticky-a[r2]=r0 30s dnat r0:r1
rule service-a: r0=0a2a00021f900000 dnat r0:r1";
    check(&ruleset(&[]), &ruleset(&[("a", sticky)]), expected);
}

#[test]
fn an_address_two_services_want_goes_to_the_first_until_it_leaves() {
    let (a, b) = (port(&["10.42.0.2:1"]), port(&["10.42.0.2:2"]));
    let expected = "
flush service-a
delete chain service-a";
    let expected = format!(
        "
delete service-ips[0a2b00090600000000500000]
add service-ips[0a2b00090600000000500000] goto service-b{expected}"
    );
    check(
        &ruleset(&[("a", a.clone()), ("b", b.clone())]),
        &ruleset(&[("b", b)]),
        expected,
    );
}

#[test]
fn host_ports_are_elements_of_the_same_maps() {
    let mut with = ruleset(&[]);
    let ports = vec![HostPort {
        host_ip: None,
        host_port: 8081,
        pod_port: 80,
        protocol: Protocol::Udp,
    }];
    with.host_ports
        .insert("box".to_owned(), ("10.42.0.2".parse().unwrap(), ports));
    let expected = "
add chain host-port-box/udp/8081
add hairpins[0a2a00020a2a0002] 
add service-node-ports[110000001f910000] goto host-port-box/udp/8081
rule host-port-box/udp/8081: r0=SourceKind r0==02000000 r0=Mark r0&ffbfffff^00400000 mark=r0
rule host-port-box/udp/8081: r0=0a2a000200500000 dnat r0:r1";
    check(&ruleset(&[]), &with, expected);
}

#[test]
fn unchanged_rulesets_need_nothing() {
    let rules = ruleset(&[("a", port(&["10.42.0.2:8080"])), ("b", port(&[]))]);
    check(&rules, &rules.clone(), "");
    let mut copy = rules.clone();
    copy.services = copy
        .services
        .into_iter()
        .map(|(name, port)| (name, Arc::new((*port).clone())))
        .collect();
    check(&rules, &copy, "");
}

#[test]
fn many_backends_are_a_list() {
    let addresses: Vec<String> = (1..=9).map(|n| format!("10.42.0.{n}:80")).collect();
    let many = port(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
    let rules = super::render::service("a", &many, &[]).chains["service-a"]
        .rules
        .clone();
    assert_eq!(rules.len(), 1);
    assert!(
        rules[0][1]
            .to_string()
            .starts_with("r0={0a2a000100500000 0a2a000200500000")
    );
}
