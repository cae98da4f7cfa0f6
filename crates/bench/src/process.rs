//! What a process uses, read from /proc.

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::fs;

/// Clock ticks per second in /proc; 100 on every Linux since user space was promised so.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time used so far, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let text = read(pid, "stat")?;
    // The name may hold spaces; fields are counted after it. utime and stime are fields 14 and 15.
    let after = text
        .rsplit_once(") ")
        .context("/proc stat without a name")?
        .1;
    let ticks = after.split(' ').skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? as f64 / TICKS_PER_SECOND)
}

/// Lets this process and those it starts have so many files and connections open.
pub(crate) fn allow_files(count: u64) -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    limit.maximum = limit.maximum.map(|maximum| maximum.max(count));
    limit.current = Some(count);
    setrlimit(Resource::Nofile, limit)
        .with_context(|| format!("cannot have {count} files open: see `ulimit -n`"))
}

/// Resident memory in megabytes, whole and counting shared pages by their share.
pub(crate) fn memory_mb(pid: u32) -> Result<(f64, f64)> {
    let resident = field(&read(pid, "status")?, "VmRSS:")?;
    let proportional = field(&read(pid, "smaps_rollup")?, "Pss:")?;
    Ok((resident * 1024.0 / 1e6, proportional * 1024.0 / 1e6))
}

/// Bytes it caused to be written to disk so far.
pub(crate) fn written_bytes(pid: u32) -> Result<f64> {
    field(&read(pid, "io")?, "write_bytes:")
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read {path}: has the server ended?"))
}

fn field(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    let number = number.with_context(|| format!("no {name} in /proc"))?;
    Ok(number.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let pid = std::process::id();
        assert!(cpu_seconds(pid).unwrap() >= 0.0);
        let (resident, proportional) = memory_mb(pid).unwrap();
        assert!(resident > 0.0 && proportional > 0.0);
        assert!(written_bytes(pid).unwrap() >= 0.0);
    }
}
