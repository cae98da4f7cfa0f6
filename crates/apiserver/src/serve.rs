//! The path: how a request becomes an answer, top to bottom. Panic recovery, deadline and metrics
//! wrap it; everything else is a step of `path`.

use crate::{
    Config, User,
    admission::{Claims, Review},
    answer::{self, Answer, Body},
    authn::{Credentials, impersonated},
    authz::{Attributes, Decision},
    decode, discovery,
    fairness::Fairness,
    forms::Made,
    health,
    metrics::Metrics,
    negotiate, openapi,
    query::Query,
    resources::{Resource, Resources, api_version},
    reviews,
    route::{self, Route, Target},
    shelf::Documents,
    turns::Turns,
    verbs::{
        Call, create, delete, delete_collection, get, list, options, patch, subresource, update,
        watch,
    },
    watch_cache::WatchCache,
};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, Request, Response};
use kinds::SubresourceKind;
use machinery::status::Status;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use stdx::tasks::Tasks;

/// How long a request may take that is no watch and no connection.
const DEADLINE: Duration = Duration::from_secs(60);

/// The API server.
pub struct Door {
    pub(crate) config: Config,
    pub(crate) resources: Arc<Resources>,
    pub(crate) cache: WatchCache,
    pub(crate) made: Arc<Made>,
    pub(crate) metrics: Metrics,
    pub(crate) discovery: Documents,
    pub(crate) openapi: Documents,
    pub(crate) turns: Turns,
    fairness: Fairness,
    tasks: Tasks,
}

/// The resource that a path names.
struct Found {
    resource: Arc<Resource>,
    sub: Option<&'static kinds::Subresource>,
}

impl Found {
    /// Whether the request is passed on to somebody else.
    fn connects(&self) -> bool {
        let connects = |sub: &kinds::Subresource| sub.serves == SubresourceKind::Connect;
        self.sub.is_some_and(connects)
    }
}

