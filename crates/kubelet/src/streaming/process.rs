//! A client's session with a process: input in, output out, and how it ended.

use super::{Channel, Output, Remote};
use bytes::Bytes;
use runtime::session::Session;
use serde_json::json;
use std::{future::Future, sync::Arc};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Output read at once, in bytes.
const CHUNK_BYTES: usize = 32 << 10;

/// Copies until the process ends or the client goes away. A session that could not be opened is told to the client.
pub(crate) async fn connect(
    remote: Remote,
    opening: impl Future<Output = runtime::Result<Session>>,
) {
    let Remote {
        stdin,
        mut resize,
        output,
        status_objects,
    } = remote;
    let output: Arc<dyn Output> = Arc::from(output);
    let Session {
        stdin: process_stdin,
        stdout,
        stderr,
        resize: sizes,
        exit,
    } = match opening.await {
        Ok(session) => session,
        Err(error) => return end(&*output, status_objects, Err(error.to_string())).await,
    };
    let input = tokio::spawn(feed(stdin, process_stdin));
    let sizing = tokio::spawn(async move {
        while let Some(size) = resize.recv().await {
            if sizes.send(size).await.is_err() {
                break;
            }
        }
    });
    let copy = async {
        tokio::join!(
            drain(stdout, &*output, Channel::Stdout),
            drain(stderr, &*output, Channel::Stderr)
        );
    };
    let ended = async {
        // All output comes before the end: a client that sees the end stops reading.
        let ((), exit) = tokio::join!(copy, exit);
        match exit {
            Ok(Ok(code)) => Ok(code),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the process was lost".to_owned()),
        }
    };
    tokio::select! {
        result = ended => end(&*output, status_objects, result).await,
        () = output.gone() => {}
    }
    input.abort();
    sizing.abort();
}

/// A session whose end is no failure, however its process ended: attached clients take the exit code from the pod.
pub(crate) fn without_exit_code(mut session: Session) -> Session {
    let (mut tell, exit) = tokio::sync::oneshot::channel();
    let ended = std::mem::replace(&mut session.exit, exit);
    tokio::spawn(async move {
        tokio::select! {
            result = ended => if let Ok(result) = result {
                // A client that is gone needs no end.
                let _ = tell.send(result.map(|_| 0));
            },
            () = tell.closed() => {}
        }
    });
    session
}

async fn feed(
    mut from: tokio::sync::mpsc::Receiver<Bytes>,
    to: Option<Box<dyn AsyncWrite + Send + Sync + Unpin>>,
) {
    let Some(mut to) = to else { return };
    while let Some(chunk) = from.recv().await {
        let written = to.write_all(&chunk).await;
        if written.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    // Dropping the writer closes the process's standard input.
    let _ = to.shutdown().await;
}

async fn drain(
    from: Option<Box<dyn AsyncRead + Send + Sync + Unpin>>,
    to: &dyn Output,
    channel: Channel,
) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0
            || to
                .write(channel, Bytes::copy_from_slice(&buffer[..count]))
                .await
                .is_err()
        {
            return;
        }
    }
}

async fn end(output: &dyn Output, status_objects: bool, result: Result<i32, String>) {
    if let Some(text) = last_words(status_objects, &result) {
        // A client that is gone needs no last words.
        let _ = output.write(Channel::Error, Bytes::from(text)).await;
    }
    output.finish().await;
}

/// What the error channel says: a Status since version 4 of the protocol, plain text (or nothing) before.
fn last_words(status_objects: bool, result: &Result<i32, String>) -> Option<String> {
    match (status_objects, result) {
        (true, Ok(0)) => Some(json!({ "metadata": {}, "status": "Success" }).to_string()),
        (true, Ok(code)) => Some(
            json!({
                "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
                "message": format!("command terminated with non-zero exit code: exit status {code}"),
                "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
            })
            .to_string(),
        ),
        (true, Err(error)) => Some(
            json!({
                "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
                "message": format!("Internal error occurred: {error}"),
                "details": { "causes": [{ "message": error }] },
            })
            .to_string(),
        ),
        (false, Ok(0)) => None,
        (false, Ok(code)) => Some(format!("command terminated with non-zero exit code: exit status {code}")),
        (false, Err(error)) => Some(error.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_by_protocol() {
        assert_eq!(
            last_words(true, &Ok(0)).unwrap(),
            r#"{"metadata":{},"status":"Success"}"#
        );
        let failed: serde_json::Value =
            serde_json::from_str(&last_words(true, &Ok(7)).unwrap()).unwrap();
        assert_eq!(failed["details"]["causes"][0]["message"], "7");
        assert_eq!(last_words(false, &Ok(0)), None);
        assert!(
            last_words(false, &Ok(7))
                .unwrap()
                .ends_with("exit status 7")
        );
        assert_eq!(last_words(false, &Err("no".into())).unwrap(), "no");
    }
}
