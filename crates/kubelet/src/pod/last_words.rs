//! What a container said when it ended: its termination message file, or the end of its log.

use super::observe::{ANNOTATION_MESSAGE_FILE, ANNOTATION_MESSAGE_POLICY};
use runtime::container::{Container, State};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// Upstream's limits of a message, and of one taken from a log.
const MESSAGE_BYTES: u64 = 4096;
const LOG_MESSAGE_BYTES: usize = 2048;
const LOG_MESSAGE_LINES: usize = 80;
/// Read from the end of a log to find the last lines.
const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// The message of a container that ended; empty if it left none.
#[must_use]
pub fn of(container: &Container) -> String {
    let State::Exited(exit) = &container.state else {
        return String::new();
    };
    let note = |key: &str| {
        container
            .config
            .annotations
            .get(key)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let said = read_head(Path::new(note(ANNOTATION_MESSAGE_FILE)));
    if said.is_empty()
        && exit.code != 0
        && note(ANNOTATION_MESSAGE_POLICY) == "FallbackToLogsOnError"
    {
        return container
            .log_path
            .as_deref()
            .map(read_tail)
            .unwrap_or_default();
    }
    said
}

fn read_head(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|it| it.take(MESSAGE_BYTES).read_to_end(&mut bytes));
    if read.is_ok() {
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        String::new()
    }
}

fn read_tail(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<String> = text.lines().filter_map(said).collect();
    let last = lines[lines.len().saturating_sub(LOG_MESSAGE_LINES)..].concat();
    let mut from = last.len().saturating_sub(LOG_MESSAGE_BYTES);
    while !last.is_char_boundary(from) {
        from += 1;
    }
    last[from..].to_owned()
}

/// What a line of a log says: `<time> <stream> F|P <text>`; only a full line ends in a newline.
fn said(line: &str) -> Option<String> {
    let mut words = line.splitn(4, ' ').skip(2);
    let (tag, text) = (words.next()?, words.next()?);
    Some(format!("{text}{}", if tag == "P" { "" } else { "\n" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_told_as_it_was_written() {
        let check = |log: &str, expected: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("log");
            std::fs::write(&path, log).expect("written");
            assert_eq!(read_tail(&path), expected);
        };
        check("", "");
        check("t stdout F one\nt stderr F  two\n", "one\n two\n");
        check("t stdout P DO\nt stdout P NE\n", "DONE");
        let long: String = (0..100).map(|at| format!("t stdout F {at}\n")).collect();
        let last: String = (20..100).map(|at| format!("{at}\n")).collect();
        check(&long, &last);
    }
}
