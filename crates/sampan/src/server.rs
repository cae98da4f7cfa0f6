//! `sampan server`: the order of a start, top to bottom.

use crate::{
    access, admin,
    arguments::ServerOptions,
    certificates::Certificates,
    kubeconfig::{self, Access},
    node,
    nodes::Nodes,
    paths::Paths,
    requirements, wiring,
};
use anyhow::{Context as _, bail};
use apiserver::{Door, Listening, ServiceNetwork, Serving, User, admission};
use reconcile::{Caches, Recorder};
use std::{net::IpAddr, sync::Arc, time::Duration};
use stdx::{certificates::Pair, clock::Clock, random::Random, tasks::Tasks};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

/// How long an orderly stop may take before the process ends anyway.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Where the ledger keeps the leases that nodes renew every few seconds: they never reach the disk.
const NODE_LEASES: &str = "/registry/coordination.k8s.io/leases/kube-node-lease/";

/// What one server is made of.
pub(crate) struct Server {
    pub(crate) options: ServerOptions,
    pub(crate) paths: Paths,
    pub(crate) node_name: String,
    pub(crate) address: IpAddr,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) tasks: Tasks,
    controllers: Tasks,
    scheduler: Tasks,
    /// Told once, when the demo image is here or cannot be made.
    pub(crate) demo_image: Arc<Notify>,
}

