//! `wait`: until objects meet a condition or are gone.

use crate::{
    flags::Files,
    live, print,
    print::jsonpath::Template,
    selection::{self, Narrow},
    session::Session,
    tree::{plain, text},
};
use anyhow::{Result, bail};
use serde_json::Value;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TYPE NAME… or TYPE/NAME…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// delete, condition=NAME[=VALUE] or jsonpath={PATH}=VALUE
    #[arg(long = "for", required = true)]
    until: String,
    /// How long to wait.
    #[arg(long, default_value = "30s")]
    timeout: String,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// All of the type.
    #[arg(long)]
    all: bool,
    /// In all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

/// What is waited for.
enum Until {
    Gone,
    Condition(String, String),
    Value(Template, Option<String>),
}

impl Until {
    fn parse(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case("delete") {
            return Ok(Self::Gone);
        }
        if let Some(rest) = text.strip_prefix("condition=") {
            let (name, value) = rest.split_once('=').unwrap_or((rest, "true"));
            return Ok(Self::Condition(name.to_owned(), value.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("jsonpath=") {
            let rest = rest.trim_matches('\'');
            let end = rest.rfind('}').map_or(rest.len(), |at| at + 1);
            let value = rest[end..].strip_prefix('=').map(str::to_owned);
            return Ok(Self::Value(Template::relaxed(&rest[..end])?, value));
        }
        bail!("unrecognized condition: {text:?}")
    }

    fn met(&self, object: &Value) -> bool {
        match self {
            Self::Gone => false,
            Self::Condition(name, value) => object["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|it| {
                    let same = |key: &str, text: &str| {
                        it[key]
                            .as_str()
                            .is_some_and(|own| own.eq_ignore_ascii_case(text))
                    };
                    same("type", name) && same("status", value)
                }),
            Self::Value(path, wanted) => path
                .values(object)
                .first()
                .is_some_and(|value| wanted.as_ref().is_none_or(|wanted| *wanted == plain(value))),
        }
    }
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let until = Until::parse(&self.until)?;
        let timeout = Some(machinery::durations::parse_go(&self.timeout)?.unsigned_abs());
        let narrow = Narrow {
            labels: self.selector.clone(),
            all: self.all,
            all_namespaces: self.all_namespaces,
            ..Narrow::default()
        };
        let items = match selection::items(session, &self.words, &self.files, &narrow).await {
            Err(error)
                if matches!(until, Until::Gone)
                    && crate::failure::status(&error).is_some_and(|it| it.is("NotFound")) =>
            {
                return Ok(());
            }
            items => items?,
        };
        if items.is_empty() && !matches!(until, Until::Gone) {
            bail!("no matching resources found");
        }
        for item in items {
            let text = if matches!(until, Until::Gone) {
                let uid = text(&item.object["metadata"]["uid"]);
                live::gone(session, &item, uid, timeout).await?;
                "deleted"
            } else {
                let ready = |object: &Value| Ok(until.met(object).then_some(()));
                let met = live::until(session, &item.path(), timeout, ready).await?;
                met.ok_or_else(|| live::timed_out(&item))?;
                "condition met"
            };
            print::line(&format!("{} {text}", item.title()))?;
        }
        Ok(())
    }
}
