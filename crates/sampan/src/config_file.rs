//! The configuration file: the same keys as the flags, put before them on the command line, so that a flag
//! wins over the file and there is one grammar for both.

use crate::arguments::value_of;
use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use std::{
    ffi::OsString,
    fs::File,
    io::{ErrorKind, Read as _},
    path::PathBuf,
};

/// Read when it exists; a file named by `--config` must exist.
pub(crate) const DEFAULT: &str = "/etc/sampan/config.yaml";

/// The flag that names another file.
pub(crate) const FLAG: &[&str] = &["--config", "-c"];

/// The largest configuration read, in bytes.
const LIMIT_BYTES: u64 = 1 << 20;

/// Puts the file's settings behind `server` or `up`; other commands have none.
pub(crate) fn extend(mut arguments: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    let has_config = arguments
        .get(1)
        .is_some_and(|command| command == "server" || command == "up");
    if !has_config {
        return Ok(arguments);
    }
    let named = value_of(&arguments, FLAG).map(PathBuf::from);
    let file = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT));
    let opened = match File::open(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
            return Ok(arguments);
        }
        opened => opened,
    };
    let mut text = String::new();
    opened
        .and_then(|opened| opened.take(LIMIT_BYTES + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(
        text.len() as u64 <= LIMIT_BYTES,
        "{} is larger than 1 MiB",
        file.display()
    );
    let settings = to_arguments(&text).with_context(|| format!("in {}", file.display()))?;
    arguments.splice(2..2, settings.into_iter().map(OsString::from));
    Ok(arguments)
}

/// `key: value` becomes `--key=value`, a list one flag for each item, `true` the bare flag.
pub(crate) fn to_arguments(yaml: &str) -> anyhow::Result<Vec<String>> {
    let tree: Option<serde_json::Map<String, Value>> =
        serde_saphyr::from_str(yaml).context("it must be a mapping of flags to values")?;
    let mut arguments = Vec::new();
    for (key, value) in tree.unwrap_or_default() {
        match value {
            Value::Bool(true) => arguments.push(format!("--{key}")),
            Value::Bool(false) | Value::Null => {}
            Value::Array(items) => {
                for item in &items {
                    arguments.push(format!("--{key}={}", scalar(&key, item)?));
                }
            }
            other => arguments.push(format!("--{key}={}", scalar(&key, &other)?)),
        }
    }
    Ok(arguments)
}

fn scalar(key: &str, value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => bail!("{key} must be a string, a number, true, false, or a list of these"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_flags() {
        let yaml = "https-listen-port: 7443\ndisable: [dns, proxy]\ndisable-agent: true\nnode-name: a\nempty:\n";
        let mut flags = to_arguments(yaml).unwrap();
        flags.sort();
        assert_eq!(
            flags,
            [
                "--disable-agent",
                "--disable=dns",
                "--disable=proxy",
                "--https-listen-port=7443",
                "--node-name=a"
            ]
        );
        assert!(to_arguments("").unwrap().is_empty());
        assert!(to_arguments("- a").is_err());
        assert!(to_arguments("a: {b: c}").is_err());
    }
}
