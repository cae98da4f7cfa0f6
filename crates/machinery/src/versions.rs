//! The version of Kubernetes that Sampan serves, as `/version` and node status tell it.

/// Major version.
pub const MAJOR: &str = "1";
/// Minor version.
pub const MINOR: &str = "36";
/// Git version; the part after `+` names the distribution, as semantic versioning allows.
pub const GIT_VERSION: &str = "v1.36.0+sampan";
/// Sampan's own version.
pub const SAMPAN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The body of `/version`.
#[must_use]
pub fn info() -> serde_json::Value {
    serde_json::json!({
        "major": MAJOR,
        "minor": MINOR,
        "emulationMajor": MAJOR,
        "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR,
        "minCompatibilityMinor": "35",
        "gitVersion": GIT_VERSION,
        "gitCommit": option_env!("SAMPAN_COMMIT").unwrap_or(""),
        "gitTreeState": "clean",
        "buildDate": option_env!("SAMPAN_BUILD_DATE").unwrap_or("1970-01-01T00:00:00Z"),
        "goVersion": "none",
        "compiler": "rustc",
        "platform": platform(),
    })
}

/// Such as `linux/amd64`.
#[must_use]
pub fn platform() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "linux/amd64",
        "aarch64" => "linux/arm64",
        _ => "linux/unknown",
    }
}

/// Go's name of this machine's architecture, as node labels and images carry it.
#[must_use]
pub fn architecture() -> &'static str {
    platform().trim_start_matches("linux/")
}
