//! Kernel settings below /proc/sys, those of the network being the calling thread's namespace's.

use std::io;

/// The value without its line end.
pub(crate) fn read(path: &str) -> io::Result<String> {
    std::fs::read_to_string(format!("/proc/sys/{path}")).map(|text| text.trim_end().to_owned())
}

pub(crate) fn write(path: &str, value: &str) -> io::Result<()> {
    std::fs::write(format!("/proc/sys/{path}"), value)
}

/// Everything that turning on IPv4 forwarding changes besides itself: the kernel copies the switch to every link
/// and flips whether redirects are accepted. `net/ipv4/ip_forward` comes last, so that undoing in reverse order sets
/// it first and the exact former values after it.
pub(crate) fn forwarding_settings() -> io::Result<Vec<String>> {
    let mut paths = vec!["net/ipv4/conf/all/accept_redirects".to_owned()];
    for entry in std::fs::read_dir("/proc/sys/net/ipv4/conf")? {
        if let Some(link) = entry?.file_name().to_str() {
            paths.push(format!("net/ipv4/conf/{link}/forwarding"));
        }
    }
    // conf/all/forwarding is ip_forward under another name: writing it would copy again.
    paths.retain(|path| path != "net/ipv4/conf/all/forwarding");
    paths.push("net/ipv4/ip_forward".to_owned());
    Ok(paths)
}
