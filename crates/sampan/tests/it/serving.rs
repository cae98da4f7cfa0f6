//! Programs that serve or show until somebody ends them: a forwarded port, a proxy, a terminal.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

/// Runs a command that goes on until it is killed, and kills it once `ask` has had the first line it prints.
pub(crate) fn while_it_runs<T>(command: &mut Command, ask: impl FnOnce(&str) -> T) -> T {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // Kept open: a kubectl that cannot print ends.
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let answer = ask(&line);
    child.kill().unwrap();
    child.wait().unwrap();
    answer
}

/// Where to ask, from what `kubectl port-forward` prints first.
pub(crate) fn forwarded(line: &str) -> String {
    let port = line
        .split("127.0.0.1:")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap_or_default();
    format!("http://127.0.0.1:{port}/")
}

/// What a command shows on a terminal of 33 rows and 111 columns, which `script` makes.
pub(crate) fn on_a_terminal(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let line = format!("stty rows 33 cols 111; {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    for (name, value) in command.get_envs() {
        script.env(name, value.unwrap_or_default());
    }
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept open: the end of it would be typed as an end of file.
    let _keys = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
