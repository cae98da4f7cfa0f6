//! Who may come in and what they may do, from the flags: authenticators in the order they are asked, one
//! authorizer, and the keys of service-account tokens.

use crate::arguments::{AuthorizationMode, ServerOptions};
use anyhow::Context as _;
use apiserver::{
    Tokens,
    authn::{Authenticate, ClientCertificates, ServiceAccounts, TokenFile},
    authz::{AlwaysAllow, AlwaysDeny, Authorize, Standing},
};
use std::sync::Arc;

/// Signs and checks service-account tokens.
pub(crate) fn tokens(options: &ServerOptions, own_key_pem: &str) -> anyhow::Result<Tokens> {
    let api = &options.api;
    let usual = format!("https://kubernetes.default.svc.{}", options.cluster_domain);
    let (issuer, others) = match api.service_account_issuer.split_first() {
        Some((first, others)) => (first.clone(), others),
        None => (usual, [].as_slice()),
    };
    let audiences = if api.api_audiences.is_empty() {
        vec![issuer.clone(), "k3s".to_owned()]
    } else {
        api.api_audiences.clone()
    };
    let mut tokens = Tokens::new(own_key_pem, &issuer, audiences)?;
    for other in others {
        tokens.accept_issuer(other);
    }
    for file in &api.service_account_key_file {
        let named = || format!("--service-account-key-file={}", file.display());
        let pem = std::fs::read_to_string(file).with_context(named)?;
        tokens.accept_keys(&pem).with_context(named)?;
    }
    Ok(tokens)
}

/// Static tokens come before service accounts, which refuse every token they do not know.
pub(crate) fn authenticators(
    options: &ServerOptions,
    tokens: &Arc<Tokens>,
) -> anyhow::Result<Vec<Arc<dyn Authenticate>>> {
    let mut all: Vec<Arc<dyn Authenticate>> = vec![Arc::new(ClientCertificates)];
    if let Some(file) = &options.api.token_auth_file {
        all.push(Arc::new(TokenFile::read(file)?));
    }
    all.push(Arc::new(ServiceAccounts(Arc::clone(tokens))));
    Ok(all)
}

/// The union of the modes; administrators and the cluster's own components come first whatever they are.
pub(crate) fn authorizer(options: &ServerOptions, components: Vec<String>) -> Arc<dyn Authorize> {
    let modes = &options.api.authorization_mode;
    let next: Option<Arc<dyn Authorize>> = if modes.contains(&AuthorizationMode::AlwaysAllow) {
        Some(Arc::new(AlwaysAllow))
    } else if modes.contains(&AuthorizationMode::AlwaysDeny) {
        Some(Arc::new(AlwaysDeny))
    } else {
        None
    };
    Arc::new(Standing { components, next })
}