impl Door {
    /// Loads what the store holds and begins to follow it. `tasks` is what it starts its own in;
    /// when that stops, watches end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn new(config: Config, tasks: &Tasks) -> Result<Arc<Self>, store::Error> {
        let resources = Arc::new(Resources::new(kinds::list(), config.advertise_removed_apis));
        let cache = WatchCache::load(Arc::clone(&config.store), Arc::clone(&resources)).await?;
        let door = Arc::new(Self {
            config,
            resources,
            cache,
            made: Arc::default(),
            metrics: Metrics::new(),
            discovery: Documents::holding(discovery::KEPT_BYTES),
            openapi: Documents::holding(openapi::KEPT_BYTES),
            turns: Turns::default(),
            fairness: Fairness::default(),
            tasks: tasks.clone(),
        });
        let follower = Arc::clone(&door);
        tasks.spawn("watch cache", async move { follower.cache.follow().await });
        Ok(door)
    }

    /// Answers one request. In-process callers put a [`User`] into its extensions; others are asked
    /// for credentials.
    pub async fn handle(self: &Arc<Self>, request: Request<Body>) -> Response<Body> {
        let query = Query::parse(request.uri().query());
        let route = route::parse(request.method(), request.uri().path(), &query);
        let found = route.target.as_ref().map(|target| self.find(target));
        let found = found.transpose();
        let known = found.as_ref().ok().and_then(Option::as_ref);
        let connects = known.is_some_and(Found::connects);
        let warning = known.and_then(|Found { resource, .. }| {
            let own = resource.names.deprecated.map(str::to_owned);
            resource.older.map(|it| it.warning()).or(own)
        });
        let observed = self.metrics.begin(&route, known.is_some());
        let compress = discovery::accepts_gzip(request.headers());
        let form = negotiate::status(request.headers(), &query);
        let deadline = query.deadline(DEADLINE);
        let run = AssertUnwindSafe(Arc::clone(self).boxed_path(route, found, query, request))
            .catch_unwind();
        let ended = match deadline {
            _ if connects => run.await,
            Err(status) => Ok(Err(status)),
            Ok(deadline) => match tokio::time::timeout(deadline, run).await {
                Ok(ended) => ended,
                Err(_) => Ok(Err(Status::failure(
                    504,
                    "Timeout",
                    "Timeout: request did not complete within the allotted timeout",
                ))),
            },
        };
        let mut response = match ended {
            Ok(Ok(response)) => response,
            Ok(Err(status)) => answer::status_in(form, &status),
            Err(_) => {
                tracing::error!("a request panicked");
                answer::status(&Status::internal(&"the request could not be handled"))
            }
        };
        if let Some(warning) = warning {
            answer::warn(&mut response, &[warning]);
        }
        let response = discovery::compressed(response, compress).await;
        observed.end(response.status().as_u16());
        response
    }

    /// The path with its type erased: it is the largest future of the crate.
    fn boxed_path(
        self: Arc<Self>,
        route: Route,
        found: Result<Option<Found>, Status>,
        query: Query,
        request: Request<Body>,
    ) -> BoxFuture<'static, Answer> {
        Box::pin(async move { self.path(route, found, query, request).await })
    }

    /// Steps 2 to 11.
    async fn path(
        self: &Arc<Self>,
        route: Route,
        found: Result<Option<Found>, Status>,
        query: Query,
        mut request: Request<Body>,
    ) -> Answer {
        let user = self.authenticate(&route, &mut request).await?;
        let user = impersonated(self, user, request.headers())?;
        let _place = self.fairness.enter(&route)?;
        self.authorize(&user, &route)?;
        let Route { verb, path, target } = route;
        let (Some(found), Some(target)) = (found?, target) else {
            return self.plain(verb, &path, &query, request.headers());
        };
        let connects = found.connects();
        let Found { resource, sub } = found;
        let reads = matches!(verb, "get" | "list" | "watch");
        if !takes(&resource, sub, &target, verb) {
            return Err(Status::method_not_supported(resource.named(), verb));
        }
        let form = negotiate::of_resource(request.headers(), &query, &resource)?;
        let headers = match connects {
            true => request.headers().clone(),
            false => std::mem::take(request.headers_mut()),
        };
        let call = Call {
            form,
            resource,
            subresource: sub,
            target,
            verb,
            query,
            headers,
            user,
            now: self.config.clock.now(),
        };
        if lacks_namespace(&call) {
            return Err(Status::no_such_path());
        }
        if let Some(sub) = sub.filter(|_| connects) {
            return subresource::connect(self, &call, sub, request).await;
        }
        if reads && sub.is_none() {
            return match call.verb {
                "get" => get::run(self, &call).await,
                "list" => list::run(self, &call).await,
                _ => watch::run(self, &call, request).await,
            };
        }
        let body = decode::read(&call.headers, request.into_body()).await?;
        options::check(&call)?;
        match (sub, call.verb) {
            (Some(sub), _) => subresource::run(self, &call, sub, &body).await,
            (None, "create") if call.resource.is_action() => reviews::run(self, &call, &body).await,
            (None, "create") => create::run(self, &call, &body).await,
            (None, "update") => update::run(self, &call, &body).await,
            (None, "patch") => patch::run(self, &call, &body).await,
            (None, "delete") => delete::run(self, &call, &body).await,
            (None, "deletecollection") => delete_collection::run(self, &call, &body).await,
            _ => Err(Status::method_not_supported(
                call.resource.named(),
                call.verb,
            )),
        }
    }

    /// Step 3.
    async fn authenticate(
        &self,
        route: &Route,
        request: &mut Request<Body>,
    ) -> Result<User, Status> {
        if let Some(user) = request.extensions_mut().remove::<User>() {
            return Ok(user);
        }
        let credentials = Credentials::of(request)?;
        for authenticator in &self.config.authenticators {
            if let Some(user) = authenticator.authenticate(self, &credentials).await? {
                return Ok(user);
            }
        }
        if route.target.is_none() && health::is_public(&route.path) && credentials.is_empty() {
            return Ok(User::anonymous());
        }
        Err(Status::unauthorized())
    }

    /// Step 5.
    fn authorize(&self, user: &User, route: &Route) -> Result<(), Status> {
        let attributes = Attributes::of(user, route);
        match self.config.authorizer.authorize(self, &attributes) {
            Decision::Allow => Ok(()),
            Decision::Deny(because) | Decision::NoOpinion(because) => {
                Err(attributes.forbidden(&because))
            }
        }
    }

    fn find(&self, target: &Target) -> Result<Found, Status> {
        let resource = self
            .resources
            .find(&target.group, &target.version, &target.plural)
            .ok_or_else(|| absent(target))?;
        let sub = match target.subresource.as_str() {
            "" => None,
            name => Some(
                resource
                    .subresource(name)
                    .ok_or_else(Status::no_such_path)?,
            ),
        };
        let resource = Arc::clone(resource);
        let found = Found { resource, sub };
        if !target.rest.is_empty() && sub.is_some() && !found.connects() {
            return Err(Status::no_such_path());
        }
        Ok(found)
    }

    /// Paths that are no resources.
    fn plain(&self, verb: &str, path: &str, query: &Query, headers: &HeaderMap) -> Answer {
        if !matches!(verb, "get" | "head") {
            return Err(Status::failure(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            ));
        }
        if let Some(answer) = health::answer(self, path, query) {
            return answer;
        }
        if let Some(answer) = discovery::answer(self, path, query, headers) {
            return answer;
        }
        if let Some(answer) = openapi::answer(self, path, query, headers) {
            return answer;
        }
        if let Some(answer) = crate::tokens::well_known(self, path) {
            return answer;
        }
        Err(Status::no_such_path())
    }

    /// Step 7.
    pub(crate) fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        for step in self.config.admission.iter() {
            if step.handles(review) {
                step.mutate(review)?;
            }
        }
        Ok(())
    }

    /// Step 9.
    pub(crate) fn judge(&self, review: &mut Review<'_>) -> Result<Claims, Status> {
        let mut claims = Claims::default();
        for step in self.config.admission.iter() {
            if step.handles(review) {
                step.judge(review, &mut claims)?;
            }
        }
        Ok(claims)
    }

    /// Ends when the door closes.
    pub(crate) async fn closing(&self) {
        self.tasks.stopping().cancelled().await;
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Latest revision that reads see.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.cache.revision()
    }
}

