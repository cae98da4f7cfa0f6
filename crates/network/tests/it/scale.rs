//! Thousands of services: all at once, then one of them changed. Figures are printed, not judged.

use std::sync::Arc;
use std::time::Instant;

use network::{External, Firewall, Protocol, ServiceChanges, ServicePort, ServicePorts};

use crate::machine::{names, on_machine, service};

const SERVICES: u32 = 10_000;

#[test]
#[ignore = "takes seconds; run it for the figures"]
fn ten_thousand_services() {
    on_machine(|machine| async move {
        let pod = machine.pod("a").await;
        let ports: ServicePorts = (0..SERVICES)
            .map(|n| (format!("default/s{n}/tcp/http"), Arc::new(port(n))))
            .collect();
        let start = Instant::now();
        machine.services.set(ports.clone()).await.unwrap();
        println!("{SERVICES} services at once: {:?}", start.elapsed());
        for round in 0..5 {
            let changed = ServicePort {
                port: 80 + round,
                ..service("10.43.0.9", &[&pod])
            };
            let name = "default/s7/tcp/http".to_owned();
            let changes = ServiceChanges::from([(name, Some(Arc::new(changed)))]);
            let start = Instant::now();
            machine.firewall.change_services(changes).await.unwrap();
            println!("one changed: {:?}", start.elapsed());
        }
        assert_eq!(names("10.43.0.9:84"), ["a"]);
        let start = Instant::now();
        machine.services.set(ServicePorts::new()).await.unwrap();
        println!("all gone: {:?}", start.elapsed());
    });
}

fn port(number: u32) -> ServicePort {
    let [_, _, high, low] = number.to_be_bytes();
    let backends: Vec<_> = [0, 1, 2]
        .map(|other| ([10, 42, high, low ^ other], 8080).into())
        .into();
    ServicePort {
        protocol: Protocol::Tcp,
        cluster_ip: [10, 43, 128 + high, low].into(),
        port: 80,
        local_backends: backends.clone(),
        backends,
        internal_local_only: false,
        external: External::default(),
        affinity: None,
    }
}
