//! Rules about one Rust file.

use super::{
    Finding,
    exceptions::{FILE_LINES, FUNCTION_LINES},
    lexer::{Lexed, lex},
};
use std::collections::HashSet;

/// Tests of more lines move to a file of their own.
const INLINE_TEST_LINES: usize = 80;
/// Names that say nothing about what is in a file.
const EMPTY_NAMES: &[&str] = &[
    "base", "common", "data", "helper", "helpers", "info", "manager", "misc", "util", "utils",
];
/// Crates that may use `unsafe`, with a reason at each place.
const UNSAFE_CRATES: &[&str] = &["runtime", "network", "store"];
/// Words of work left undone.
const UNDONE: &[&str] = &["TODO", "FIXME", "XXX"];
/// Kinds that the door must not name: what is special about one lies in `kinds` or an admission step.
const KINDS: &[&str] = &[
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "EndpointSlice",
    "Endpoints",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressClass",
    "Job",
    "Lease",
    "LimitRange",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodTemplate",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "RuntimeClass",
    "Secret",
    "Service",
    "StatefulSet",
    "StorageClass",
];

/// One file, taken apart.
pub(super) struct Source {
    path: String,
    text: String,
    lexed: Lexed,
    /// Test code as a whole.
    is_test: bool,
    /// First and last lines of test modules inside.
    test_modules: Vec<(usize, usize)>,
}

/// A measured thing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) lines: usize,
    pub(super) limit: usize,
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        let lexed = lex(&text);
        let is_test = path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests");
        let test_modules = test_modules(&lexed.code);
        Self {
            path,
            text,
            lexed,
            is_test,
            test_modules,
        }
    }

    fn krate(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    fn is_test_line(&self, line: usize) -> bool {
        let inside = |(first, last): &(usize, usize)| (*first..=*last).contains(&line);
        self.is_test || self.test_modules.iter().any(inside)
    }

    fn finding(&self, line: usize, text: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            text: text.into(),
        }
    }
}

/// Marks the files that a `#[cfg(test)] mod name;` elsewhere makes test code.
pub(super) fn mark_test_files(sources: &mut [Source]) {
    let mut tests = HashSet::new();
    for source in sources.iter() {
        let (folder, file) = source.path.rsplit_once('/').unwrap_or_default();
        let stem = file.trim_end_matches(".rs");
        let home = match stem {
            "lib" | "main" => folder.to_owned(),
            stem => format!("{folder}/{stem}"),
        };
        let names = cfg_test_items(&source.lexed.code)
            .filter_map(|(_, item)| module(item))
            .filter(|(_, rest)| rest.starts_with(';'));
        tests.extend(names.map(|(name, _)| format!("{home}/{name}")));
    }
    for source in sources {
        let own = source.path.trim_end_matches(".rs");
        source.is_test |= tests
            .iter()
            .any(|test| own == test || own.starts_with(&format!("{test}/")));
    }
}

/// All rules but sizes.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(opening(source));
    findings.extend(name(source));
    findings.extend(undone(source));
    findings.extend(inline_tests(source));
    findings.extend(unsafe_places(source));
    findings.extend(kinds_at_the_door(source));
    findings
}

fn opening(source: &Source) -> Option<Finding> {
    let opens = source.text.trim_start().starts_with("//!");
    (!opens).then(|| source.finding(1, "opens without `//!`: say what this is and why it exists"))
}

fn name(source: &Source) -> Option<Finding> {
    let file = source.path.rsplit('/').next().unwrap_or_default();
    let stem = file.trim_end_matches(".rs");
    if stem == "mod" {
        return Some(source.finding(1, "mod.rs: name the file after the module"));
    }
    let text = format!("the name {file} says nothing about what is in it");
    EMPTY_NAMES.contains(&stem).then(|| source.finding(1, text))
}

fn undone(source: &Source) -> Vec<Finding> {
    let comments = source.lexed.comments.iter();
    comments
        .filter_map(|(line, text)| {
            let word = UNDONE.iter().find(|word| has_word(text, word))?;
            Some(source.finding(*line, format!("{word}: do it, or open an issue")))
        })
        .collect()
}

fn inline_tests(source: &Source) -> Vec<Finding> {
    let long = source
        .test_modules
        .iter()
        .filter(|(first, last)| last - first >= INLINE_TEST_LINES);
    long.map(|(first, last)| {
        let lines = last - first + 1;
        let text = format!("{lines} lines of tests: move them to the sibling tests.rs");
        source.finding(*first, text)
    })
    .collect()
}

