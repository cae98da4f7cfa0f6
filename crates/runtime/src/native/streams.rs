//! Exec, attach and port-forward: bytes to and from what runs in a sandbox.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpStream as StdTcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::launcher::{Connection, failed, refused};
use super::terminal::Terminal;
use super::{Entry, Native};
use crate::error::{Error, Result};
use crate::session::{
    EXEC_OUTPUT_LIMIT, ExecOutput, ExecRequest, RESIZE_QUEUE, Session, Socket, Streams,
    TerminalSize,
};
use crate::shim::clients::{ATTACH, EXIT, FRAME_LIMIT, REOPEN, RESIZE, STDERR, STDIN, STDOUT};
use crate::shim::wire::{DialRequest, ExecRequest as Exec, Reply, Request};

/// Bytes between a container and a reader that is slower.
const BUFFER: usize = 64 << 10;
/// How long a shim may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

type Reader = Box<dyn AsyncRead + Send + Sync + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Sync + Unpin>;

impl Native {
    pub(super) async fn dial(&self, sandbox_id: &str, port: u16) -> Result<Box<dyn Socket>> {
        let sandbox = self.sandbox(sandbox_id)?.sandbox;
        let object = format!(
            "{}/{}:{port}",
            sandbox.config.namespace, sandbox.config.name
        );
        let failed = failed("port-forward to", &object);
        if sandbox.config.host_network {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
            return Ok(Box::new(stream.map_err(failed)?));
        }
        let netns = sandbox.netns.ok_or_else(|| Error::State {
            kind: "sandbox",
            id: sandbox_id.to_owned(),
            reason: "is not ready".to_owned(),
        })?;
        let request = Request::Dial(DialRequest { netns, port });
        let mut connection = self
            .inner
            .launcher
            .call(&request, &[])
            .await
            .map_err(&failed)?;
        match connection.receive().await.map_err(&failed)? {
            (Reply::Connected, mut descriptors) => {
                let descriptor = descriptors
                    .pop()
                    .ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
                let stream = StdTcpStream::from(descriptor);
                stream.set_nonblocking(true).map_err(&failed)?;
                Ok(Box::new(TcpStream::from_std(stream).map_err(&failed)?))
            }
            (other, _) => Err(refused("port-forward to", &object, other)),
        }
    }

    pub(super) async fn run_command(
        &self,
        id: &str,
        command: &[String],
        timeout: Option<Duration>,
    ) -> Result<ExecOutput> {
        let streams = Streams {
            stdin: false,
            stdout: true,
            stderr: true,
        };
        let request = ExecRequest {
            command: command.to_vec(),
            streams,
            tty: false,
            size: None,
        };
        let all = async {
            let session = self.open_exec(id, request).await?;
            let (stdout, stderr) = tokio::join!(read_all(session.stdout), read_all(session.stderr));
            let exit_code = session.exit.await.unwrap_or_else(|_| {
                Err(Error::Helper {
                    operation: "exec in",
                    object: id.to_owned(),
                    reason: "the helper process died".to_owned(),
                })
            })?;
            Ok(ExecOutput {
                stdout,
                stderr,
                exit_code,
            })
        };
        match timeout {
            None => all.await,
            // Dropping the session kills the command.
            Some(limit) => tokio::time::timeout(limit, all).await.unwrap_or_else(|_| {
                Err(Error::Timeout {
                    command: command.join(" "),
                })
            }),
        }
    }

