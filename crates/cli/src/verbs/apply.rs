//! `apply`: brings objects to what files say. Client-side with the last-applied annotation, or by the
//! server.

use super::create::Shown;
use crate::{
    failure,
    flags::Files,
    live,
    manifest::{self, Document},
    print::Output,
    resolve::Resource,
    session::{APPLY, MERGE, STRATEGIC, Session},
};
use anyhow::{Result, bail};
use machinery::{patch, workloads::LAST_APPLIED};
use serde_json::{Value, json};

const MANAGER: &str = "kubectl-client-side-apply";
/// Tries when others change the object at the same time.
const ATTEMPTS: u32 = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    shown: Shown,
    /// Let the server merge.
    #[arg(long)]
    server_side: bool,
    /// With --server-side: take fields that others own.
    #[arg(long)]
    force_conflicts: bool,
    /// Name of the manager used to track field ownership.
    #[arg(long, default_value = "kubectl")]
    field_manager: String,
    /// Label selector; other objects of the files are left alone.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// Accepted for compatibility: the server always validates.
    #[arg(long, default_missing_value = "strict", num_args = 0..=1, require_equals = true)]
    validate: Option<String>,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if self.files.filenames.is_empty() {
            bail!("must specify one of -f and -k");
        }
        let selector = machinery::labels::Selector::parse(&self.selector)?;
        let mut failed: Option<anyhow::Error> = None;
        for document in manifest::read(&self.files)? {
            let labels = &document.object["metadata"]["labels"];
            if !selector.matches_by(&|key| labels.get(key)?.as_str()) {
                continue;
            }
            if let Err(error) = self.apply(session, document).await
                && let Some(earlier) = failed.replace(error)
            {
                eprintln!("{}", failure::text(&earlier));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn apply(&self, session: &Session, document: Document) -> Result<()> {
        let source = document.source;
        let (resource, namespace) = manifest::place(session, &document.object).await?;
        let object = manifest::with_namespace(document.object, &namespace);
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if name.is_empty() {
            bail!(
                "error when retrieving current configuration of {source:?}: resource name may not be empty"
            );
        }
        if self.server_side {
            return self
                .by_server(session, &resource, &namespace, &object, &source)
                .await;
        }
        for attempt in 1..=ATTEMPTS {
            let Some(live) = session.find(&resource, &namespace, &name).await? else {
                return self
                    .create(session, &resource, &namespace, object, &source)
                    .await;
            };
            let done = self
                .patch(session, &resource, &namespace, &object, &live, &source)
                .await;
            match done {
                Err(error)
                    if attempt < ATTEMPTS
                        && failure::status(&error).is_some_and(|it| it.code == 409) => {}
                done => return done,
            }
        }
        Ok(())
    }

    async fn by_server(
        &self,
        session: &Session,
        resource: &Resource,
        namespace: &str,
        object: &Value,
        source: &str,
    ) -> Result<()> {
        if self.shown.dry_run.is_client() {
            bail!(
                "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)"
            );
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let mut path = resource.object(namespace, name);
        if self.force_conflicts {
            path = path.query("force", "true");
        }
        let dry_run = self.shown.dry_run.query();
        let applied = session
            .patch(path, APPLY, object, &self.field_manager, dry_run)
            .await
            .map_err(|error| match failure::status(&error) {
                Some(status) if status.code == 409 => anyhow::anyhow!(
                    "{}\nPlease review the fields above--they currently have other managers. Here\nare the ways you can resolve this warning:\n* If you intend to manage all of these fields, please re-run the apply\n  command with the `--force-conflicts` flag.\n* If you do not intend to manage all of the fields, please edit your\n  manifest to remove references to the fields that should keep their\n  current managers.\n* You may co-own fields by updating your manifest to match the existing\n  value; in this case, you'll become the manager if the other manager(s)\n  stop managing the field (remove it from their configuration).\nSee https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts",
                    status.message
                ),
                _ => failure::about(error, format!("error when applying {source:?}: ")),
            })?;
        let output = Output::parse(&self.shown.output)?;
        live::done(
            &output,
            resource,
            &applied,
            "serverside-applied",
            self.shown.dry_run,
        )
    }

    async fn create(
        &self,
        session: &Session,
        resource: &Resource,
        namespace: &str,
        object: Value,
        source: &str,
    ) -> Result<()> {
        let dry_run = self.shown.dry_run;
        let mut object = annotated(object);
        if !dry_run.is_client() {
            object = session
                .create(resource, namespace, &object, MANAGER, dry_run.query())
                .await
                .map_err(|error| {
                    failure::about(error, format!("error when creating {source:?}: "))
                })?;
        }
        live::done(
            &Output::parse(&self.shown.output)?,
            resource,
            &object,
            "created",
            dry_run,
        )
    }

    async fn patch(
        &self,
        session: &Session,
        resource: &Resource,
        namespace: &str,
        object: &Value,
        live: &Value,
        source: &str,
    ) -> Result<()> {
        let (dry_run, output) = (self.shown.dry_run, Output::parse(&self.shown.output)?);
        let last = live["metadata"]["annotations"][LAST_APPLIED].as_str();
        if last.is_none() && !dry_run.is_client() {
            eprintln!(
                "Warning: resource {}/{} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.",
                resource.plural,
                object["metadata"]["name"].as_str().unwrap_or_default()
            );
        }
        let original: Value = last
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let schemas = api::schema::builtin();
        let schema = schemas
            .kind(&resource.group, &resource.version, &resource.kind)
            .map(|of| (schemas, of));
        let change = patch::three_way(&original, &annotated(object.clone()), live, schema);
        if change.as_object().is_none_or(serde_json::Map::is_empty) {
            return live::done(&output, resource, live, "unchanged", dry_run);
        }
        let content_type = if schema.is_some() { STRATEGIC } else { MERGE };
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let mut patched = live.clone();
        if !dry_run.is_client() {
            let path = resource.object(namespace, name);
            patched = session
                .patch(path, content_type, &change, MANAGER, dry_run.query())
                .await
                .map_err(|error| {
                    let what = format!(
                        "error when applying patch:\n{change}\nto:\nResource: \"{}, Resource={}\", GroupVersionKind: \"{}, Kind={}\"\nName: {name:?}, Namespace: {namespace:?}\nfor: {source:?}: error when patching {source:?}: ",
                        group_version(resource), resource.plural, group_version(resource), resource.kind
                    );
                    failure::about(error, what)
                })?;
        }
        let same = patched["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"];
        let what = if same && !dry_run.is_client() {
            "unchanged"
        } else {
            "configured"
        };
        live::done(&output, resource, &patched, what, dry_run)
    }
}

fn group_version(resource: &Resource) -> String {
    format!("{}/{}", resource.group, resource.version)
}

/// The object with itself in its last-applied annotation.
pub(crate) fn annotated(mut object: Value) -> Value {
    let mut bare = object.clone();
    if let Some(metadata) = bare["metadata"].as_object_mut() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.remove(LAST_APPLIED);
        }
    }
    object["metadata"]["annotations"][LAST_APPLIED] = format!("{bare}\n").into();
    object
}
