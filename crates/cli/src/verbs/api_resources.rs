//! `api-resources`: what the server serves.

use crate::{
    print::{self, table},
    session::Session,
};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only resources of this group.
    #[arg(long)]
    api_group: Option<String>,
    /// Only namespaced resources (or, with =false, only others).
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    namespaced: Option<bool>,
    /// Only resources with all these verbs.
    #[arg(long, value_delimiter = ',')]
    verbs: Vec<String>,
    /// Leave out headers.
    #[arg(long)]
    no_headers: bool,
    /// Output format: name or wide.
    #[arg(short, long, default_value = "")]
    output: String,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let wide = self.output == "wide";
        let mut rows = Vec::new();
        let mut names = Vec::new();
        let mut resources = session.catalogue().await?.resources.clone();
        // Discovery lists preferred versions first.
        let mut seen = std::collections::HashSet::new();
        resources.retain(|it| seen.insert(it.qualified()));
        resources.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
        for it in resources {
            let wanted = self
                .api_group
                .as_ref()
                .is_none_or(|group| *group == it.group)
                && self.namespaced.is_none_or(|asked| asked == it.namespaced)
                && self.verbs.iter().all(|verb| it.can(verb));
            if !wanted {
                continue;
            }
            names.push(it.qualified());
            let mut row = vec![
                it.plural.clone(),
                it.short.join(","),
                it.api_version(),
                it.namespaced.to_string(),
                it.kind.clone(),
            ];
            if wide {
                row.push(it.verbs.join(","));
                row.push(it.categories.join(","));
            }
            rows.push(row);
        }
        if self.output == "name" {
            return print::line(&names.join("\n"));
        }
        if !self.no_headers {
            let mut heading = vec!["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"];
            if wide {
                heading.extend(["VERBS", "CATEGORIES"]);
            }
            rows.insert(0, heading.into_iter().map(str::to_owned).collect());
        }
        print::write(&table::Columns::default().render(&rows))
    }
}
