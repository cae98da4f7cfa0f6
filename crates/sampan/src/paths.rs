//! Where everything lies below the data folder.

use std::path::{Path, PathBuf};

/// The data folder unless told otherwise.
pub(crate) const DATA_DIR: &str = "/var/lib/sampan";
/// The administrator's kubeconfig unless told otherwise.
pub(crate) const KUBECONFIG: &str = "/etc/sampan/kubeconfig.yaml";

/// The folders and files of one data folder.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) root: PathBuf,
}

impl Paths {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }
    pub(crate) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }
    pub(crate) fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }
    pub(crate) fn network(&self) -> PathBuf {
        self.root.join("network")
    }
    pub(crate) fn journal(&self) -> PathBuf {
        self.network().join("journal")
    }
    pub(crate) fn kubelet(&self) -> PathBuf {
        self.root.join("kubelet")
    }
    /// Pod logs; fluent-bit and friends look in upstream's place, which is a link to here.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.root.join("admin.sock")
    }

    /// Makes the folders, private to root.
    pub(crate) fn create(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        for folder in [
            self.root.clone(),
            self.store(),
            self.tls(),
            self.runtime(),
            self.network(),
            self.kubelet(),
            self.logs(),
        ] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        Ok(())
    }
}
