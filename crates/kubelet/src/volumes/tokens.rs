//! Service account tokens for a pod's projected volumes, fetched anew before they grow old
//! (upstream: `kubelet/token`).

use client::Client;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection},
};
use std::collections::BTreeMap;

/// Upstream refreshes at the latest after a day.
const OLDEST: SignedDuration = SignedDuration::from_hours(24);
const DEFAULT_SECONDS: i64 = 3600;

/// What kind of token a volume wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    audience: Option<String>,
    seconds: i64,
}

impl Want {
    /// Of a projection.
    #[must_use]
    pub fn of(it: &ServiceAccountTokenProjection) -> Self {
        Self {
            audience: it.audience.clone().filter(|it| !it.is_empty()),
            seconds: it.expiration_seconds.unwrap_or(DEFAULT_SECONDS),
        }
    }
}

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The token itself.
    pub text: String,
    /// When a new one should be fetched.
    pub refresh_at: Timestamp,
    expires_at: Timestamp,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(refresh at {})", self.refresh_at)
    }
}

/// The tokens of one pod, kept by its worker.
#[derive(Debug, Default)]
pub struct Tokens(BTreeMap<Want, Token>);

impl Tokens {
    /// Every token the pod's volumes want, new where the one at hand grows old.
    pub async fn fetch(
        &mut self,
        client: &Client,
        pod: &Pod,
        now: Timestamp,
    ) -> BTreeMap<Want, Result<Token, String>> {
        let mut out = BTreeMap::new();
        let volumes = pod.spec.iter().flat_map(|it| it.volumes.iter().flatten());
        let parts = volumes
            .flat_map(|it| it.projected.iter())
            .flat_map(|it| it.sources.iter().flatten());
        for want in parts
            .filter_map(|it| it.service_account_token.as_ref())
            .map(Want::of)
        {
            let held = self.0.get(&want).cloned();
            let token = match held {
                Some(token) if now < token.refresh_at => Ok(token),
                held => match request(client, pod, &want, now).await {
                    Ok(token) => {
                        self.0.insert(want.clone(), token.clone());
                        Ok(token)
                    }
                    // The old one serves while it is valid.
                    Err(error) => held.filter(|it| now < it.expires_at).ok_or(error),
                },
            };
            out.insert(want, token);
        }
        out
    }
}

async fn request(client: &Client, pod: &Pod, want: &Want, now: Timestamp) -> Result<Token, String> {
    let account = pod
        .spec
        .as_ref()
        .and_then(|it| it.service_account_name.as_deref())
        .unwrap_or("default");
    let body = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: want.audience.clone().map(|it| vec![it]),
            expiration_seconds: Some(want.seconds),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: pod.metadata.name.clone(),
                uid: pod.metadata.uid.clone(),
            }),
        }),
        ..TokenRequest::default()
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let answer = client
        .post_to::<ServiceAccount, _>(namespace, account, "token", &body)
        .await
        .map_err(|error| error.to_string())?;
    let answer =
        <TokenRequest as api::Object>::decode(&answer).map_err(|error| error.to_string())?;
    let status = answer
        .status
        .ok_or("the API server answered without a token")?;
    let text = status
        .token
        .filter(|it| !it.is_empty())
        .ok_or("the API server answered without a token")?;
    let expires_at = status.expiration_timestamp.map_or(now, |it| it.0);
    let lifetime = expires_at.duration_since(now);
    let fresh = (lifetime * 8 / 10).min(OLDEST);
    let refresh_at = now.checked_add(fresh).unwrap_or(expires_at);
    Ok(Token {
        text,
        refresh_at,
        expires_at,
    })
}
