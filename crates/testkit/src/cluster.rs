//! The cluster: how its parts are connected, and how it ends.

use crate::{chronicle::Chronicle, nodes::Nodes};
use anyhow::{Context as _, ensure};
use apiserver::{Config, Door, ServiceNetwork, Tokens, User, admission, authz};
use client::Client;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount;
use reconcile::{Caches, Recorder};
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};
use stdx::{clock::Clock, random::Random, tasks::Tasks};
use store::{Memory, Store};
use tempfile::TempDir;
use tokio::sync::watch;

/// The components' names at the door.
const COMPONENTS: &[&str] = &["system:kube-controller-manager", "system:kube-scheduler"];

/// What `kube-root-ca.crt` holds here.
pub(crate) const ROOT_CA: &str = "-----BEGIN CERTIFICATE-----\ntest\n-----END CERTIFICATE-----\n";

/// Signs tokens of service accounts. It protects nothing: making one takes longer than a cluster.
const SIGNING_KEY: &str = include_str!("signing_key.pem");
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How long events stay.
const EVENT_TTL: Duration = Duration::from_secs(3600);

/// The longest that stopping may take, in the cluster's own time.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How often the clock follows tokio's time.
const TICK: Duration = Duration::from_millis(100);

/// A path whose changes are answered no sooner than it is another; empty for none.
pub(crate) type Held = watch::Sender<String>;

/// A running cluster.
pub struct Cluster {
    pub(crate) door: Arc<Door>,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) caches: Caches,
    pub(crate) nodes: Nodes,
    pub(crate) directory: TempDir,
    pub(crate) held: Held,
    chronicle: Chronicle,
    store: Arc<dyn Store>,
    /// Everything but the door and the chronicle.
    pub(crate) tasks: Tasks,
    door_tasks: Tasks,
    tasks_before: usize,
}

impl Cluster {
    /// Starts a cluster without nodes.
    ///
    /// # Errors
    /// When the door refuses one of its first objects.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(1, &[]).await
    }

    /// Starts a cluster without nodes, from a seed and without some controllers, by upstream's names.
    ///
    /// # Errors
    /// See [`Cluster::start`].
    pub async fn start_with(seed: u64, disabled: &[&str]) -> anyhow::Result<Self> {
        let tasks_before = alive_tasks();
        let (tasks, door_tasks) = (Tasks::new(), Tasks::new());
        let clock = Clock::fixed(Timestamp::from_second(1_800_000_000)?);
        let random = Random::from_seed(seed);
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let config = config(Arc::clone(&store), &clock, &random)?;
        let door = Door::new(config, &door_tasks).await?;
        let held = Held::default();
        let client = connect(
            &door,
            &held,
            &User::new("system:admin", &[User::MASTERS]),
            "testkit",
        );
        let chronicle = Chronicle::begin(&client, &*store).await?;
        door.bootstrap().await?;
        door.expire(EVENT_TTL, &door_tasks);
        let cluster = Self {
            caches: brains(&door, &held, &clock, &random, disabled, &tasks),
            held,
            nodes: Nodes::default(),
            directory: TempDir::new().context("create the nodes' directory")?,
            door,
            client,
            clock,
            chronicle,
            store,
            tasks,
            door_tasks,
            tasks_before,
        };
        cluster.follow_time();
        if !disabled.contains(&"serviceaccount-controller") {
            // Until it is there no pod is admitted to the namespace.
            cluster
                .wait::<ServiceAccount>("default", "default", |_| true)
                .await?;
        }
        Ok(cluster)
    }

    /// A client that may do everything.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The clock of every component; it follows tokio's time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Leaves those who change what is at `path` without an answer until it is called again, with another path or none.
    pub fn hold(&self, path: &str) {
        self.held.send_replace(path.to_owned());
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Ends everything and judges what was seen.
    ///
    /// # Errors
    /// When a watch had a gap or was out of order, two running pods shared an identity, or a task is
    /// still there.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self {
            tasks,
            door_tasks,
            chronicle,
            store,
            tasks_before,
            nodes,
            door,
            caches,
            client,
            ..
        } = self;
        let nodes_judged = nodes.finish(&client, STOP_LIMIT).await;
        tasks.finish().await;
        let judged = chronicle.finish(&*store, STOP_LIMIT).await;
        door_tasks.finish().await;
        drop((nodes, caches, client, door));
        let ended = async {
            while alive_tasks() > tasks_before {
                tokio::time::sleep(TICK).await;
            }
        };
        let left = tokio::time::timeout(STOP_LIMIT, ended).await;
        nodes_judged?;
        judged?;
        ensure!(
            left.is_ok(),
            "{} tasks outlive the cluster",
            alive_tasks() - tasks_before
        );
        Ok(())
    }

    fn follow_time(&self) {
        let clock = self.clock.clone();
        self.tasks.spawn("clock", async move {
            let mut last = tokio::time::Instant::now();
            loop {
                tokio::time::sleep(TICK).await;
                let now = tokio::time::Instant::now();
                clock.advance(now - last);
                last = now;
            }
        });
    }
}

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

