//! Sizes, and the named exceptions from them. An exception states its present size; it may only shrink,
//! and goes when the limit is met.

use super::{Finding, source::Size};

/// Longest file, in lines without tests.
pub(super) const FILE_LINES: usize = 600;
/// Longest function, in lines.
pub(super) const FUNCTION_LINES: usize = 70;

/// What is over its limit today: a path, or a path and a function's name, and its lines.
const EXCEPTIONS: &[(&str, usize)] = &[];

/// Findings for what is over its limit and has no exception, or has another size than it states.
pub(super) fn judge(sizes: &[Size]) -> Vec<Finding> {
    judge_with(EXCEPTIONS, sizes)
}

pub(super) fn judge_with(exceptions: &[(&str, usize)], sizes: &[Size]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for size in sizes {
        let stated = exceptions.iter().find(|(name, _)| *name == size.name);
        let text = match stated {
            None if size.lines > size.limit => {
                format!(
                    "{} has {} lines; at most {}",
                    size.name, size.lines, size.limit
                )
            }
            Some(_) if size.lines <= size.limit => {
                format!(
                    "{} meets its limit now: remove its exception in xtask",
                    size.name
                )
            }
            Some((_, lines)) if size.lines > *lines => {
                format!(
                    "{} grew from {lines} to {} lines; it may only shrink",
                    size.name, size.lines
                )
            }
            Some((_, lines)) if size.lines < *lines => {
                format!(
                    "{} shrank: state {} in its exception in xtask",
                    size.name, size.lines
                )
            }
            _ => continue,
        };
        findings.push(Finding {
            path: size.path.clone(),
            line: size.line,
            text,
        });
    }
    for (name, _) in exceptions {
        if !sizes.iter().any(|size| size.name == *name) {
            findings.push(Finding {
                path: name.split("::").next().unwrap_or(name).to_string(),
                line: 1,
                text: format!("the exception {name} in xtask names nothing"),
            });
        }
    }
    findings
}
