//! Promise: every active namespace has the ConfigMap `kube-root-ca.crt` with the cluster's authority, so
//! that pods can trust the API server. Upstream: root-ca-certificate-publisher-controller.

use crate::Context;
use async_trait::async_trait;
use client::ListOptions;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) const NAME: &str = "root-ca-certificate-publisher-controller";
const CONFIG_MAP: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

pub(crate) struct RootCa {
    namespaces: Arc<Cache<Namespace>>,
    config_maps: Arc<Cache<ConfigMap>>,
    pem: Arc<str>,
}

impl RootCa {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            namespaces: context.caches.of(),
            // Those of all namespaces, but not what else users keep in ConfigMaps.
            config_maps: context.caches.select(ListOptions {
                fields: format!("metadata.name={CONFIG_MAP}"),
                ..ListOptions::default()
            }),
            pem: Arc::clone(&context.root_ca_pem),
        }
    }

    fn wanted(&self, namespace: &str) -> ConfigMap {
        let mut wanted = ConfigMap::default();
        wanted.metadata.name = Some(CONFIG_MAP.to_owned());
        wanted.metadata.namespace = Some(namespace.to_owned());
        wanted.metadata.annotations = Some(BTreeMap::from([(
            "kubernetes.io/description".to_owned(),
            DESCRIPTION.to_owned(),
        )]));
        wanted.data = Some(BTreeMap::from([(
            "ca.crt".to_owned(),
            self.pem.to_string(),
        )]));
        wanted
    }
}

#[async_trait]
impl Reconcile for RootCa {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The key is the namespace.
    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Namespace>();
        wiring.on::<ConfigMap>(|change| {
            let maps = change.latest().into_iter();
            maps.map(|map| Key::new("", map.metadata.namespace.as_deref().unwrap_or_default()))
                .collect()
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        if !crate::namespace::is_active(&self.namespaces, &key.name) {
            return Ok(Outcome::Done);
        }
        let wanted = self.wanted(&key.name);
        match self.config_maps.get(&key.name, CONFIG_MAP) {
            None => match writes.create(&wanted).await {
                Err(error) if !error.is_already_exists() => Err(error.into()),
                _ => Ok(Outcome::Done),
            },
            Some(found) if found.data == wanted.data => Ok(Outcome::Done),
            Some(found) => {
                let mut mended = (*found).clone();
                mended.data = wanted.data;
                writes.update(&mended).await?;
                Ok(Outcome::Done)
            }
        }
    }
}
