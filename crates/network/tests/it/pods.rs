//! Attaching pods: who reaches whom, what is repeatable, what survives a restart and what uninstalling leaves.

use std::collections::BTreeMap;

use network::{Firewall, NetworkError, PodNetwork, ServiceChanges, undo_all};

use crate::machine::{Namespace, ask, attachment, ip, on_machine, serve, service, services, start};

#[test]
fn pods_the_node_and_the_gateway_reach_each_other() {
    on_machine(|machine| async move {
        let (a, b) = (machine.pod("a").await, machine.pod("b").await);
        let (to_a, to_b) = (format!("{}:8080", a.address), format!("{}:8080", b.address));
        assert_eq!(
            a.namespace.run(move || ask(&to_b)).unwrap(),
            format!("b {}", a.address)
        );
        assert_eq!(ask(&to_a).unwrap(), "a 10.42.0.1");
        serve("10.42.0.1:9000".parse().unwrap(), "node".to_owned());
        assert_eq!(
            b.namespace.run(|| ask("10.42.0.1:9000")).unwrap(),
            format!("node {}", b.address)
        );
    });
}

#[test]
fn adding_and_removing_may_be_repeated_and_survive_a_restart() {
    on_machine(|machine| async move {
        let pod = machine.pod("a").await;
        assert_eq!(
            machine.attach("a", &pod.namespace).await.addresses,
            [pod.address]
        );
        let (again, _) = start(&machine.state).await;
        assert_eq!(again.check("a").await.unwrap().addresses, [pod.address]);
        assert_eq!(
            again
                .add(&attachment("a", &pod.namespace))
                .await
                .unwrap()
                .addresses,
            [pod.address]
        );
        assert_eq!(
            ask(&format!("{}:8080", pod.address)).unwrap(),
            "a 10.42.0.1"
        );
        assert_eq!(again.list().await.unwrap().len(), 1);
        again.remove("a").await.unwrap();
        again.remove("a").await.unwrap();
        assert!(matches!(
            again.check("a").await,
            Err(NetworkError::NotAttached(_))
        ));
        // The namespace may be replaced under the same name, and may be gone when it is removed.
        let replaced = Namespace::create();
        let first = again.add(&attachment("b", &pod.namespace)).await.unwrap();
        assert_eq!(again.add(&attachment("b", &replaced)).await.unwrap(), first);
        drop((pod, replaced));
        again.remove("b").await.unwrap();
        assert!(again.list().await.unwrap().is_empty());
    });
}

#[test]
fn a_namespace_that_is_none_is_refused_by_name() {
    on_machine(|machine| async move {
        let mut wrong = attachment("a", &Namespace::create());
        wrong.netns = "/proc/self/status".into();
        let error = machine.bridge.add(&wrong).await.unwrap_err().to_string();
        assert!(
            error.starts_with("network namespace /proc/self/status of sandbox a:"),
            "{error}"
        );
        machine.bridge.remove("a").await.unwrap();
    });
}

#[test]
fn uninstalling_leaves_the_machine_as_it_was() {
    on_machine(|machine| async move {
        // What the machine looks like without us is what it looks like after a first undo.
        let journal = machine.state.path().join("journal");
        undo_all(&journal).unwrap();
        let before = look();
        assert!(before["links"].contains("lo") && !before["links"].contains("sampan0"));
        let (bridge, firewall) = start(&machine.state).await;
        let machine = crate::machine::Machine {
            services: crate::machine::Services::of(&firewall),
            bridge,
            firewall,
            ..machine
        };
        let pod = machine.pod("a").await;
        machine
            .services
            .set(services([service("10.43.0.9", &[&pod])]))
            .await
            .unwrap();
        assert_eq!(ask("10.43.0.9:80").unwrap(), "a 10.42.0.1");
        assert_ne!(look(), before);
        undo_all(&journal).unwrap();
        assert_eq!(look(), before);
        undo_all(&journal).unwrap();
    });
}

#[test]
fn forwarding_settings_come_back_one_by_one() {
    on_machine(|machine| async move {
        let journal = machine.state.path().join("journal");
        undo_all(&journal).unwrap();
        // A machine that forwards for one link only, and takes no redirects.
        std::fs::write("/proc/sys/net/ipv4/conf/lo/forwarding", "1").unwrap();
        std::fs::write("/proc/sys/net/ipv4/conf/all/accept_redirects", "0").unwrap();
        let before = look();
        let (_, firewall) = start(&machine.state).await;
        firewall
            .change_services(ServiceChanges::new())
            .await
            .unwrap();
        undo_all(&journal).unwrap();
        assert_eq!(look(), before);
    });
}

/// Everything about the network a person could look at.
fn look() -> BTreeMap<&'static str, String> {
    let mut settings = String::new();
    for link in ["all", "default", "lo"] {
        for entry in std::fs::read_dir(format!("/proc/sys/net/ipv4/conf/{link}")).unwrap() {
            let path = entry.unwrap().path();
            settings += &format!("{path:?} {:?}\n", std::fs::read_to_string(&path));
        }
    }
    BTreeMap::from([
        ("links", ip("-o link")),
        ("addresses", ip("-o addr")),
        ("routes", ip("route show table all")),
        ("settings", settings),
    ])
}
