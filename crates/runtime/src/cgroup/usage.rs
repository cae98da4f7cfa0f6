//! From the kernel's files to what is used. Pure but for the reader it is given.

/// What one cgroup uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) cpu_nanoseconds: u64,
    pub(super) memory: u64,
    pub(super) inactive_file: u64,
    pub(super) anonymous: u64,
    pub(super) pids: u64,
}

type Read<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

pub(super) fn v1(read: Read<'_>) -> Option<Usage> {
    let stat = read("memory", "memory.stat")?;
    Some(Usage {
        cpu_nanoseconds: number(read("cpuacct", "cpuacct.usage")),
        memory: number(read("memory", "memory.usage_in_bytes")),
        inactive_file: field(&stat, "total_inactive_file").unwrap_or(0),
        anonymous: field(&stat, "total_rss").unwrap_or(0),
        pids: number(read("pids", "pids.current")),
    })
}

pub(super) fn v2(read: Read<'_>) -> Option<Usage> {
    let stat = read("memory", "memory.stat")?;
    let cpu = read("cpu", "cpu.stat").unwrap_or_default();
    Some(Usage {
        cpu_nanoseconds: field(&cpu, "usage_usec").unwrap_or(0) * 1000,
        memory: number(read("memory", "memory.current")),
        inactive_file: field(&stat, "inactive_file").unwrap_or(0),
        anonymous: field(&stat, "anon").unwrap_or(0),
        pids: number(read("pids", "pids.current")),
    })
}

/// The number after a name in a file of `name number` lines.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok())?
    })
}

fn number(text: Option<String>) -> u64 {
    text.and_then(|t| t.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_versions() {
        let one = v1(&|_, file| {
            Some(
                match file {
                    "memory.stat" => "inactive_file 1\ntotal_inactive_file 30\ntotal_rss 50\n",
                    "memory.usage_in_bytes" => "100\n",
                    "cpuacct.usage" => "7000\n",
                    _ => "3\n",
                }
                .to_owned(),
            )
        });
        let two = v2(&|_, file| {
            Some(
                match file {
                    "memory.stat" => "anon 50\nfile 60\ninactive_file 30\n",
                    "memory.current" => "100\n",
                    "cpu.stat" => "usage_usec 7\nuser_usec 3\n",
                    _ => "3\n",
                }
                .to_owned(),
            )
        });
        assert_eq!(one, two);
        assert_eq!(
            one.map(|u| (u.memory, u.inactive_file, u.pids)),
            Some((100, 30, 3))
        );
        assert_eq!(v1(&|_, _| None), None);
    }
}
