//! What is typed and what must be answered, as data.
//!
//! - `$ COMMAND` is run by bash and must end with 0; `$1 COMMAND` must end with 1. `~ COMMAND` is run again until it
//!   answers as expected. Lines that begin with `| ` continue the command.
//! - The lines that follow are its whole output. `<any>` stands for anything in a line, and alone for any lines.
//!   Without such lines the output may be anything; `<nothing>` means none.
//! - `[<1.36]`, `[>=1.36]` before a command or a line of output: only for those versions of the client.
//! - `#` begins a comment, empty lines separate.

use crate::control_plane::ControlPlane;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// How long a `~` command may take to answer as expected.
const PATIENCE: Duration = Duration::from_secs(30);
/// A command with what it must answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    line: usize,
    command: String,
    code: i32,
    repeats: bool,
    expected: Vec<String>,
}

/// Major and minor version of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl Version {
    /// From `1.36`.
    pub(crate) fn parse(text: &str) -> Self {
        let (major, minor) = text.split_once('.').unwrap();
        Self(major.parse().unwrap(), minor.parse().unwrap())
    }
}

/// The steps that hold for a client of this version.
pub(crate) fn parse(text: &str, version: Version) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut skips = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (holds, line) = condition(line, version);
        if let Some((code, repeats, command)) = command(line) {
            skips = !holds;
            if holds {
                steps.push(Step {
                    line: index + 1,
                    command: command.to_owned(),
                    code,
                    repeats,
                    expected: Vec::new(),
                });
            }
            continue;
        }
        let (false, true, Some(step)) = (skips, holds, steps.last_mut()) else {
            continue;
        };
        match line.strip_prefix("| ").or((line == "|").then_some("")) {
            Some(more) => {
                step.command.push('\n');
                step.command.push_str(more);
            }
            None => step.expected.push(line.to_owned()),
        }
    }
    steps
}

/// Whether a line holds for this version, and the line without its condition.
fn condition(line: &str, version: Version) -> (bool, &str) {
    let parts = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    let Some((condition, rest)) = parts else {
        return (true, line);
    };
    let (bound, least) = match (condition.strip_prefix('<'), condition.strip_prefix(">=")) {
        (Some(bound), _) => (bound, false),
        (_, Some(bound)) => (bound, true),
        _ => return (true, line),
    };
    ((version >= Version::parse(bound)) == least, rest)
}

fn command(line: &str) -> Option<(i32, bool, &str)> {
    if let Some(command) = line.strip_prefix("~ ") {
        return Some((0, true, command));
    }
    let (code, command) = line.strip_prefix('$')?.split_once(' ')?;
    let code = if code.is_empty() {
        Some(0)
    } else {
        code.parse().ok()
    };
    code.map(|code| (code, false, command))
}

