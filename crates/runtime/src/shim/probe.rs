//! What the self-test runs inside a container: it looks around and exits with what is wrong.

use std::fs;

/// Not contained in this way: exit code, words.
const MEANINGS: [(i32, &str); 5] = [
    (10, "no system call filter (seccomp) is set in a container"),
    (11, "a container may mount, it holds CAP_SYS_ADMIN"),
    (12, "a container can open a device that it must not"),
    (13, "a container is not first in its own PID namespace"),
    (14, "a container can write to /proc/sys"),
];

/// What an exit code of the probe says.
pub(crate) fn meaning(code: i32) -> &'static str {
    let known = MEANINGS.iter().find(|(known, _)| *known == code);
    known.map_or("the probe failed to run", |(_, words)| words)
}

pub(super) fn run() -> i32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| {
                Some(
                    line.strip_prefix(name)?
                        .trim_start_matches(':')
                        .trim()
                        .to_owned(),
                )
            })
            .unwrap_or_default()
    };
    const SYS_ADMIN: u64 = 1 << 21;
    let effective = u64::from_str_radix(&field("CapEff"), 16).unwrap_or(u64::MAX);
    if field("Seccomp") != "2" {
        return 10;
    }
    if effective & SYS_ADMIN != 0 {
        return 11;
    }
    if opens_a_device() {
        return 12;
    }
    if std::process::id() != 1 {
        return 13;
    }
    if fs::write("/proc/sys/kernel/hostname", "x").is_ok() {
        return 14;
    }
    0
}

/// Tries `/dev/kmsg` (1, 11) under another name: neither the capability nor the device is a container's.
fn opens_a_device() -> bool {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    let path = "/probe-device";
    let made = mknodat(
        CWD,
        path,
        FileType::CharacterDevice,
        Mode::RUSR,
        makedev(1, 11),
    );
    made.is_ok() && fs::File::open(path).is_ok()
}
