//! How many questions about the cluster are answered in a second: the server and its askers on this machine's cores.
//! Run with `cargo run --release -p dns --example queries_per_second`.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dns::{Index, Server, Sources, Upstream};
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use parking_lot::RwLock;
use reconcile::Key;

const SERVICES: usize = 10_000;
const ASKERS: usize = 2;
/// Questions an asker has underway.
const WINDOW: usize = 64;
const DURATION: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Some(mut index) = Index::new("cluster.local") else {
        return Ok(());
    };
    for number in 0..SERVICES {
        let spec = ServiceSpec {
            cluster_ip: Some(format!("10.43.{}.{}", number / 250, number % 250)),
            ..Default::default()
        };
        let service = Service {
            spec: Some(spec),
            ..Service::default()
        };
        index.set(
            &Key::new("default", &format!("s{number}")),
            Some(&service),
            &[],
        );
    }
    let server = Server::bind(&[([127, 0, 0, 1], 0).into()]).await?;
    let address = server.addresses()[0];
    let sources = Sources {
        index: Arc::new(RwLock::new(index)),
        upstream: Arc::new(Upstream::new(Vec::new())),
    };
    tokio::spawn(server.serve(sources));
    let askers: Vec<_> = (0..ASKERS)
        .map(|_| std::thread::spawn(move || ask(address)))
        .collect();
    let answered: usize = askers
        .into_iter()
        .filter_map(|asker| asker.join().ok()?.ok())
        .sum();
    println!(
        "{{\"dns_queries_per_second\":{}}}",
        answered as u64 / DURATION.as_secs()
    );
    Ok(())
}

fn ask(server: std::net::SocketAddr) -> std::io::Result<usize> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let questions: Vec<Vec<u8>> = (0..SERVICES).map(question).collect();
    let (start, mut answered, mut buffer) = (Instant::now(), 0, [0; 512]);
    while start.elapsed() < DURATION {
        for number in 0..WINDOW {
            socket.send(&questions[(answered + number * 157) % SERVICES])?;
        }
        for _ in 0..WINDOW {
            answered += usize::from(socket.recv(&mut buffer).is_ok_and(|length| length > 40));
        }
    }
    Ok(answered)
}

fn question(number: usize) -> Vec<u8> {
    let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in format!("s{number}.default.svc.cluster.local").split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}
