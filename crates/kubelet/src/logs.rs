//! A container's log as a client wants it: the last lines, from a time on, followed until it ends
//! (upstream: `kuberuntime/logs`). Following waits for the kernel to tell of a change.

mod change;
mod line;
mod tail;

use bytes::{Bytes, BytesMut};
use change::Changes;
use jiff::Timestamp;
use line::Line;
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, BufReader, SeekFrom},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

/// The longest line that is kept whole while it is read (the runtime cuts at 16 KiB).
const LINE_LIMIT_BYTES: usize = 1 << 20;
/// Output gathered before it is sent.
const CHUNK_BYTES: usize = 16 << 10;
/// Chunks that wait for a client that does not read; then the log is not read either.
pub const CHUNKS: usize = 4;

/// Which part of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Go on until the container ends.
    pub follow: bool,
    /// Only so many last lines.
    pub tail_lines: Option<u64>,
    /// Only lines from this time on.
    pub since: Option<Timestamp>,
    /// Begin each line with its time.
    pub timestamps: bool,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// Only one of `stdout` and `stderr`.
    pub stream: Option<&'static str>,
}

/// Sends a log into `chunks` until its end, the client's loss of interest or, when following, `ended` and the
/// end of what was written by then.
pub async fn send(
    path: PathBuf,
    options: Options,
    ended: CancellationToken,
    chunks: mpsc::Sender<Bytes>,
) -> std::io::Result<()> {
    // Watching begins before reading, so that no change falls between the two.
    let mut changes = if options.follow {
        Some(Changes::of(&path)?)
    } else {
        None
    };
    let mut out = Out {
        chunks,
        buffer: BytesMut::new(),
        left: options.limit_bytes,
        fresh: true,
    };
    let mut file = File::open(&path).await?;
    if let Some(lines) = options.tail_lines {
        let offset = tail::offset(&mut file, lines).await?;
        file.seek(SeekFrom::Start(offset)).await?;
    }
    let mut inode = file.metadata().await?.ino();
    let mut reader = BufReader::new(file);
    let mut partial = Vec::new();
    loop {
        // Asked before reading: what is written up to this moment is still sent.
        let last = ended.is_cancelled();
        if !copy(&mut reader, &mut partial, &options, &mut out).await? {
            return Ok(());
        }
        if !out.flush().await {
            return Ok(());
        }
        let Some(changes) = &mut changes else {
            return Ok(());
        };
        if let Some(next) = next(&path, inode).await {
            // What was written between the reading and the rotation.
            if !copy(&mut reader, &mut partial, &options, &mut out).await? {
                return Ok(());
            }
            partial.clear();
            inode = next.metadata().await?.ino();
            reader = BufReader::new(next);
            continue;
        }
        if last {
            return Ok(());
        }
        tokio::select! {
            changed = changes.next() => changed?,
            () = ended.cancelled() => {}
            () = out.chunks.closed() => return Ok(()),
        }
    }
}

/// The file that followed the one with this number, if there is one: of those that were moved away since the oldest,
/// else the one now at `path`.
async fn next(path: &Path, inode: u64) -> Option<File> {
    let number = |path: PathBuf| async move { Some(tokio::fs::metadata(path).await.ok()?.ino()) };
    if number(path.to_owned()).await? == inode {
        return None;
    }
    let moved = rotated(path).await.unwrap_or_default();
    let mut at = 0;
    for (index, old) in moved.iter().enumerate() {
        if number(old.clone()).await == Some(inode) {
            at = index + 1;
        }
    }
    let next = moved.get(at).map_or(path, PathBuf::as_path);
    File::open(next).await.ok()
}

/// What rotation made of a log, the oldest first: its name with a time behind it.
async fn rotated(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Vec::new());
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let mut entries = tokio::fs::read_dir(folder).await?;
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Copies whole lines up to the end of the file; false once nothing more is wanted.
async fn copy(
    reader: &mut BufReader<File>,
    partial: &mut Vec<u8>,
    options: &Options,
    out: &mut Out,
) -> std::io::Result<bool> {
    loop {
        let room = LINE_LIMIT_BYTES.saturating_sub(partial.len());
        let mut line = reader.take(u64::try_from(room).unwrap_or(u64::MAX));
        let read = line.read_until(b'\n', partial).await?;
        if partial.last() != Some(&b'\n') && partial.len() < LINE_LIMIT_BYTES {
            // The rest of this line is still to be written, or there is no more.
            if read == 0 {
                return Ok(true);
            }
            continue;
        }
        if let Some(line) = Line::parse(partial)
            && line.is_wanted(options)
            && !out.line(&line, options.timestamps).await
        {
            return Ok(false);
        }
        partial.clear();
    }
}

struct Out {
    chunks: mpsc::Sender<Bytes>,
    buffer: BytesMut,
    left: Option<u64>,
    fresh: bool,
}

impl Out {
    /// False once nothing more is wanted.
    async fn line(&mut self, line: &Line<'_>, timestamps: bool) -> bool {
        if timestamps && self.fresh {
            self.buffer.extend_from_slice(line.time.as_bytes());
            self.buffer.extend_from_slice(b" ");
        }
        self.buffer.extend_from_slice(line.content);
        if !line.partial {
            self.buffer.extend_from_slice(b"\n");
        }
        self.fresh = !line.partial;
        if self.buffer.len() < CHUNK_BYTES && self.left.is_none() {
            return true;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> bool {
        if let Some(left) = &mut self.left {
            let most = usize::try_from(*left).unwrap_or(usize::MAX);
            self.buffer.truncate(most);
            *left -= self.buffer.len() as u64;
        }
        if !self.buffer.is_empty()
            && self
                .chunks
                .send(self.buffer.split().freeze())
                .await
                .is_err()
        {
            return false;
        }
        self.left != Some(0)
    }
}

#[cfg(test)]
mod tests;