fn config(store: Arc<dyn Store>, clock: &Clock, random: &Random) -> anyhow::Result<Config> {
    Ok(Config {
        store,
        clock: clock.clone(),
        random: random.clone(),
        authenticators: Vec::new(),
        authorizer: Arc::new(authz::Standing {
            components: COMPONENTS.iter().map(|&name| name.to_owned()).collect(),
            next: None,
        }),
        admission: admission::standard(),
        tokens: Some(Arc::new(Tokens::new(
            SIGNING_KEY,
            ISSUER,
            vec![ISSUER.to_owned()],
        )?)),
        dialer: None,
        advertise_removed_apis: false,
        parts: Arc::new(Vec::new),
        network: ServiceNetwork {
            service_cidrs: vec!["10.43.0.0/16".parse()?],
            node_ports: (30_000, 32_767),
            advertise_address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            port: 6443,
        },
    })
}

/// Starts controllers and scheduler.
fn brains(
    door: &Arc<Door>,
    held: &Held,
    clock: &Clock,
    random: &Random,
    disabled: &[&str],
    tasks: &Tasks,
) -> Caches {
    let component = |user: &str, manager| connect(door, held, &User::new(user, &[]), manager);
    let manager = component("system:kube-controller-manager", "kube-controller-manager");
    let caches = Caches::new(manager.clone(), tasks.clone());
    let recorder = Recorder::new(manager, "testkit", "", clock.clone(), tasks);
    let context = controllers::Context {
        caches: caches.clone(),
        recorder: recorder.clone(),
        clock: clock.clone(),
        random: random.clone(),
        root_ca_pem: ROOT_CA.into(),
    };
    let disabled: Vec<String> = disabled.iter().map(|&name| name.to_owned()).collect();
    controllers::run(&context, &disabled, tasks);
    let scheduler = component("system:kube-scheduler", "kube-scheduler");
    scheduler::run(
        &caches.writing_as(scheduler),
        recorder.named("default-scheduler"),
        clock.clone(),
        random.clone(),
        tasks,
    );
    caches
}

/// A client whose transport is a function call into the door, as `user`.
pub(crate) fn connect(door: &Arc<Door>, held: &Held, user: &User, manager: &'static str) -> Client {
    let (door, held, user) = (Arc::clone(door), held.clone(), user.clone());
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (door, mut held, user) = (Arc::clone(&door), held.subscribe(), user.clone());
        async move {
            let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            request.extensions_mut().insert(user);
            while request.method() != http::Method::GET
                && *held.borrow_and_update() == request.uri().path()
                && held.changed().await.is_ok()
            {}
            Ok::<_, Infallible>(door.handle(request).await)
        }
    });
    Client::new(kube::Client::new(service, "default"), manager)
}