/// Types every file of a folder, each in a namespace of its own; panics with all that was answered otherwise than
/// written. `programs` are found by these names.
pub(crate) fn play(
    plane: &ControlPlane,
    folder: &str,
    programs: &[(&str, &Path)],
    version: Version,
) {
    for (name, path) in programs {
        std::os::unix::fs::symlink(path, plane.path(name)).unwrap();
    }
    let folder = in_sources(folder);
    let mut wrong = String::new();
    for file in files(&folder) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        if std::env::var("SAMPAN_TRANSCRIPT").is_ok_and(|only| only != name) {
            continue;
        }
        let kubeconfig = plane.path(&format!("{name}.kubeconfig"));
        std::fs::copy(plane.kubeconfig(), &kubeconfig).unwrap();
        let bash = |script: &str| {
            let path = format!(
                "{}:{}",
                plane.path("").display(),
                std::env::var("PATH").unwrap()
            );
            let mut command = plane.inside("bash");
            command
                .env("KUBECONFIG", &kubeconfig)
                .env("PATH", path)
                .env("DATA", &folder);
            command.args(["-c", script]);
            command
        };
        let begin = format!(
            "kubectl create namespace {name} && kubectl config set-context --current --namespace={name}"
        );
        let begun = bash(&begin).output().unwrap();
        assert!(begun.status.success(), "{begun:?}\n{}", plane.log());
        let text = std::fs::read_to_string(&file).unwrap();
        for step in parse(&text, version) {
            if let Some(fault) = step.run(bash) {
                wrong.push_str(&format!("{name}, {fault}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{version:?}:\n{wrong}\nserver log:\n{}",
        plane.log()
    );
}

/// Every command of a folder's files for this version, each ended by a line's end.
pub(crate) fn commands(folder: &str, version: Version) -> String {
    let texts = files(&in_sources(folder)).into_iter();
    let texts = texts.map(|file| std::fs::read_to_string(file).unwrap());
    let steps = texts.flat_map(|text| parse(&text, version));
    steps.map(|step| step.command + "\n").collect()
}

fn in_sources(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/clients")
        .join(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no transcripts in {}", folder.display());
    files
}

impl Step {
    /// Runs the step; what is wrong with the answer, if anything. `bash` makes a command that runs a script.
    fn run(&self, bash: impl Fn(&str) -> Command) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = bash(&format!("exec 2>&1\n{}", self.command))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let code = output.status.code();
            let fits = code == Some(self.code) && fits(&self.expected, &text);
            if fits {
                return None;
            }
            if !self.repeats || Instant::now() > deadline {
                let expected = self.expected.join("\n");
                return Some(format!(
                    "line {}: {}\n  expected, with {}:\n{}\n  answered, with {}:\n{}\n",
                    self.line,
                    self.command,
                    self.code,
                    indented(&expected),
                    code.map_or("a signal".to_owned(), |code| code.to_string()),
                    indented(&text),
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

fn fits(expected: &[String], text: &str) -> bool {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    match expected {
        [] => true,
        [one] if one == "<nothing>" => lines.is_empty(),
        _ => all_fit(expected, &lines),
    }
}

fn all_fit(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "<any>" => {
            (0..=lines.len()).any(|skipped| all_fit(rest, &lines[skipped..]))
        }
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, lines)| line_fits(first.trim_end(), line) && all_fit(rest, lines)),
    }
}

fn line_fits(expected: &str, line: &str) -> bool {
    let Some((before, after)) = expected.split_once("<any>") else {
        return expected == line;
    };
    line.strip_prefix(before).is_some_and(|rest| {
        let mut ends = rest
            .char_indices()
            .map(|(index, _)| index)
            .chain([rest.len()]);
        ends.any(|end| line_fits(after, &rest[end..]))
    })
}

#[test]
fn steps_of_a_text() {
    let text =
        "# comment\n$ one\n| two\nanswer\n\n[<1.36] old\n[>=1.36] $1 new\nonly new\n~ again\n";
    let step = |line, command: &str, code, repeats, expected: &[&str]| Step {
        line,
        command: command.to_owned(),
        code,
        repeats,
        expected: expected.iter().map(|&it| it.to_owned()).collect(),
    };
    let first = step(2, "one\ntwo", 0, false, &["answer", "old"]);
    assert_eq!(
        parse(text, Version(1, 30)),
        [first, step(9, "again", 0, true, &[])]
    );
    let first = step(2, "one\ntwo", 0, false, &["answer"]);
    let new = step(7, "new", 1, false, &["only new"]);
    assert_eq!(
        parse(text, Version(1, 36)),
        [first, new, step(9, "again", 0, true, &[])]
    );
}

#[test]
fn what_fits() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (expected, text, wanted) in [
        ("a\nb", "a\n\nb  \n", true),
        ("a", "a\nb\n", false),
        ("a <any> c", "a b b c\n", true),
        ("a <any>", "b\n", false),
        ("a\n<any>\nz", "a\nb\nc\nz\n", true),
        ("<nothing>", "\n", true),
        ("<nothing>", "a\n", false),
        ("", "whatever\n", true),
    ] {
        assert_eq!(
            fits(&lines(expected), text),
            wanted,
            "{expected:?} {text:?}"
        );
    }
}
