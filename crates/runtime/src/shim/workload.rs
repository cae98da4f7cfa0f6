//! Becoming the program of a container: find it in `PATH`, execute it, say in Docker's words why not.

use std::ffi::{CString, OsStr};
use std::os::fd::RawFd;
use std::path::Path;

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use nix::errno::Errno;

use super::identity::Identity;

/// Marks a line of the result pipe as an error.
pub(super) const ERROR_MARK: u8 = b'E';

/// Executes the program and reports failure through a pipe that closes on success.
#[derive(Clone)]
pub(super) struct Workload {
    /// Write end of the result pipe, open in every process that runs this.
    pub(super) result: RawFd,
    /// What it is left with.
    pub(super) identity: Identity,
}

impl Executor for Workload {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let args = spec
            .process()
            .as_ref()
            .and_then(|p| p.args().clone())
            .unwrap_or_default();
        let env: Vec<String> = std::env::vars().map(|(k, v)| format!("{k}={v}")).collect();
        super::process::reset_signals();
        let reason = match self.identity.assume() {
            Ok(()) => execute(&args, &env),
            Err(reason) => reason,
        };
        report(self.result, &reason);
        Err(ExecutorError::Other(reason))
    }

    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }
}

/// Writes an error to a result pipe.
#[allow(unsafe_code)]
pub(super) fn report(result: RawFd, reason: &str) {
    // SAFETY: the pipe is open for the life of this process, see `Workload::result`.
    let result = unsafe { std::os::fd::BorrowedFd::borrow_raw(result) };
    let mut line = vec![ERROR_MARK];
    line.extend(reason.as_bytes());
    let _ = rustix::io::write(result, &line);
}

/// Replaces this process. Returns only with the reason why it could not.
pub(super) fn execute(args: &[String], env: &[String]) -> String {
    let Some(program) = args.first().filter(|p| !p.is_empty()) else {
        return "no command specified".to_owned();
    };
    let Some(arguments) = c_strings(args) else {
        return format!("exec: {program:?}: argument with a zero byte");
    };
    let Some(environment) = c_strings(env) else {
        return "environment with a zero byte".to_owned();
    };
    if program.contains('/') {
        let errno = try_exec(Path::new(program), &arguments, &environment);
        return format!("exec: {program:?}: {}", describe(program, errno));
    }
    let path = env
        .iter()
        .rev()
        .find_map(|e| e.strip_prefix("PATH="))
        .unwrap_or_default();
    let mut refused = None;
    for directory in path.split(':').filter(|d| !d.is_empty()) {
        match try_exec(
            &Path::new(directory).join(program),
            &arguments,
            &environment,
        ) {
            Errno::ENOENT | Errno::ENOTDIR => {}
            errno => refused = Some(errno),
        }
    }
    match refused {
        Some(errno) => format!("exec: {program:?}: {}", describe(program, errno)),
        None => format!("exec: {program:?}: executable file not found in $PATH"),
    }
}

fn c_strings(all: &[String]) -> Option<Vec<CString>> {
    all.iter()
        .map(|s| CString::new(s.as_bytes()).ok())
        .collect()
}

fn try_exec(path: &Path, args: &[CString], env: &[CString]) -> Errno {
    use std::os::unix::ffi::OsStrExt;
    let os: &OsStr = path.as_ref();
    match CString::new(os.as_bytes()) {
        Ok(path) => nix::unistd::execve(&path, args, env)
            .err()
            .unwrap_or(Errno::EINVAL),
        Err(_) => Errno::ENOENT,
    }
}

/// As the reference runtime puts it.
fn describe(program: &str, errno: Errno) -> String {
    match errno {
        Errno::ENOENT => format!("stat {program}: no such file or directory"),
        Errno::EACCES => "permission denied".to_owned(),
        Errno::ENOEXEC => "exec format error".to_owned(),
        Errno::EISDIR => "is a directory".to_owned(),
        other => other.desc().to_lowercase(),
    }
}
