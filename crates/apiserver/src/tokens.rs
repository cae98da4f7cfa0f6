//! Service-account tokens: signing them (TokenRequest), checking them, and publishing the key
//! (JWKS and OpenID discovery) so that others can check them.

mod request;

pub(crate) use request::run;

use crate::{
    Door, User,
    answer::{self, Answer},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::Jwk};
use k8s_openapi::api::core::v1::ServiceAccount;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the service-account key: {source}")]
pub struct KeyError {
    #[from]
    source: jsonwebtoken::errors::Error,
}

/// Signs and checks.
pub struct Tokens {
    /// `iss` of every token.
    issuer: String,
    /// Audiences of a token that asks for none, and those the door itself accepts.
    audiences: Vec<String>,
    signing: EncodingKey,
    checking: DecodingKey,
    key_id: String,
    jwks: Value,
}

/// The body of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) aud: Vec<String>,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) jti: String,
    #[serde(rename = "kubernetes.io")]
    pub(crate) kubernetes: Bound,
}

/// What a token is bound to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bound {
    pub(crate) namespace: String,
    pub(crate) serviceaccount: Reference,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warnafter: Option<i64>,
}

/// An object by name and UID.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl Tokens {
    /// From an RSA key in PEM.
    ///
    /// # Errors
    /// When the key is no RSA key in PEM.
    pub fn new(key_pem: &str, issuer: &str, audiences: Vec<String>) -> Result<Self, KeyError> {
        let signing = EncodingKey::from_rsa_pem(key_pem.as_bytes())?;
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
        let public = serde_json::to_vec(&jwk.algorithm).unwrap_or_default();
        let key_id = URL_SAFE_NO_PAD.encode(Sha256::digest(&public));
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Ok(Self {
            issuer: issuer.to_owned(),
            audiences,
            checking: DecodingKey::from_jwk(&jwk)?,
            jwks: json!({ "keys": [jwk] }),
            signing,
            key_id,
        })
    }

    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = None;
        header.kid = Some(self.key_id.clone());
        Ok(jsonwebtoken::encode(&header, claims, &self.signing)?)
    }

    /// The user of a valid token and the audiences it is accepted for. `audiences` empty: the door's.
    pub(crate) async fn verify(
        &self,
        door: &Door,
        token: &str,
        audiences: &[String],
    ) -> Option<(User, Vec<String>)> {
        let wanted = if audiences.is_empty() {
            &self.audiences
        } else {
            audiences
        };
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(wanted);
        // The door's clock decides, not the library's.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &validation)
            .ok()?
            .claims;
        let now = door.config.clock.now().as_second();
        if claims.exp <= now || claims.nbf > now + 10 {
            return None;
        }
        door.cache.catch_up().await;
        still_bound(door, &claims.kubernetes)?;
        let accepted = wanted
            .iter()
            .filter(|it| claims.aud.contains(it))
            .cloned()
            .collect();
        Some((user(&claims), accepted))
    }
}

/// Whether everything the token is bound to still exists and is not going.
fn still_bound(door: &Door, bound: &Bound) -> Option<()> {
    let account = door.read(
        "",
        "serviceaccounts",
        &bound.namespace,
        &bound.serviceaccount.name,
    )?;
    let account = account.downcast_ref::<ServiceAccount>()?;
    if account.metadata.uid.as_deref() != Some(&bound.serviceaccount.uid) {
        return None;
    }
    for (plural, reference) in [("pods", &bound.pod), ("secrets", &bound.secret)] {
        let Some(reference) = reference else { continue };
        let object = door.read("", plural, &bound.namespace, &reference.name)?;
        if object.metadata().uid.as_deref() != Some(&reference.uid) {
            return None;
        }
    }
    Some(())
}

fn user(claims: &Claims) -> User {
    let bound = &claims.kubernetes;
    let groups = format!("system:serviceaccounts:{}", bound.namespace);
    let name = format!(
        "system:serviceaccount:{}:{}",
        bound.namespace, bound.serviceaccount.name
    );
    let mut user = User::new(&name, &["system:serviceaccounts", &groups]);
    user.uid.clone_from(&bound.serviceaccount.uid);
    let mut say = |key: &str, value: &str| {
        user.extra.insert(
            format!("authentication.kubernetes.io/{key}"),
            vec![value.to_owned()],
        );
    };
    say("credential-id", &format!("JTI={}", claims.jti));
    if let Some(pod) = &bound.pod {
        say("pod-name", &pod.name);
        say("pod-uid", &pod.uid);
    }
    if let Some(node) = &bound.node {
        say("node-name", &node.name);
        say("node-uid", &node.uid);
    }
    user
}

impl Door {
    /// An object as it is now, in its stored form.
    pub(crate) fn read(
        &self,
        group: &str,
        plural: &str,
        namespace: &str,
        name: &str,
    ) -> Option<Box<dyn api::AnyObject>> {
        let resource = self.resources.find_any(group, plural)?;
        let item = self.cache.get(resource.slot, namespace, name)?;
        resource.law.decode(&item.bytes()).ok()
    }
}

/// `/.well-known/openid-configuration` and `/openid/v1/jwks`.
pub(crate) fn well_known(door: &Door, path: &str) -> Option<Answer> {
    let tokens = door.config.tokens.as_ref()?;
    match path {
        "/.well-known/openid-configuration" => {
            let document = json!({
                "issuer": tokens.issuer,
                "jwks_uri": format!("{}/openid/v1/jwks", tokens.issuer.trim_end_matches('/')),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            });
            Some(Ok(answer::json(200, document.to_string())))
        }
        "/openid/v1/jwks" => Some(Ok(answer::whole(
            200,
            "application/jwk-set+json",
            tokens.jwks.to_string(),
        ))),
        _ => None,
    }
}
