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
    health,
    metrics::Metrics,
    negotiate, openapi,
    query::Query,
    resources::{Resource, Resources, api_version},
    reviews,
    route::{self, Route, Target},
    turns::Turns,
    verbs::{
        Call, create, delete, delete_collection, get, list, options, patch, subresource, update,
        watch,
    },
    watch_cache::WatchCache,
};
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
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
    pub(crate) metrics: Metrics,
    pub(crate) openapi: openapi::Documents,
    pub(crate) turns: Turns,
    fairness: Fairness,
    tasks: Tasks,
}

impl Door {
    /// Loads what the store holds and begins to follow it. `tasks` is what it starts its own in;
    /// when that stops, watches end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn new(config: Config, tasks: &Tasks) -> Result<Arc<Self>, store::Error> {
        let resources = Arc::new(Resources::new(kinds::list(), config.advertise_removed_apis));
        let (cache, feed) =
            WatchCache::load(Arc::clone(&config.store), Arc::clone(&resources)).await?;
        let door = Arc::new(Self {
            config,
            resources,
            cache,
            metrics: Metrics::new(),
            openapi: openapi::Documents::default(),
            turns: Turns::default(),
            fairness: Fairness::default(),
            tasks: tasks.clone(),
        });
        let follower = Arc::clone(&door);
        tasks.spawn(
            "watch cache",
            async move { follower.cache.follow(feed).await },
        );
        Ok(door)
    }

    /// Answers one request. In-process callers put a [`User`] into its extensions; others are asked
    /// for credentials.
    pub async fn handle(self: &Arc<Self>, request: Request<Body>) -> Response<Body> {
        let query = Query::parse(request.uri().query());
        let route = route::parse(request.method(), request.uri().path(), &query);
        let found = route.target.as_ref().map(|target| self.find(target));
        let known = found.as_ref().is_some_and(Result::is_ok);
        let connects =
            matches!(&found, Some(Ok((_, Some(sub)))) if sub.serves == SubresourceKind::Connect);
        let warning = found.and_then(|it| {
            let resource = it.ok()?.0;
            let own = resource.names.deprecated.map(str::to_owned);
            resource.older.map(|it| it.warning()).or(own)
        });
        let observed = self.metrics.begin(&route, known);
        let compress = discovery::accepts_gzip(request.headers());
        let form = negotiate::status(request.headers(), &query);
        let deadline = query.deadline(DEADLINE);
        let run =
            AssertUnwindSafe(Arc::clone(self).boxed_path(route, query, request)).catch_unwind();
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
        query: Query,
        request: Request<Body>,
    ) -> BoxFuture<'static, Answer> {
        Box::pin(async move { self.path(route, query, request).await })
    }

    /// Steps 2 to 11.
    async fn path(
        self: &Arc<Self>,
        route: Route,
        query: Query,
        mut request: Request<Body>,
    ) -> Answer {
        let user = self.authenticate(&route, &mut request).await?;
        let user = impersonated(self, user, request.headers())?;
        let _place = self.fairness.enter(&route)?;
        self.authorize(&user, &route)?;
        let Some(target) = &route.target else {
            return self.plain(&route, &query, &user, request).await;
        };
        let (resource, sub) = self.find(target)?;
        let reads = matches!(route.verb, "get" | "list" | "watch");
        if !takes(&resource, sub, target, route.verb) {
            return Err(Status::method_not_supported(resource.named(), route.verb));
        }
        let form = negotiate::of_resource(request.headers(), &query, &resource)?;
        let call = Call {
            form,
            resource,
            subresource: sub,
            target: target.clone(),
            verb: route.verb,
            query,
            headers: request.headers().clone(),
            user,
            now: self.config.clock.now(),
        };
        if call.resource.namespaced()
            && call.target.namespace.is_empty()
            && !call.target.name.is_empty()
        {
            return Err(Status::no_such_path());
        }
        if let Some(sub) = sub.filter(|sub| sub.serves == SubresourceKind::Connect) {
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
            (None, "create") if reviews::handles(&call) => reviews::run(self, &call, &body).await,
            (None, "create") if call.resource.is_action() => {
                subresource::act_by_collection(self, &call, &body).await
            }
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
        let credentials = Credentials::of(request);
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

    fn find(
        &self,
        target: &Target,
    ) -> Result<(Arc<Resource>, Option<&'static kinds::Subresource>), Status> {
        let resource = self
            .resources
            .find(&target.group, &target.version, &target.plural)
            .ok_or_else(|| absent(target))?;
        if target.subresource.is_empty() {
            return Ok((Arc::clone(resource), None));
        }
        let sub = resource
            .subresource(&target.subresource)
            .ok_or_else(Status::no_such_path)?;
        let takes_rest = sub.serves == SubresourceKind::Connect;
        if !target.rest.is_empty() && !takes_rest {
            return Err(Status::no_such_path());
        }
        Ok((Arc::clone(resource), Some(sub)))
    }

    /// Paths that are no resources.
    async fn plain(
        self: &Arc<Self>,
        route: &Route,
        query: &Query,
        user: &User,
        request: Request<Body>,
    ) -> Answer {
        let _ = user;
        if !matches!(route.verb, "get" | "head") {
            return Err(Status::failure(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            ));
        }
        if let Some(answer) = health::answer(self, &route.path, query) {
            return answer;
        }
        if let Some(answer) = discovery::answer(self, &route.path, query, request.headers()) {
            return answer;
        }
        if let Some(answer) = openapi::answer(self, &route.path, query, request.headers()) {
            return answer;
        }
        if let Some(answer) = crate::tokens::well_known(self, &route.path) {
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

/// Why there is no such resource.
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

fn absent(target: &Target) -> Status {
    let api_version = api_version(&target.group, &target.version);
    match kinds::find_gone(&api_version, &target.plural) {
        Some(gone) => Status::failure(404, "NotFound", gone.text()),
        None => Status::no_such_path(),
    }
}
