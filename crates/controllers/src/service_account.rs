//! Promise: every active namespace has a ServiceAccount named `default`.

use crate::Context;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::sync::Arc;

pub(crate) const NAME: &str = "serviceaccount-controller";

pub(crate) struct ServiceAccounts {
    namespaces: Arc<Cache<Namespace>>,
    accounts: Arc<Cache<ServiceAccount>>,
}

impl ServiceAccounts {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            namespaces: context.caches.of(),
            accounts: context.caches.of(),
        }
    }
}

#[async_trait]
impl Reconcile for ServiceAccounts {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The key is the namespace.
    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Namespace>();
        wiring.on::<ServiceAccount>(|change| match (&change.old, &change.new) {
            (Some(gone), None) => vec![Key::new(
                "",
                gone.metadata.namespace.as_deref().unwrap_or_default(),
            )],
            _ => Vec::new(),
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        if !crate::namespace::is_active(&self.namespaces, &key.name)
            || self.accounts.get(&key.name, "default").is_some()
        {
            return Ok(Outcome::Done);
        }
        let mut account = ServiceAccount::default();
        account.metadata.name = Some("default".to_owned());
        account.metadata.namespace = Some(key.name.clone());
        match writes.create(&account).await {
            Err(error) if !error.is_already_exists() => Err(error.into()),
            _ => Ok(Outcome::Done),
        }
    }
}
