//! `get`: what exists, as the server prints it or as trees.

mod watch;

use crate::{
    failure,
    flags::Files,
    live, manifest,
    print::{
        self, Output,
        jsonpath::{self, Template},
        table::{self, Layout},
    },
    selection::{self, Group},
    session::{JSON, Session, TABLE},
};
use anyhow::{Result, bail};
use client::Path;
use http::Method;
use serde_json::Value;

/// Items of one page of a list.
const PAGE: &str = "500";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TYPE[,TYPE…] [NAME…] or TYPE/NAME…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Output format: json, yaml, name, wide, jsonpath=…, custom-columns=…
    #[arg(short, long, default_value = "")]
    output: String,
    /// Show all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// Field selector.
    #[arg(long, default_value = "")]
    field_selector: String,
    /// Show labels as the last column.
    #[arg(long)]
    show_labels: bool,
    /// Labels to show as columns of their own.
    #[arg(short = 'L', long, value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Leave out headers.
    #[arg(long)]
    no_headers: bool,
    /// Show the kind with the name.
    #[arg(long)]
    show_kind: bool,
    /// JSONPath by which lists are sorted.
    #[arg(long)]
    sort_by: Option<String>,
    /// Watch for changes after listing.
    #[arg(short, long)]
    watch: bool,
    /// Watch for changes without listing.
    #[arg(long)]
    watch_only: bool,
    /// Say nothing about an object that does not exist.
    #[arg(long)]
    ignore_not_found: bool,
    /// Keep managedFields in JSON and YAML.
    #[arg(long)]
    show_managed_fields: bool,
    /// A path to request from the server as it is.
    #[arg(long)]
    raw: Option<String>,
    /// Items of one page of a list; 0 for all at once.
    #[arg(long, default_value = PAGE)]
    chunk_size: String,
    /// Print what the server's columns say (false: names and ages).
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    server_print: bool,
    /// A subresource to get: status, scale.
    #[arg(long, default_value = "")]
    subresource: String,
}

impl Arguments {
    pub(crate) async fn run(mut self, session: &Session) -> Result<()> {
        if let Some(raw) = &self.raw {
            let body = session.bytes(Method::GET, &Path::new(raw), JSON).await?;
            return print::write(&String::from_utf8_lossy(&body));
        }
        let mut output = Output::parse(&self.output)?;
        if let Output::Columns(columns) = &mut output {
            columns.headers = !self.no_headers;
        }
        let groups = self.groups(session).await?;
        if groups.is_empty() {
            bail!(
                "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n\nerror: Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).\nSee 'kubectl get -h' for help and examples"
            );
        }
        let namespace = if self.all_namespaces {
            String::new()
        } else {
            session.namespace().await?
        };
        if self.watch || self.watch_only {
            let [group] = groups.as_slice() else {
                bail!("you may only specify a single resource type");
            };
            return self.watch(session, group, &namespace, &output).await;
        }
        if output.is_table() {
            self.tables(session, &groups, &namespace, matches!(output, Output::Wide))
                .await
        } else {
            self.trees(session, &groups, &namespace, &output).await
        }
    }

    async fn groups(&mut self, session: &Session) -> Result<Vec<Group>> {
        let mut groups = selection::groups(session, &self.words).await?;
        for document in manifest::read(&self.files)? {
            let (resource, _) = manifest::place(session, &document.object).await?;
            let name = document.object["metadata"]["name"]
                .as_str()
                .unwrap_or_default();
            groups.push(Group {
                resource,
                names: vec![name.to_owned()],
            });
        }
        Ok(groups)
    }

    /// The path that lists a group, narrowed.
    fn list_path(&self, group: &Group, namespace: &str) -> Path {
        group
            .resource
            .collection(namespace)
            .query_if("labelSelector", &self.selector)
            .query_if("fieldSelector", &self.field_selector)
    }

    fn object_path(&self, group: &Group, namespace: &str, name: &str) -> Path {
        let path = group.resource.object(namespace, name);
        if self.subresource.is_empty() {
            path
        } else {
            path.part(&self.subresource)
        }
    }

    /// The answers of one group; failures of single names are printed and remembered.
    async fn fetch(
        &self,
        session: &Session,
        group: &Group,
        namespace: &str,
        accept: &str,
        failed: &mut Option<anyhow::Error>,
    ) -> Result<Vec<Value>> {
        let whole = |path: Path| {
            if accept == TABLE && self.sort_by.is_some() {
                path.query("includeObject", "Object")
            } else {
                path
            }
        };
        let mut answers = Vec::new();
        for name in &group.names {
            if group.resource.namespaced && self.all_namespaces {
                bail!("a resource cannot be retrieved by name across all namespaces");
            }
            let path = whole(self.object_path(group, namespace, name));
            match session.get(&path, accept).await {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    let missing = failure::status(&error).is_some_and(|it| it.is("NotFound"));
                    if missing && self.ignore_not_found {
                        continue;
                    }
                    if failure::status(&error).is_none() {
                        return Err(error);
                    }
                    if let Some(earlier) = failed.replace(error) {
                        eprintln!("{}", failure::text(&earlier));
                    }
                }
            }
        }
        if group.names.is_empty() {
            let mut token = String::new();
            loop {
                let path = whole(self.list_path(group, namespace))
                    .query_if("limit", self.chunk_size.trim_start_matches('0'))
                    .query_if("continue", &token);
                let answer = session.get(&path, accept).await?;
                token = answer["metadata"]["continue"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                answers.push(answer);
                if token.is_empty() {
                    break;
                }
            }
        }
        Ok(answers)
    }

