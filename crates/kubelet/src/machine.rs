//! What this machine is and has, read from the kernel (upstream: cAdvisor's machine information).

use k8s_openapi::api::core::v1::NodeSystemInfo;
use machinery::quantity::{Amounts, Format, Quantity};
use runtime::Runtime;
use std::{fs, path::Path};

/// Below this much free memory the node says so (upstream: `memory.available<100Mi`).
const LEAST_MEMORY_BYTES: u64 = 100 << 20;
/// Below this part of free disk the node says so (upstream: `nodefs.available<10%`).
const LEAST_DISK_PERCENT: u64 = 10;

/// The version this kubelet reports.
#[must_use]
pub fn kubelet_version() -> String {
    "v1.36.0+sampan".to_owned()
}

/// Processors, memory, disk and pods.
pub async fn capacity(runtime: &dyn Runtime, max_pods: u32) -> Amounts {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = memory_bytes("MemTotal:").unwrap_or(0);
    let disk = runtime
        .image_fs_info()
        .await
        .map(|it| it.capacity_bytes)
        .unwrap_or(0);
    let whole = |count: usize| {
        Quantity::from_units(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSi)
    };
    [
        ("cpu", whole(processors)),
        ("memory", Quantity::bytes(memory)),
        ("ephemeral-storage", Quantity::bytes(disk)),
        (
            "pods",
            Quantity::from_units(i64::from(max_pods), Format::DecimalSi),
        ),
    ]
    .into_iter()
    .map(|(name, amount)| (name.to_owned(), amount))
    .collect()
}

/// What is short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Memory.
    pub memory: bool,
    /// Disk.
    pub disk: bool,
}

/// Looks for what is short.
pub async fn pressure(runtime: &dyn Runtime) -> Pressure {
    let memory = memory_bytes("MemAvailable:").is_some_and(|it| it < LEAST_MEMORY_BYTES);
    let disk = runtime.image_fs_info().await.is_ok_and(|it| {
        it.capacity_bytes > 0 && it.available_bytes < it.capacity_bytes / 100 * LEAST_DISK_PERCENT
    });
    Pressure { memory, disk }
}

fn memory_bytes(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// `amd64`, `arm64`.
#[must_use]
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The node's `nodeInfo`.
#[must_use]
pub fn system_info(runtime: &dyn Runtime) -> NodeSystemInfo {
    let read = |path: &str| {
        fs::read_to_string(path)
            .map(|it| it.trim().to_owned())
            .unwrap_or_default()
    };
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let version = runtime.version();
    let machine_id = read("/etc/machine-id");
    let uuid = read("/sys/class/dmi/id/product_uuid");
    NodeSystemInfo {
        architecture: architecture().to_owned(),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        container_runtime_version: format!("{}://{}", version.name, version.version),
        kernel_version: read("/proc/sys/kernel/osrelease"),
        kube_proxy_version: String::new(),
        kubelet_version: kubelet_version(),
        operating_system: "linux".to_owned(),
        os_image: pretty.unwrap_or("Linux").trim_matches('"').to_owned(),
        system_uuid: if uuid.is_empty() {
            machine_id.clone()
        } else {
            uuid
        },
        machine_id,
        swap: None,
    }
}

/// The machine's name for the `Hostname` address.
#[must_use]
pub fn host_name() -> String {
    fs::read_to_string(Path::new("/proc/sys/kernel/hostname"))
        .map(|it| it.trim().to_owned())
        .unwrap_or_default()
}