/// Runs until SIGTERM or SIGINT. `ready` is called once everything has started.
pub(crate) async fn run(
    options: ServerOptions,
    ready: impl FnOnce(&Server, &Arc<Door>),
) -> anyhow::Result<()> {
    let tasks = Tasks::new();
    let server = Server::new(options, tasks.clone())?;
    let serving = match server.start().await {
        Ok((door, serving)) => {
            ready(&server, &door);
            serving
        }
        Err(error) => {
            tasks.finish().await;
            return Err(error);
        }
    };
    wait_for_signal().await?;
    tracing::info!("stopping; containers keep running");
    let stopped = async {
        serving.finish().await;
        tasks.finish().await;
    };
    if tokio::time::timeout(STOP_LIMIT, stopped).await.is_err() {
        bail!("some parts did not stop in {} s", STOP_LIMIT.as_secs());
    }
    Ok(())
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

impl Server {
    fn new(options: ServerOptions, tasks: Tasks) -> anyhow::Result<Self> {
        let mut lacks = if options.disable_agent {
            Vec::new()
        } else {
            requirements::of_node()
        };
        lacks.extend(requirements::port(options.https_listen_port));
        if !lacks.is_empty() {
            bail!("{}", requirements::render(&lacks));
        }
        let paths = Paths::new(&options.data_dir);
        paths.create().with_context(|| {
            format!("cannot use the data folder {}", options.data_dir.display())
        })?;
        // On a machine without any address of its own, pods reach the API over their bridge.
        let bridge = wiring::nth(wiring::node_pod_range(options.cluster_cidr), 1);
        let address = options
            .advertise_address
            .or_else(wiring::own_address)
            .unwrap_or(IpAddr::V4(bridge));
        Ok(Self {
            node_name: options.node_name.clone().unwrap_or_else(wiring::host_name),
            paths,
            address,
            clock: Clock::system(),
            random: Random::from_kernel().context("cannot read randomness from the kernel")?,
            controllers: tasks.part(),
            scheduler: tasks.part(),
            tasks,
            demo_image: Arc::default(),
            options,
        })
    }

    async fn start(&self) -> anyhow::Result<(Arc<Door>, Serving)> {
        let store = store::Embedded::open_with(
            &self.paths.store(),
            store::Options {
                volatile: vec![NODE_LEASES.to_owned()],
                ..store::Options::default()
            },
        )?;
        let certificates = Arc::new(Certificates::load(
            &self.options,
            &self.paths,
            &self.node_name,
            self.address,
            self.clock.now(),
        )?);
        let nodes = Arc::new(Nodes::default());
        let door = self.door(Arc::new(store), &certificates, &nodes).await?;
        door.bootstrap().await?;
        door.expire(self.options.api.event_ttl, &self.tasks);
        let serving = self.listen(&door, &certificates).await?;
        let caches = self.brains(&door, &certificates.ca_pem()?);
        if !self.options.disable_agent {
            node::start(self, &door, &caches, &nodes).await?;
        }
        Ok((door, serving))
    }

    async fn door(
        &self,
        store: Arc<dyn store::Store>,
        certificates: &Certificates,
        nodes: &Arc<Nodes>,
    ) -> anyhow::Result<Arc<Door>> {
        let tokens = Arc::new(access::tokens(
            &self.options,
            &certificates.signing_key_pem,
        )?);
        let node = format!("system:node:{}", self.node_name);
        let components = wiring::COMPONENTS
            .iter()
            .map(|name| (*name).to_owned())
            .chain([node])
            .collect();
        let config = apiserver::Config {
            store,
            clock: self.clock.clone(),
            random: self.random.clone(),
            authenticators: access::authenticators(&self.options, &tokens)?,
            authorizer: access::authorizer(&self.options, components),
            admission: admission::switched(
                &self.options.enable_admission_plugins,
                &self.options.disable_admission_plugins,
            )?,
            tokens: Some(tokens),
            dialer: Some(Arc::clone(nodes) as Arc<dyn apiserver::NodeDialer>),
            advertise_removed_apis: self.options.advertise_removed_apis,
            parts: self.parts(),
            network: ServiceNetwork {
                service_cidrs: self.options.service_cidr.all(),
                node_ports: self.options.api.service_node_port_range,
                advertise_address: self.address,
                port: self.options.https_listen_port,
            },
        };
        Ok(Door::new(config, &self.tasks).await?)
    }

    async fn listen(
        &self,
        door: &Arc<Door>,
        certificates: &Arc<Certificates>,
    ) -> anyhow::Result<Serving> {
        let (bind, port) = (self.options.bind_address, self.options.https_listen_port);
        let listener = TcpListener::bind((bind, port))
            .await
            .with_context(|| format!("the API cannot listen on {bind}:{port}"))?;
        let now = self.clock.now();
        let (tls, live) = certificates.tls(now)?;
        let path = self.options.kubeconfig();
        let ca_pem = certificates.ca_pem()?;
        let host = if bind.is_unspecified() {
            "127.0.0.1".to_owned()
        } else {
            bind.to_string()
        };
        let write = move |admin: &Pair| {
            let text = kubeconfig::render(&Access {
                server: &format!("https://{host}:{port}"),
                ca_pem: &ca_pem,
                certificate_pem: &admin.certificate_pem,
                key_pem: &admin.key_pem,
            });
            kubeconfig::write(&path, &text)
        };
        // Before the first answer: whoever waits for one reads the kubeconfig next.
        write(&certificates.admin(now)?)?;
        let serving = door.serve(listener, Listening { tls: Some(tls) }, &self.tasks);
        Arc::clone(certificates).keep(live, write, self.clock.clone(), &self.tasks);
        Ok(serving)
    }

    /// The caches and clients of one component, under its own name.
    pub(crate) fn client(
        &self,
        door: &Arc<Door>,
        user: &'static str,
        manager: &'static str,
    ) -> client::Client {
        wiring::client(door, &User::new(user, &[User::AUTHENTICATED]), manager)
    }

    fn brains(&self, door: &Arc<Door>, root_ca_pem: &str) -> Caches {
        let manager = self.client(
            door,
            "system:kube-controller-manager",
            "kube-controller-manager",
        );
        let caches = Caches::new(manager.clone(), self.tasks.clone());
        let recorder = Recorder::new(manager, "sampan", "", self.clock.clone(), &self.tasks);
        if !self.is_disabled("controllers") {
            let context = controllers::Context {
                caches: caches.clone(),
                recorder: recorder.clone(),
                clock: self.clock.clone(),
                random: self.random.clone(),
                root_ca_pem: root_ca_pem.into(),
            };
            controllers::run(&context, &self.options.disable, &self.controllers);
        }
        if !self.is_disabled("scheduler") {
            let scheduler = self.client(door, "system:kube-scheduler", "kube-scheduler");
            scheduler::run(
                &caches.writing_as(scheduler),
                recorder.named("default-scheduler"),
                self.clock.clone(),
                self.random.clone(),
                &self.scheduler,
            );
        }
        caches
    }

    /// How the brains are, for who asks.
    fn parts(&self) -> apiserver::Parts {
        let parts = [
            ("controller-manager", "controllers", &self.controllers),
            ("scheduler", "scheduler", &self.scheduler),
        ];
        let parts = parts.map(|(name, part, tasks)| (name, self.is_disabled(part), tasks.clone()));
        Arc::new(move || {
            let parts = parts.iter().map(|(name, is_disabled, tasks)| {
                let fault = match (is_disabled, tasks.has_failed()) {
                    (true, _) => Some("not part of this server (--disable)".to_owned()),
                    (_, true) => Some("a task ended abnormally; see the log".to_owned()),
                    _ => None,
                };
                (*name, fault)
            });
            parts.collect()
        })
    }

    /// Whether `--disable` names this part.
    pub(crate) fn is_disabled(&self, part: &str) -> bool {
        self.options.disable.iter().any(|other| other == part)
    }
}

/// Serves the admin socket beside the API.
pub(crate) fn serve_admin(server: &Server, images: Arc<dyn runtime::Images>) -> anyhow::Result<()> {
    admin::serve(&server.paths.admin_socket(), images, &server.tasks)
}