    fn layout(&self, group: &Group, wide: bool, many: bool) -> Layout {
        Layout {
            wide,
            headers: !self.no_headers,
            namespace: self.all_namespaces && group.resource.namespaced,
            labels: self.show_labels,
            label_columns: self.label_columns.clone(),
            prefix: if many || self.show_kind {
                group.resource.name_of("")
            } else {
                String::new()
            },
        }
    }

    async fn tables(
        &self,
        session: &Session,
        groups: &[Group],
        namespace: &str,
        wide: bool,
    ) -> Result<()> {
        let (mut failed, mut shown) = (None, 0);
        let accept = if self.server_print { TABLE } else { JSON };
        for group in groups {
            if group.names.is_empty() && !group.resource.can("list") {
                bail!(
                    "the server doesn't allow this method on the requested resource ({})",
                    group.resource.qualified()
                );
            }
            let answers = self
                .fetch(session, group, namespace, accept, &mut failed)
                .await?;
            let mut table = joined(answers);
            if let Some(path) = &self.sort_by {
                sort_rows(&mut table, &Template::relaxed(path)?);
            }
            if table["rows"].as_array().is_none_or(Vec::is_empty) {
                continue;
            }
            if shown > 0 {
                print::line("")?;
            }
            shown += 1;
            let layout = self.layout(group, wide, groups.len() > 1);
            print::write(&table::Columns::default().render(&layout.rows(&table)))?;
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if shown == 0 && !self.ignore_not_found {
            let namespaced = groups.iter().any(|it| it.resource.namespaced);
            if namespaced && !self.all_namespaces {
                eprintln!("No resources found in {namespace} namespace.");
            } else {
                eprintln!("No resources found");
            }
        }
        Ok(())
    }

    async fn trees(
        &self,
        session: &Session,
        groups: &[Group],
        namespace: &str,
        output: &Output,
    ) -> Result<()> {
        let (mut failed, mut items) = (None, Vec::new());
        let single = matches!(groups, [group] if group.names.len() == 1);
        for group in groups {
            for answer in self
                .fetch(session, group, namespace, JSON, &mut failed)
                .await?
            {
                let Some(list) = answer["items"]
                    .as_array()
                    .filter(|_| group.names.is_empty())
                else {
                    items.push((group, answer));
                    continue;
                };
                for item in list {
                    let mut item = item.clone();
                    item["apiVersion"] = group.resource.api_version().into();
                    item["kind"] = group.resource.kind.clone().into();
                    items.push((group, item));
                }
            }
        }
        if !self.show_managed_fields {
            items
                .iter_mut()
                .for_each(|(_, item)| live::hide_managed_fields(item));
        }
        if let Some(path) = &self.sort_by {
            let path = Template::relaxed(path)?;
            items.sort_by(|(_, a), (_, b)| compare(&path, a, b));
        }
        if matches!(output, Output::Name) {
            for (group, item) in &items {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                print::line(&group.resource.name_of(name))?;
            }
        } else if single {
            if let Some((_, item)) = items.first() {
                print::tree(output, item, "")?;
            }
        } else if !(items.is_empty() && failed.is_some()) {
            let items = items.into_iter().map(|(_, item)| item).collect();
            print::tree(output, &print::list_of(items), "")?;
        }
        failed.map_or(Ok(()), Err)
    }
}

/// One table of several answers; a server that does not print tables gets names and ages.
fn joined(answers: Vec<Value>) -> Value {
    let mut tables = answers.into_iter().map(|answer| {
        if answer["kind"] == "Table" {
            answer
        } else if let Some(items) = answer["items"].as_array() {
            table::of_objects(items)
        } else {
            table::of_objects(std::slice::from_ref(&answer))
        }
    });
    let Some(mut first) = tables.next() else {
        return Value::Null;
    };
    for mut table in tables {
        let more = table["rows"]
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        if let Some(rows) = first["rows"].as_array_mut() {
            rows.extend(more);
        }
    }
    first
}

fn sort_rows(table: &mut Value, path: &Template) {
    if let Some(rows) = table["rows"].as_array_mut() {
        rows.sort_by(|a, b| compare(path, &a["object"], &b["object"]));
    }
}

/// Absent values come first.
fn compare(path: &Template, a: &Value, b: &Value) -> std::cmp::Ordering {
    match (path.values(a).first(), path.values(b).first()) {
        (Some(a), Some(b)) => jsonpath::order(a, b).unwrap_or(std::cmp::Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}
