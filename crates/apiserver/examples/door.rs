//! A door on a memory store, to try clients against: `door DIR PORT` writes `DIR/kubeconfig` and
//! serves until it is stopped.

use apiserver::{
    Config, Door, Listening, ServiceNetwork, Tokens, admission,
    authn::{ClientCertificates, ServiceAccounts},
    authz::Standing,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{error::Error, path::Path, sync::Arc};
use stdx::{
    certificates::{self, Leaf, ServedCertificate},
    clock::Clock,
    random::Random,
    tasks::Tasks,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: door DIR PORT")?;
    let port: u16 = arguments.next().ok_or("usage: door DIR PORT")?.parse()?;
    let dir = Path::new(&dir);
    let clock = Clock::system();
    let now = clock.now();
    let address = std::net::Ipv4Addr::LOCALHOST;
    let authority = certificates::load_or_create_authority(dir, "ca", now)?;
    let server = Leaf {
        common_name: "kube-apiserver".to_owned(),
        dns_names: vec!["localhost".to_owned()],
        addresses: vec![address.into()],
        server: true,
        ..Leaf::default()
    };
    let admin = Leaf {
        common_name: "system:admin".to_owned(),
        organizations: vec!["system:masters".to_owned()],
        client: true,
        ..Leaf::default()
    };
    let server = certificates::load_or_issue(dir, "server", &authority, &server, now)?;
    let admin = certificates::load_or_issue(dir, "admin", &authority, &admin, now)?;
    let key = certificates::load_or_create_signing_key(dir, "service-account")?;
    let audience = "https://kubernetes.default.svc.cluster.local";
    let tokens = Arc::new(Tokens::new(&key, audience, vec![audience.to_owned()])?);
    let tasks = Tasks::new();
    let config = Config {
        store: Arc::new(store::Memory::new()),
        clock,
        random: Random::from_kernel()?,
        authenticators: vec![
            Arc::new(ClientCertificates),
            Arc::new(ServiceAccounts(Arc::clone(&tokens))),
        ],
        authorizer: Arc::new(Standing::default()),
        admission: admission::standard(),
        tokens: Some(tokens),
        dialer: None,
        advertise_removed_apis: false,
        parts: Arc::new(Vec::new),
        network: ServiceNetwork {
            service_cidrs: vec!["10.43.0.0/16".parse()?],
            node_ports: (30000, 32767),
            advertise_address: address.into(),
            port,
        },
    };
    let door = Door::new(config, &tasks).await?;
    door.bootstrap().await?;
    let served = ServedCertificate::new(&server)?;
    let tls = certificates::server_config(served, authority.certificate_pem())?;
    let listener = tokio::net::TcpListener::bind((address, port)).await?;
    let serving = door.serve(listener, Listening { tls: Some(tls) }, &tasks);
    let encoded = |text: &str| STANDARD.encode(text);
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: it\nclusters: [{{name: it, cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority-data: {}}}}}]\nusers: [{{name: it, user: {{client-certificate-data: {}, client-key-data: {}}}}}]\ncontexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n",
        encoded(authority.certificate_pem()),
        encoded(&admin.certificate_pem),
        encoded(&admin.key_pem),
    );
    std::fs::write(dir.join("kubeconfig"), kubeconfig)?;
    println!("serving on {port}");
    tokio::signal::ctrl_c().await?;
    serving.finish().await;
    tasks.finish().await;
    Ok(())
}
