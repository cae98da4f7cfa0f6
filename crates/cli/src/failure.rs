//! How failures are shown and which exit code they give; kubectl's `cmdutil.CheckErr`.

use client::Error;
use machinery::status::Status;
use std::{io::ErrorKind, process::ExitCode};

/// Ends the program with this code and no message: the command in the container gave it.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Exit(pub(crate) u8);

/// A failure of the server with words put before its message, such as `error when creating "x.yaml": `.
#[derive(Debug, thiserror::Error)]
#[error("{prefix}{status}")]
pub(crate) struct About {
    /// Ends in `: `.
    pub(crate) prefix: String,
    pub(crate) status: Box<Status>,
}

/// Puts `prefix` before the message of a server's failure; other errors stay as they are.
pub(crate) fn about(error: anyhow::Error, prefix: String) -> anyhow::Error {
    match error.downcast::<Error>() {
        Ok(Error::Status(status)) => About { prefix, status }.into(),
        Ok(other) => other.into(),
        Err(other) => other,
    }
}

/// The server's Status in an error, if there is one.
pub(crate) fn status(error: &anyhow::Error) -> Option<&Status> {
    if let Some(about) = error.downcast_ref::<About>() {
        return Some(&about.status);
    }
    error.downcast_ref::<Error>().and_then(Error::status)
}

/// Prints an error and gives the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(exit) = error.downcast_ref::<Exit>() {
        return ExitCode::from(exit.0);
    }
    if broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    eprintln!("{}", text(error));
    ExitCode::FAILURE
}

/// The line for people.
pub(crate) fn text(error: &anyhow::Error) -> String {
    if let Some(about) = error.downcast_ref::<About>() {
        return status_text(&about.status, &about.prefix);
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Status(status)) => status_text(status, ""),
        Some(error @ Error::Transport { .. }) => transport_text(error),
        _ => {
            let text = format!("{error:#}");
            if text.starts_with("error:")
                || text.starts_with("The ")
                || text.starts_with("You must specify")
                || text.starts_with("Unable ")
            {
                text
            } else {
                format!("error: {text}")
            }
        }
    }
}

fn status_text(status: &Status, prefix: &str) -> String {
    if status.is("Invalid")
        && let Some(details) = &status.details
        && !details.kind.is_empty()
    {
        let head = format!("The {} {:?} is invalid", details.kind, details.name);
        let mut causes: Vec<String> = Vec::new();
        for cause in &details.causes {
            let text = format!("{}: {}", cause.field, cause.message);
            if !causes.contains(&text) {
                causes.push(text);
            }
        }
        return match causes.as_slice() {
            [] => head,
            [one] => format!("{head}: {one}"),
            many => format!("{head}: \n* {}", many.join("\n* ")),
        };
    }
    if status.is("Unauthorized") {
        return format!(
            "error: You must be logged in to the server ({prefix}{})",
            status.message
        );
    }
    let reason = if status.reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", status.reason)
    };
    format!("Error from server{reason}: {prefix}{}", status.message)
}

fn transport_text(error: &Error) -> String {
    let mut chain: Vec<&(dyn std::error::Error + 'static)> = vec![error];
    while let Some(next) = chain.last().and_then(|it| it.source()) {
        chain.push(next);
    }
    let refused = chain.iter().any(|it| {
        it.downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == ErrorKind::ConnectionRefused)
    });
    let last = chain.last().map(ToString::to_string).unwrap_or_default();
    if refused || last.contains("Connection refused") {
        return "The connection to the server was refused - did you specify the right host or port?"
            .to_owned();
    }
    format!("Unable to connect to the server: {last}")
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|it| {
        it.downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
    })
}
