//! Services and host ports, asked for by the node, by pods and from elsewhere.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;

use network::{External, Firewall, HostPort, PodNetwork, Protocol, ServicePort};

use crate::machine::{
    Namespace, ask, ask_by_udp, attachment, ip, names, on_machine, service, services, sticky,
};

#[test]
fn a_cluster_ip_reaches_every_backend_from_node_and_pods_and_itself() {
    on_machine(|machine| async move {
        let (a, b) = (machine.pod("a").await, machine.pod("b").await);
        machine
            .services
            .set(services([service("10.43.0.9", &[&a, &b])]))
            .await
            .unwrap();
        // Whether or not the kernel shows bridged packets to the packet filter.
        for bridged in ["0", "1"] {
            let _ = std::fs::write("/proc/sys/net/bridge/bridge-nf-call-iptables", bridged);
            assert_eq!(names("10.43.0.9:80"), ["a", "b"]);
            // The client's own address is kept, but where it would meet itself.
            let ask_often = || {
                (0..40)
                    .map(|_| ask("10.43.0.9:80").unwrap())
                    .collect::<BTreeSet<_>>()
            };
            let answers = a.namespace.run(ask_often);
            assert_eq!(
                answers,
                BTreeSet::from(["a 10.42.0.1".to_owned(), format!("b {}", a.address)])
            );
        }
    });
}

#[test]
fn each_of_many_backends_is_met() {
    on_machine(|machine| async move {
        let pod = machine.pod("a").await;
        let mut port = service("10.43.0.9", &[&pod]);
        // Twelve places in the list, all of them the same pod's.
        for number in 1..12u16 {
            let address = std::net::SocketAddr::new(pod.address, 8100 + number);
            pod.namespace
                .run(move || crate::machine::serve(address, format!("a{number:02}")));
            port.backends.push(address);
        }
        machine.services.set(services([port])).await.unwrap();
        let met: BTreeSet<String> = (0..6).flat_map(|_| names("10.43.0.9:80")).collect();
        assert_eq!(met.len(), 12);
    });
}