fn unsafe_places(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<&str> = source.text.lines().collect();
    for (line, code) in (1..).zip(source.lexed.code.lines()) {
        if !has_word(code, "unsafe") {
            continue;
        }
        if !UNSAFE_CRATES.contains(&source.krate()) {
            let text = "unsafe belongs to runtime, network and store";
            findings.push(source.finding(line, text));
        } else if !is_argued(&lines, line) {
            let text = "unsafe without a `SAFETY:` comment before it";
            findings.push(source.finding(line, text));
        }
    }
    findings
}

/// Whether the comments and attributes right above a line, or the line itself, argue its safety. A
/// statement may begin a few lines before its `unsafe`.
fn is_argued(lines: &[&str], line: usize) -> bool {
    let says = |text: &str| text.contains("SAFETY") || text.contains("# Safety");
    let mut statement_lines = 0;
    for text in lines[..line].iter().rev() {
        if says(text) {
            return true;
        }
        let text = text.trim();
        let is_above = text.starts_with("//") || text.starts_with("#[") || text.starts_with("#![");
        if !is_above {
            statement_lines += 1;
        }
        if statement_lines > 4 || text.is_empty() {
            return false;
        }
    }
    false
}

fn kinds_at_the_door(source: &Source) -> Vec<Finding> {
    let inside = source.path.strip_prefix("crates/apiserver/src/");
    let Some(inside) = inside.filter(|path| !path.starts_with("admission")) else {
        return Vec::new();
    };
    debug_assert!(!inside.is_empty());
    let strings = source.lexed.strings.iter();
    strings
        .filter(|(line, text)| KINDS.contains(&text.as_str()) && !source.is_test_line(*line))
        .map(|(line, kind)| {
            let text =
                format!("the door knows no kind: {kind:?} belongs in kinds or an admission step");
            source.finding(*line, text)
        })
        .collect()
}

/// The file and each of its functions, without tests.
pub(super) fn sizes(source: &Source) -> Vec<Size> {
    if source.is_test {
        return Vec::new();
    }
    let tests: usize = source
        .test_modules
        .iter()
        .map(|(first, last)| last - first + 1)
        .sum();
    let size = |name: String, line, lines, limit| Size {
        name,
        path: source.path.clone(),
        line,
        lines,
        limit,
    };
    let lines = source.text.lines().count().saturating_sub(tests);
    let mut sizes = vec![size(source.path.clone(), 1, lines, FILE_LINES)];
    for (name, first, last) in functions(&source.lexed.code) {
        if !source.is_test_line(first) {
            let name = format!("{}::{name}", source.path);
            sizes.push(size(name, first, last - first + 1, FUNCTION_LINES));
        }
    }
    sizes
}

/// Name, first and last line of every function with a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(is_word) {
            continue;
        }
        let name: String = code[at + 3..].chars().take_while(|c| is_word(*c)).collect();
        if name.is_empty() {
            continue;
        }
        if let Some(body) = body(&code[at..]) {
            found.push((name, line_of(code, at), line_of(code, at + body)));
        }
    }
    found
}

/// Where the braces that open first in an item close again; `None` if it ends in `;` before.
fn body(item: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0_i32, 0_i32);
    for (at, c) in item.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// First and last lines of the test modules with a body.
fn test_modules(code: &str) -> Vec<(usize, usize)> {
    cfg_test_items(code)
        .filter(|(_, item)| module(item).is_some())
        .filter_map(|(at, item)| {
            let start = code.len() - item.len();
            Some((line_of(code, at), line_of(code, start + body(item)?)))
        })
        .collect()
}

/// Where each `#[cfg(test)]` stands, and the text from its item on.
fn cfg_test_items(code: &str) -> impl Iterator<Item = (usize, &str)> {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    code.match_indices(ATTRIBUTE).map(move |(at, _)| {
        let mut item = code[at + ATTRIBUTE.len()..].trim_start();
        while item.starts_with("#[") {
            item = item
                .find(']')
                .map_or("", |end| item[end + 1..].trim_start());
        }
        (at, item)
    })
}

/// The name of the module an item is, and what follows it.
fn module(item: &str) -> Option<(&str, &str)> {
    let visible = item
        .strip_prefix("pub(crate) ")
        .or_else(|| item.strip_prefix("pub "));
    let rest = visible.unwrap_or(item).strip_prefix("mod ")?;
    let end = rest.find(|c: char| !is_word(c))?;
    Some((&rest[..end], rest[end..].trim_start()))
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}