/// Whether the path takes the verb. Objects of all namespaces together are only read; a name is not created.
fn takes(
    resource: &Resource,
    sub: Option<&kinds::Subresource>,
    target: &Target,
    verb: &str,
) -> bool {
    if let Some(sub) = sub {
        let reads = matches!(verb, "get" | "list" | "watch");
        return sub.verbs.contains(&verb) || (reads && sub.verbs.contains(&"get"));
    }
    let everywhere = resource.namespaced() && target.namespace.is_empty();
    let fits = match verb {
        "list" | "watch" => true,
        "create" | "deletecollection" => target.name.is_empty() && !everywhere,
        _ => !target.name.is_empty(),
    };
    fits && resource.names.verbs.contains(&verb)
}

/// Whether an object of a namespace is named without one.
fn lacks_namespace(call: &Call) -> bool {
    let Target {
        namespace, name, ..
    } = &call.target;
    call.resource.namespaced() && namespace.is_empty() && !name.is_empty()
}

/// Why there is no such resource.
fn absent(target: &Target) -> Status {
    let api_version = api_version(&target.group, &target.version);
    match kinds::find_gone(&api_version, &target.plural) {
        Some(gone) => Status::failure(404, "NotFound", gone.text()),
        None => Status::no_such_path(),
    }
}