#[test]
fn changing_services_changes_only_them() {
    on_machine(|machine| async move {
        let (a, b) = (machine.pod("a").await, machine.pod("b").await);
        let set = |ports| machine.services.set(ports);
        set(services([service("10.43.0.9", &[&a])])).await.unwrap();
        set(services([
            service("10.43.0.9", &[&b]),
            service("10.43.0.10", &[&a]),
        ]))
        .await
        .unwrap();
        assert_eq!(
            (names("10.43.0.9:80"), names("10.43.0.10:80")),
            (vec!["b".to_owned()], vec!["a".to_owned()])
        );
        set(services([service("10.43.0.10", &[&a, &b])]))
            .await
            .unwrap();
        assert_eq!(names("10.43.0.10:80"), ["a", "b"]);
        assert_eq!(
            ask("10.43.0.9:80").unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        // Two that want the same address: the first has it, and the second once the first is gone.
        set(services([
            service("10.43.0.10", &[&a]),
            service("10.43.0.10", &[&b]),
        ]))
        .await
        .unwrap();
        assert_eq!(names("10.43.0.10:80"), ["a"]);
        let mut second = services([service("10.43.0.10", &[&a]), service("10.43.0.10", &[&b])]);
        second.pop_first();
        set(second).await.unwrap();
        assert_eq!(names("10.43.0.10:80"), ["b"]);
        // Somebody took the table away.
        network_gone(&machine.firewall).await;
        set(services([service("10.43.0.10", &[&a, &b])]))
            .await
            .unwrap();
        assert_eq!(names("10.43.0.10:80"), ["a", "b"]);
    });
}

async fn network_gone(firewall: &Arc<network::Nftables>) {
    firewall.flush().await.unwrap();
    assert!(ask("10.43.0.10:80").is_err());
}

#[test]
fn a_node_port_answers_on_every_address_of_the_node() {
    on_machine(|machine| async move {
        let (a, b) = (machine.pod("a").await, machine.pod("b").await);
        machine
            .services
            .set(services([exposed(service("10.43.0.9", &[&a, &b]))]))
            .await
            .unwrap();
        assert_eq!(names("10.42.0.1:30080"), ["a", "b"]);
        assert_eq!(names("127.0.0.1:30080"), ["a", "b"]);
        assert_eq!(a.namespace.run(|| names("10.42.0.1:30080")), ["a", "b"]);
        let elsewhere = neighbour();
        assert_eq!(elsewhere.run(|| names("192.0.2.1:30080")), ["a", "b"]);
        assert_eq!(
            elsewhere
                .run(|| ask("192.0.2.1:30080").unwrap())
                .split(' ')
                .nth(1),
            Some("10.42.0.1")
        );
    });
}

#[test]
fn local_policy_keeps_the_clients_address_and_never_leaves_the_node() {
    on_machine(|machine| async move {
        let (a, b) = (machine.pod("a").await, machine.pod("b").await);
        let mut port = exposed(service("10.43.0.9", &[&a, &b]));
        port.external.local_only = true;
        port.local_backends.pop();
        machine.services.set(services([port])).await.unwrap();
        let elsewhere = neighbour();
        assert_eq!(elsewhere.run(|| names("192.0.2.1:30080")), ["a"]);
        assert_eq!(
            elsewhere.run(|| ask("192.0.2.1:30080").unwrap()),
            "a 192.0.2.2"
        );
        assert_eq!(names("127.0.0.1:30080"), ["a", "b"]);
        assert_eq!(a.namespace.run(|| names("10.42.0.1:30080")), ["a", "b"]);
    });
}

#[test]
fn load_balancer_addresses_admit_their_source_ranges() {
    on_machine(|machine| async move {
        let a = machine.pod("a").await;
        let mut port = service("10.43.0.9", &[&a]);
        port.external.load_balancer = vec!["192.0.2.1".parse().unwrap()];
        port.external.source_ranges = vec!["192.0.2.0/30".parse().unwrap()];
        let elsewhere = neighbour();
        machine
            .services
            .set(services([port.clone()]))
            .await
            .unwrap();
        assert_eq!(elsewhere.run(|| names("192.0.2.1:80")), ["a"]);
        port.external.source_ranges = vec!["198.51.100.0/24".parse().unwrap()];
        machine.services.set(services([port])).await.unwrap();
        assert!(elsewhere.run(|| ask("192.0.2.1:80")).is_err());
    });
}

#[test]
fn affinity_keeps_a_client_with_its_backend_while_it_lasts() {
    on_machine(|machine| async move {
        let pods = [
            machine.pod("a").await,
            machine.pod("b").await,
            machine.pod("c").await,
        ];
        let with = |pods: &[&crate::machine::Pod]| {
            services([ServicePort {
                affinity: sticky(100),
                ..service("10.43.0.9", pods)
            }])
        };
        machine
            .services
            .set(with(&[&pods[0], &pods[1], &pods[2]]))
            .await
            .unwrap();
        let first = names("10.43.0.9:80");
        assert_eq!(first.len(), 1);
        // Another backend leaves: the client stays.
        let keep = |name: &str| {
            ["a", "b", "c"]
                .iter()
                .position(|other| *other == name)
                .unwrap()
        };
        let mine = keep(&first[0]);
        let (other, third) = ((mine + 1) % 3, (mine + 2) % 3);
        machine
            .services
            .set(with(&[&pods[mine], &pods[other]]))
            .await
            .unwrap();
        assert_eq!(names("10.43.0.9:80"), first);
        // Its own leaves: it gets another one and stays there.
        machine
            .services
            .set(with(&[&pods[other], &pods[third]]))
            .await
            .unwrap();
        let second = names("10.43.0.9:80");
        assert_eq!(second.len(), 1);
        assert_ne!(first, second);
    });
}

#[test]
fn nobody_there_is_refused_at_once() {
    on_machine(|machine| async move {
        let a = machine.pod("a").await;
        machine
            .services
            .set(services([exposed(service("10.43.0.9", &[]))]))
            .await
            .unwrap();
        for address in [
            "10.43.0.9:80",
            "10.43.0.9:81",
            "10.43.7.7:80",
            "127.0.0.1:30080",
        ] {
            assert_eq!(
                ask(address).unwrap_err().kind(),
                ErrorKind::ConnectionRefused,
                "{address} from the node"
            );
        }
        for address in ["10.43.0.9:80", "10.43.7.7:80", "10.42.0.1:30080"] {
            let error = a.namespace.run(move || ask(address)).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::ConnectionRefused,
                "{address} from a pod"
            );
        }
    });
}