    pub(super) async fn open_exec(&self, id: &str, request: ExecRequest) -> Result<Session> {
        let entry = self.entry(id)?;
        let running = self.running(&entry)?;
        let failed = failed("exec in", id);
        let (ours, theirs) = open_streams(&request).map_err(&failed)?;
        let message = Request::Exec(Exec {
            dir: entry.dir.clone(),
            cgroup: entry.cgroup.clone(),
            pid: running.process.pid,
            pid_start_time: running.process.start_time,
            command: request.command,
            tty: request.tty,
            size: request.size,
        });
        let beside: Vec<_> = theirs.iter().map(AsFd::as_fd).collect();
        let mut connection = self
            .inner
            .launcher
            .call(&message, &beside)
            .await
            .map_err(&failed)?;
        drop(theirs);
        let terminal = match connection.receive().await.map_err(&failed)? {
            (Reply::Running, mut descriptors) => descriptors.pop(),
            (other, _) => return Err(refused("exec in", id, other)),
        };
        let (resize, sizes) = mpsc::channel(RESIZE_QUEUE);
        let (mut stdin, mut stdout, stderr) = ours;
        if let Some(master) = terminal {
            let terminal = Terminal::new(master).map_err(&failed)?;
            stdin = request
                .streams
                .stdin
                .then(|| Box::new(terminal.clone()) as Writer);
            stdout = request
                .streams
                .stdout
                .then(|| Box::new(terminal.clone()) as Reader);
            tokio::spawn(apply_sizes(terminal, sizes));
        }
        let (tell, exit) = oneshot::channel();
        tokio::spawn(follow(connection, tell, id.to_owned()));
        Ok(Session {
            stdin,
            stdout,
            stderr,
            resize,
            exit,
        })
    }

    pub(super) async fn open_attach(&self, id: &str, streams: Streams) -> Result<Session> {
        let entry = self.entry(id)?;
        self.running(&entry)?;
        let failed = failed("attach to", id);
        let socket = connect(&entry.dir).await.map_err(&failed)?;
        let (mut from, mut to) = socket.into_split();
        let wanted =
            u8::from(streams.stdin) | u8::from(streams.stdout) << 1 | u8::from(streams.stderr) << 2;
        write_frame(&mut to, ATTACH, &[wanted])
            .await
            .map_err(&failed)?;
        let pair = |wanted: bool| wanted.then(|| tokio::io::duplex(BUFFER)).unzip();
        let (stdin, stdin_from) = pair(streams.stdin);
        let (stdout, stdout_to) = pair(streams.stdout);
        let (stderr, stderr_to) = pair(streams.stderr && !entry.made.config.tty);
        let (resize, sizes) = mpsc::channel(RESIZE_QUEUE);
        let (tell, exit) = oneshot::channel();
        let name = id.to_owned();
        tokio::spawn(async move {
            let mut sinks = [stdout_to, stderr_to];
            let mut tell = tell;
            let code = tokio::select! {
                code = receive_frames(&mut from, &mut sinks) => code,
                () = tell.closed() => return,
                () = send_frames(&mut to, stdin_from, sizes) => return,
            };
            let _ = tell.send(code.map_err(|e| Error::Helper {
                operation: "attach to",
                object: name,
                reason: e.to_string(),
            }));
        });
        Ok(Session {
            stdin: stdin.map(|s| Box::new(s) as Writer),
            stdout: stdout.map(|s| Box::new(s) as Reader),
            stderr: stderr.map(|s| Box::new(s) as Reader),
            resize,
            exit,
        })
    }

    pub(super) async fn reopen_log(&self, id: &str) -> Result<()> {
        let entry: std::sync::Arc<Entry> = self.entry(id)?;
        self.running(&entry)?;
        let failed = failed("reopen the log of", id);
        let mut socket = connect(&entry.dir).await.map_err(&failed)?;
        let answer = async {
            write_frame(&mut socket, REOPEN, &[]).await?;
            read_frame(&mut socket).await
        };
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok((REOPEN, _))) => Ok(()),
            Ok(Ok(_)) => Err(failed(io::ErrorKind::InvalidData.into())),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed(io::ErrorKind::TimedOut.into())),
        }
    }
}

/// Connects to the shim of a container. Its socket's path may be longer than an address can be.
async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let dir = File::open(dir)?;
    let path = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), crate::shim::SOCKET);
    UnixStream::connect(path).await
}

type Ours = (Option<Writer>, Option<Reader>, Option<Reader>);

