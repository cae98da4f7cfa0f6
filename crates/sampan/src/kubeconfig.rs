//! The administrator's kubeconfig, written whole or not at all, readable by root only.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::path::Path;

/// What a kubeconfig says.
pub(crate) struct Access<'a> {
    pub(crate) server: &'a str,
    pub(crate) ca_pem: &'a str,
    pub(crate) certificate_pem: &'a str,
    pub(crate) key_pem: &'a str,
}

/// The file's text.
pub(crate) fn render(access: &Access<'_>) -> String {
    let encode = |pem: &str| STANDARD.encode(pem);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: sampan\nclusters:\n- name: sampan\n  cluster:\n    server: {}\n    \
         certificate-authority-data: {}\ncontexts:\n- name: sampan\n  context:\n    cluster: sampan\n    user: sampan-admin\n\
         users:\n- name: sampan-admin\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
        access.server,
        encode(access.ca_pem),
        encode(access.certificate_pem),
        encode(access.key_pem),
    )
}

/// Writes `text` to `path` with mode 0600, making its folder if it is missing.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let describe = || format!("cannot write the kubeconfig {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(describe)?;
    }
    stdx::private_file::replace(path, text.as_bytes()).with_context(describe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn written_private_and_readable_as_yaml() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/kubeconfig.yaml");
        let access = Access {
            server: "https://127.0.0.1:6443",
            ca_pem: "ca",
            certificate_pem: "c",
            key_pem: "k",
        };
        write(&path, &render(&access)).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let tree: serde_json::Value =
            serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(
            tree["clusters"][0]["cluster"]["server"],
            "https://127.0.0.1:6443"
        );
        assert_eq!(tree["users"][0]["user"]["client-key-data"], "aw==");
    }
}