#[test]
fn host_ports_lead_to_their_pod_until_it_is_removed() {
    on_machine(|machine| async move {
        machine.services.set(services([])).await.unwrap();
        let a = machine.pod("a").await;
        let port = |host_ip: Option<&str>, host_port| HostPort {
            host_ip: host_ip.map(|address| address.parse().unwrap()),
            host_port,
            pod_port: 8080,
            protocol: Protocol::Tcp,
        };
        let mut with_ports = attachment("a", &a.namespace);
        with_ports.host_ports = vec![port(None, 8081), port(Some("10.42.0.1"), 8082)];
        machine.bridge.add(&with_ports).await.unwrap();
        for address in ["127.0.0.1:8081", "10.42.0.1:8081", "10.42.0.1:8082"] {
            assert_eq!(names(address), ["a"], "{address}");
        }
        assert!(ask("127.0.0.1:8082").is_err());
        assert_eq!(a.namespace.run(|| names("10.42.0.1:8081")), ["a"]);
        machine.bridge.remove("a").await.unwrap();
        assert!(ask("127.0.0.1:8081").is_err());
    });
}

#[test]
fn udp_clients_follow_when_their_backend_leaves() {
    on_machine(|machine| async move {
        let (a, b) = (machine.pod("a").await, machine.pod("b").await);
        let by_udp = |port| {
            services([ServicePort {
                protocol: Protocol::Udp,
                ..port
            }])
        };
        machine
            .services
            .set(by_udp(service("10.43.0.9", &[&a])))
            .await
            .unwrap();
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        assert_eq!(ask_by_udp(&socket, "10.43.0.9:80").unwrap(), "a 10.42.0.1");
        machine
            .services
            .set(by_udp(service("10.43.0.9", &[&b])))
            .await
            .unwrap();
        assert_eq!(ask_by_udp(&socket, "10.43.0.9:80").unwrap(), "b 10.42.0.1");
    });
}

#[test]
fn pods_cannot_reach_the_nodes_loopback() {
    on_machine(|machine| async move {
        machine.services.set(services([])).await.unwrap();
        crate::machine::serve("127.0.0.2:7000".parse().unwrap(), "secret".to_owned());
        let a = machine.pod("a").await;
        let reached = a.namespace.run(|| {
            ip("route add 127.0.0.2/32 via 10.42.0.1 dev eth0 table 7");
            ip("rule add to 127.0.0.2 table 7 pref 0");
            std::fs::write("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1").unwrap();
            ip("rule del pref 0");
            ip("rule add pref 10 table local");
            ip("rule add to 127.0.0.2 table 7 pref 5");
            let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            ask_by_udp(&socket, "127.0.0.2:7000")
        });
        assert!(reached.is_err(), "{reached:?}");
    });
}

/// A namespace beside the machine, joined by a wire: 192.0.2.2, the machine being 192.0.2.1.
fn neighbour() -> Namespace {
    let elsewhere = Namespace::create();
    ip("link add wire type veth peer name far");
    // `ip` takes namespaces by process only, so the far end is moved from the inside of a thread's.
    let (wait, go) = (
        Arc::new(std::sync::Barrier::new(2)),
        Arc::new(std::sync::Barrier::new(2)),
    );
    let (sender, receiver) = std::sync::mpsc::channel();
    let (waiting, going, inside) = (Arc::clone(&wait), Arc::clone(&go), elsewhere.clone());
    let helper = std::thread::spawn(move || {
        inside.run(move || {
            sender.send(nix::unistd::gettid()).unwrap();
            waiting.wait();
            going.wait();
        });
    });
    let thread = receiver.recv().unwrap();
    wait.wait();
    ip(&format!("link set far netns {thread}"));
    go.wait();
    helper.join().unwrap();
    ip("addr add 192.0.2.1/24 dev wire");
    ip("link set wire up");
    elsewhere.run(|| {
        ip("link set lo up");
        ip("addr add 192.0.2.2/24 dev far");
        ip("link set far up");
    });
    elsewhere
}

fn exposed(port: ServicePort) -> ServicePort {
    ServicePort {
        external: External {
            node_port: Some(30080),
            ..External::default()
        },
        ..port
    }
}