/// Pipes for the streams asked for; the others are `/dev/null`.
fn open_streams(request: &ExecRequest) -> io::Result<(Ours, [OwnedFd; 3])> {
    let null = || -> io::Result<OwnedFd> {
        Ok(File::options()
            .read(true)
            .write(true)
            .open("/dev/null")?
            .into())
    };
    let output = |wanted: bool| -> io::Result<(Option<Reader>, OwnedFd)> {
        if !wanted || request.tty {
            return Ok((None, null()?));
        }
        let (to, from) = pipe::pipe()?;
        Ok((Some(Box::new(from)), to.into_blocking_fd()?))
    };
    let (stdin, stdin_from) = if request.streams.stdin && !request.tty {
        let (to, from) = pipe::pipe()?;
        (Some(Box::new(to) as Writer), from.into_blocking_fd()?)
    } else {
        (None, null()?)
    };
    let (stdout, stdout_to) = output(request.streams.stdout)?;
    let (stderr, stderr_to) = output(request.streams.stderr)?;
    Ok(((stdin, stdout, stderr), [stdin_from, stdout_to, stderr_to]))
}

/// Waits for the exit code; gives up, which kills the command, when nobody wants it any more.
async fn follow(mut connection: Connection, mut tell: oneshot::Sender<Result<i32>>, id: String) {
    let reply = tokio::select! {
        reply = connection.receive() => reply,
        () = tell.closed() => return,
    };
    let _ = tell.send(match reply {
        Ok((Reply::Exited { code }, _)) => Ok(code),
        Ok((other, _)) => Err(refused("exec in", &id, other)),
        Err(error) => Err(failed("exec in", &id)(error)),
    });
}

async fn apply_sizes(terminal: Terminal, mut sizes: mpsc::Receiver<TerminalSize>) {
    while let Some(size) = sizes.recv().await {
        terminal.resize(size);
    }
}

async fn read_all(stream: Option<Reader>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        let _ = (&mut stream)
            .take(EXEC_OUTPUT_LIMIT as u64)
            .read_to_end(&mut kept)
            .await;
        // The rest is read too, so that the command can end.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    kept
}

async fn write_frame(
    to: &mut (impl AsyncWrite + Unpin),
    kind: u8,
    payload: &[u8],
) -> io::Result<()> {
    let mut frame = vec![kind];
    frame.extend((payload.len() as u32).to_le_bytes());
    frame.extend(payload);
    to.write_all(&frame).await
}

async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let kind = from.read_u8().await?;
    let length = from.read_u32_le().await? as usize;
    if length > FRAME_LIMIT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).await?;
    Ok((kind, payload))
}

/// Until the container ends. A stream that nobody reads any more is skipped.
async fn receive_frames(
    from: &mut (impl AsyncRead + Unpin),
    sinks: &mut [Option<DuplexStream>; 2],
) -> io::Result<i32> {
    loop {
        match read_frame(from).await? {
            (EXIT, payload) => {
                let code: [u8; 4] = payload.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
                return Ok(i32::from_le_bytes(code));
            }
            (kind @ (STDOUT | STDERR), payload) => {
                let sink = &mut sinks[usize::from(kind == STDERR)];
                if let Some(stream) = sink
                    && stream.write_all(&payload).await.is_err()
                {
                    *sink = None;
                }
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Passes on input and sizes. Ends only when the shim is gone, which the other direction reports.
async fn send_frames(
    to: &mut (impl AsyncWrite + Unpin),
    mut stdin: Option<DuplexStream>,
    mut sizes: mpsc::Receiver<TerminalSize>,
) {
    let mut chunk = vec![0; 16 << 10];
    loop {
        let written = tokio::select! {
            count = read_some(&mut stdin, &mut chunk) => {
                if count == 0 {
                    stdin = None;
                }
                write_frame(to, STDIN, &chunk[..count]).await
            }
            Some(size) = sizes.recv() => {
                let [w, h] = [size.width.to_le_bytes(), size.height.to_le_bytes()];
                write_frame(to, RESIZE, &[w[0], w[1], h[0], h[1]]).await
            }
        };
        if written.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn read_some(stdin: &mut Option<DuplexStream>, chunk: &mut [u8]) -> usize {
    match stdin {
        Some(stream) => stream.read(chunk).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}
