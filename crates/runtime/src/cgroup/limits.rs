//! From limits to the values that the kernel's files take. Pure.

use super::Setting;
use crate::container::Resources;

pub(super) const V1_MEMORY: &str = "memory.limit_in_bytes";
pub(super) const V1_MEMORY_AND_SWAP: &str = "memory.memsw.limit_in_bytes";

/// Whether a kernel may be built without this file.
pub(super) fn is_optional(file: &str) -> bool {
    matches!(
        file,
        V1_MEMORY_AND_SWAP | "memory.swap.max" | "memory.oom.group" | "cpuset.cpus"
    )
}

pub(super) fn v1(resources: &Resources) -> Vec<Setting> {
    let text = |it: i64| it.to_string();
    let shares = resources.cpu_shares.map(|it| it.clamp(2, 262_144));
    let memory = resources.memory_limit_bytes.map(text);
    present([
        ("cpu", "cpu.shares", shares.map(|it| it.to_string())),
        (
            "cpu",
            "cpu.cfs_period_us",
            resources.cpu_period.map(|it| it.to_string()),
        ),
        ("cpu", "cpu.cfs_quota_us", resources.cpu_quota.map(text)),
        ("cpuset", "cpuset.cpus", resources.cpuset_cpus.clone()),
        ("memory", V1_MEMORY, memory.clone()),
        ("memory", V1_MEMORY_AND_SWAP, memory),
        ("pids", "pids.max", resources.pids_limit.map(max_or)),
    ])
}

pub(super) fn v2(resources: &Resources) -> Vec<Setting> {
    let shares = resources.cpu_shares.map(|it| weight(it).to_string());
    let period = resources.cpu_period.unwrap_or(100_000);
    let quota = resources.cpu_quota;
    let quota = quota.map(|it| format!("{} {period}", max_or(it)));
    let memory = resources.memory_limit_bytes;
    let limited = |value: &str| memory.filter(|it| *it > 0).map(|_| value.to_owned());
    present([
        ("cpu", "cpu.weight", shares),
        ("cpu", "cpu.max", quota),
        ("cpuset", "cpuset.cpus", resources.cpuset_cpus.clone()),
        ("memory", "memory.max", memory.map(max_or)),
        ("memory", "memory.swap.max", limited("0")),
        ("memory", "memory.oom.group", limited("1")),
        ("pids", "pids.max", resources.pids_limit.map(max_or)),
    ])
}

/// Controllers, their files and what they are to hold, where anything is to be held.
fn present<const N: usize>(all: [(&'static str, &'static str, Option<String>); N]) -> Vec<Setting> {
    let setting = |(controller, file, value): (_, _, Option<String>)| {
        let value = value?;
        Some(Setting {
            controller,
            file,
            value,
        })
    };
    all.into_iter().filter_map(setting).collect()
}

fn max_or(value: i64) -> String {
    if value < 0 {
        "max".to_owned()
    } else {
        value.to_string()
    }
}

/// Shares (2 to 262144) to weight (1 to 10000), the linear way of KEP-2254.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(settings: Vec<Setting>) -> String {
        settings
            .into_iter()
            .map(|s| format!("{}={}", s.file, s.value))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn both_versions_say_the_same() {
        let all = Resources {
            cpu_shares: Some(1024),
            cpu_quota: Some(50_000),
            cpu_period: Some(100_000),
            cpuset_cpus: Some("0-1".into()),
            memory_limit_bytes: Some(64 << 20),
            pids_limit: Some(100),
        };
        let unlimited = Resources {
            cpu_quota: Some(-1),
            memory_limit_bytes: Some(-1),
            pids_limit: Some(-1),
            ..Resources::default()
        };
        let cases = [
            (
                &all,
                "cpu.shares=1024 cpu.cfs_period_us=100000 cpu.cfs_quota_us=50000 cpuset.cpus=0-1 \
                 memory.limit_in_bytes=67108864 memory.memsw.limit_in_bytes=67108864 pids.max=100",
                "cpu.weight=39 cpu.max=50000 100000 cpuset.cpus=0-1 memory.max=67108864 \
                 memory.swap.max=0 memory.oom.group=1 pids.max=100",
            ),
            (
                &unlimited,
                "cpu.cfs_quota_us=-1 memory.limit_in_bytes=-1 memory.memsw.limit_in_bytes=-1 pids.max=max",
                "cpu.max=max 100000 memory.max=max pids.max=max",
            ),
            (&Resources::default(), "", ""),
        ];
        for (resources, one, two) in cases {
            assert_eq!(lines(v1(resources)), one);
            assert_eq!(lines(v2(resources)), two);
        }
    }

    #[test]
    fn weights_span_the_range() {
        assert_eq!(
            [0, 2, 1024, 262_144, u64::MAX].map(weight),
            [1, 1, 39, 10_000, 10_000]
        );
    }
}
