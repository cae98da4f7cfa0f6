//! The binary under the name `kube-apiserver`, as test rigs (envtest) start it: a kube-apiserver's command line becomes
//! the server's. No node, no controllers, no file but those in the folder of certificates, which a rig makes and
//! removes.

use crate::{
    arguments::value_of,
    upstream_flags::{ETCD, without},
};
use std::ffi::OsString;

/// Where a kube-apiserver keeps its certificates unless told.
const CERTIFICATES: &str = "/var/run/kubernetes";

/// The server's command line. The etcd that a rig starts beside it is not used, which is said in a line.
pub(crate) fn command_line(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut data = OsString::from("--data-dir=");
    data.push(value_of(&arguments, &["--cert-dir"]).unwrap_or_else(|| CERTIFICATES.into()));
    data.push("/sampan");
    let mut etcd = None;
    let mut kept = without(arguments, |name| {
        let is_etcd = ETCD.iter().find(|of_etcd| **of_etcd == name);
        etcd = is_etcd.or(etcd);
        is_etcd.is_some()
    });
    if let Some(name) = etcd {
        eprintln!("kube-apiserver: --{name} is not used: the server brings its own store");
    }
    let own = [
        "server",
        "--config=/dev/null",
        "--disable-agent",
        "--disable=controllers,scheduler",
    ];
    let own = own.into_iter().map(OsString::from).chain([data]);
    kept.splice(kept.len().min(1)..kept.len().min(1), own);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_rig() {
        let line = "kube-apiserver --etcd-servers=http://127.0.0.1:2379 --cert-dir /c --etcd-prefix p --secure-port=1";
        let made = command_line(line.split(' ').map(OsString::from).collect());
        let made = made.join(&OsString::from(" ")).into_string().unwrap();
        assert_eq!(
            made,
            "kube-apiserver server --config=/dev/null --disable-agent --disable=controllers,scheduler \
             --data-dir=/c/sampan --cert-dir /c --secure-port=1"
        );
    }
}
