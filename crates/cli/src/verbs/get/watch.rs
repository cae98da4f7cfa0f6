//! `get -w`: a list, then a line for every change.

use super::Arguments;
use crate::{
    live,
    print::{self, Output, table},
    selection::Group,
    session::{JSON, Session, TABLE},
};
use anyhow::{Result, bail};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;

/// The longest event that is read.
const EVENT_LIMIT_BYTES: usize = 64 << 20;

impl Arguments {
    pub(super) async fn watch(
        &self,
        session: &Session,
        group: &Group,
        namespace: &str,
        output: &Output,
    ) -> Result<()> {
        let mut path = self.list_path(group, namespace);
        match group.names.as_slice() {
            [] => {}
            [name] => path = path.query("fieldSelector", &format!("metadata.name={name}")),
            _ => bail!("you may only specify a single resource name with --watch"),
        }
        let accept = if output.is_table() { TABLE } else { JSON };
        let list = session.get(&path, accept).await?;
        let mut shown = Shown {
            arguments: self,
            group,
            output,
            columns: table::Columns::default(),
            definitions: list.clone(),
            headed: self.no_headers,
        };
        if !self.watch_only {
            let key = if output.is_table() { "rows" } else { "items" };
            for item in list[key].as_array().into_iter().flatten() {
                shown.show(item)?;
            }
        }
        let revision = list["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        let path = path
            .query("watch", "true")
            .query_if("resourceVersion", revision);
        let response = session
            .open(Method::GET, &path, accept, "", Bytes::new())
            .await?;
        let mut chunks = response.into_body().into_data_stream();
        let mut buffer = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            buffer.extend_from_slice(&chunk?);
            if buffer.len() > EVENT_LIMIT_BYTES {
                bail!("an event exceeds {EVENT_LIMIT_BYTES} bytes");
            }
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line = buffer.split_to(end + 1);
                if !line.trim_ascii().is_empty() {
                    shown.event(&serde_json::from_slice(&line)?)?;
                }
            }
        }
        Ok(())
    }
}

/// What has been printed so far.
struct Shown<'a> {
    arguments: &'a Arguments,
    group: &'a Group,
    output: &'a Output,
    columns: table::Columns,
    definitions: Value,
    headed: bool,
}

impl Shown<'_> {
    fn event(&mut self, event: &Value) -> Result<()> {
        let object = &event["object"];
        match event["type"].as_str() {
            Some("BOOKMARK") => Ok(()),
            Some("ERROR") => {
                let status = serde_json::from_value(object.clone())?;
                Err(client::Error::Status(Box::new(status)).into())
            }
            _ if object["kind"] == "Table" => {
                if object["columnDefinitions"]
                    .as_array()
                    .is_some_and(|it| !it.is_empty())
                {
                    self.definitions = object.clone();
                }
                for row in object["rows"].as_array().into_iter().flatten() {
                    self.show(row)?;
                }
                Ok(())
            }
            _ => self.show(object),
        }
    }

    fn show(&mut self, item: &Value) -> Result<()> {
        if !self.output.is_table() {
            let mut item = item.clone();
            if !self.arguments.show_managed_fields {
                live::hide_managed_fields(&mut item);
            }
            item["apiVersion"] = self.group.resource.api_version().into();
            item["kind"] = self.group.resource.kind.clone().into();
            if matches!(self.output, Output::Yaml) {
                print::line("---")?;
            }
            let name = item["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            print::tree(self.output, &item, &self.group.resource.name_of(&name))?;
            return match self.output {
                Output::Json | Output::Yaml | Output::Name => Ok(()),
                _ => print::line(""),
            };
        }
        let wide = matches!(self.output, Output::Wide);
        let layout = self.arguments.layout(self.group, wide, false);
        let mut rows = Vec::new();
        if !self.headed {
            rows.push(layout.heading(&self.definitions));
            self.headed = true;
        }
        rows.push(layout.row(&self.definitions, item));
        print::write(&self.columns.render(&rows))
    }
}
