//! `cluster-info`: where the control plane and the cluster's services are.

use crate::{
    print,
    session::{JSON, Session},
};
use anyhow::Result;
use client::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let url = session.config().await?.cluster_url.to_string();
        let url = url.trim_end_matches('/');
        let path = Path::collection("", "v1", "kube-system", "services")
            .query("labelSelector", "kubernetes.io/cluster-service=true");
        let services = session.get(&path, JSON).await?;
        print::line(&format!("Kubernetes control plane is running at {url}"))?;
        for service in services["items"].as_array().into_iter().flatten() {
            let metadata = &service["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            let title = metadata["labels"]["kubernetes.io/name"]
                .as_str()
                .unwrap_or(name);
            let port = service["spec"]["ports"][0]["name"]
                .as_str()
                .map(|it| format!(":{it}"));
            let port = port.unwrap_or_default();
            print::line(&format!(
                "{title} is running at {url}/api/v1/namespaces/kube-system/services/{name}{port}/proxy"
            ))?;
        }
        print::line(
            "\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.",
        )
    }
}
