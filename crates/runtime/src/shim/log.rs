//! A container's log in the format that kubelets read (upstream: CRI log): `<time> <stream> F|P <line>`.
//! `P` marks a piece of a line that goes on, or that ended without a newline.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::container::LogLimits;

/// Longest piece of a line.
const PIECE: usize = 16 << 10;

/// Which of the two a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// The writer. Failures cost lines, never the container.
pub(crate) struct Log {
    path: PathBuf,
    limits: LogLimits,
    file: Option<File>,
    size: u64,
    stdout: Lines,
    stderr: Lines,
}

impl Log {
    pub(crate) fn new(path: &Path, limits: LogLimits) -> Self {
        let mut log = Log {
            path: path.to_owned(),
            limits,
            file: None,
            size: 0,
            stdout: Lines::new("stdout"),
            stderr: Lines::new("stderr"),
        };
        log.reopen();
        log
    }

    /// Opens the file again, after somebody moved it.
    pub(crate) fn reopen(&mut self) {
        self.file = open(&self.path).ok();
        self.size = self
            .file
            .as_ref()
            .and_then(|f| f.metadata().ok())
            .map_or(0, |m| m.len());
    }

    /// Adds what was read from a stream; empty means that it ended.
    pub(crate) fn add(&mut self, stream: Stream, bytes: &[u8]) {
        let lines = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let text = lines.add(bytes, Timestamp::now());
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let fits = self.fitting(rest);
            if fits == 0 {
                self.rotate();
                continue;
            }
            if let Some(file) = &mut self.file {
                let _ = file.write_all(&rest[..fits]);
            }
            self.size += fits as u64;
            rest = &rest[fits..];
        }
    }

    /// How much of some lines still belongs into this file. A new file takes at least one.
    fn fitting(&self, lines: &[u8]) -> usize {
        let room = self.limits.max_bytes.saturating_sub(self.size);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if self.limits.max_bytes == 0 || lines.len() <= room {
            return lines.len();
        }
        let end = |window: &[u8]| {
            window
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1)
        };
        match end(&lines[..room]) {
            0 if self.size == 0 => lines
                .iter()
                .position(|b| *b == b'\n')
                .map_or(lines.len(), |at| at + 1),
            fits => fits,
        }
    }

    fn rotate(&mut self) {
        let time = Timestamp::now().strftime("%Y%m%d-%H%M%S.%9f");
        let mut old = self.path.clone().into_os_string();
        old.push(format!(".{time}"));
        let _ = fs::rename(&self.path, old);
        self.reopen();
        // Even if the old file could not be moved: the next lines must go somewhere.
        self.size = 0;
        let _ = self.forget_oldest();
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        let prefix = format!("{}.", name.to_string_lossy());
        let mut old: Vec<PathBuf> = fs::read_dir(parent)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|p| {
                p.file_name()
                    .is_some_and(|n| n.to_string_lossy().starts_with(&prefix))
            })
            .collect();
        old.sort();
        let keep = self.limits.max_files.saturating_sub(1) as usize;
        for path in old.iter().take(old.len().saturating_sub(keep)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    File::options()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

/// Cuts a stream into lines.
struct Lines {
    name: &'static str,
    pending: Vec<u8>,
}

impl Lines {
    fn new(name: &'static str) -> Self {
        Lines {
            name,
            pending: Vec::new(),
        }
    }

    fn add(&mut self, mut bytes: &[u8], now: Timestamp) -> Vec<u8> {
        let mut text = Vec::new();
        if bytes.is_empty() && !self.pending.is_empty() {
            self.write(&mut text, now, 'P', &[]);
        }
        while !bytes.is_empty() {
            let room = PIECE - self.pending.len();
            let window = &bytes[..bytes.len().min(room)];
            if let Some(end) = window.iter().position(|b| *b == b'\n') {
                self.write(&mut text, now, 'F', &bytes[..end]);
                bytes = &bytes[end + 1..];
            } else if window.len() == room {
                self.write(&mut text, now, 'P', window);
                bytes = &bytes[room..];
            } else {
                self.pending.extend_from_slice(window);
                bytes = &[];
            }
        }
        text
    }

    fn write(&mut self, text: &mut Vec<u8>, now: Timestamp, tag: char, rest: &[u8]) {
        // Writing to a vector cannot fail.
        let _ = write!(text, "{now:.9} {} {tag} ", self.name);
        text.append(&mut self.pending);
        self.pending = Vec::new();
        text.extend_from_slice(rest);
        text.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&[u8]], expected: &str) {
        let mut lines = Lines::new("stdout");
        let now = Timestamp::new(1, 5).unwrap();
        let text: Vec<u8> = chunks.iter().flat_map(|c| lines.add(c, now)).collect();
        let text = String::from_utf8(text).unwrap();
        let text = text.replace("1970-01-01T00:00:01.000000005Z stdout ", "");
        assert_eq!(text, expected);
    }

    #[test]
    fn cuts_lines_as_upstream_does() {
        check(&[b"a\nb\n"], "F a\nF b\n");
        check(&[b"a", b"b\n"], "F ab\n");
        check(&[b"\n\n"], "F \nF \n");
        check(&[b"no end", b""], "P no end\n");
        check(&[b"a\r\n"], "F a\r\n");
        let long = "x".repeat(PIECE + 1) + "\n";
        check(
            &[long.as_bytes()],
            &format!("P {}\nF x\n", "x".repeat(PIECE)),
        );
        let exact = "y".repeat(PIECE) + "\n";
        check(
            &[exact.as_bytes()],
            &format!("P {}\nF \n", "y".repeat(PIECE)),
        );
    }

    #[test]
    fn rotates_and_forgets() {
        let dir = std::env::temp_dir().join(format!("runtime-log-{}", std::process::id()));
        let path = dir.join("0.log");
        let limits = LogLimits {
            max_bytes: 200,
            max_files: 3,
        };
        let mut log = Log::new(&path, limits);
        for number in 0..40 {
            log.add(Stream::Stderr, format!("line {number:03}\n").as_bytes());
        }
        let files: Vec<_> = fs::read_dir(&dir).unwrap().collect();
        assert_eq!(files.len(), 3);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("stderr F line 039\n"), "{text}");
        assert!(text.len() <= 200);
        fs::remove_dir_all(&dir).unwrap();
    }
}
