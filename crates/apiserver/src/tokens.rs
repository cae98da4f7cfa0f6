//! Service-account tokens: signing them (TokenRequest), checking them, and publishing the key
//! (JWKS and OpenID discovery) so that others can check them.

mod keys;
mod request;

pub use keys::KeyError;
pub(crate) use request::run;

use crate::{
    Door, User,
    answer::{self, Answer},
};
use http::{HeaderValue, header};
use jsonwebtoken::{Header, Validation};
use k8s_openapi::api::core::v1::ServiceAccount;
use keys::{Checking, Signing};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Signs and checks.
pub struct Tokens {
    /// `iss` of tokens; the first is that of new ones.
    issuers: Vec<String>,
    /// Audiences of a token that asks for none, and those the door itself accepts.
    audiences: Vec<String>,
    signing: Signing,
    /// Further keys whose tokens are accepted.
    others: Vec<Checking>,
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
    /// From an RSA or elliptic-curve key in PEM.
    ///
    /// # Errors
    /// When it is no such key.
    pub fn new(key_pem: &str, issuer: &str, audiences: Vec<String>) -> Result<Self, KeyError> {
        Ok(Self {
            issuers: vec![issuer.to_owned()],
            audiences,
            signing: Signing::read(key_pem)?,
            others: Vec::new(),
        })
    }

    /// Accepts tokens of the keys in this PEM file too: public, private, or certificates.
    ///
    /// # Errors
    /// When one of them is no key.
    pub fn accept_keys(&mut self, pem: &str) -> Result<(), KeyError> {
        self.others.extend(Checking::read_all(pem)?);
        Ok(())
    }

    /// Accepts tokens that name this issuer too.
    pub fn accept_issuer(&mut self, issuer: &str) {
        self.issuers.push(issuer.to_owned());
    }

    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let own = &self.signing.checking;
        let mut header = Header::new(own.algorithm);
        header.typ = None;
        header.kid = Some(own.id.clone());
        Ok(jsonwebtoken::encode(&header, claims, &self.signing.key)?)
    }

    fn keys(&self) -> impl Iterator<Item = &Checking> {
        std::iter::once(&self.signing.checking).chain(&self.others)
    }

    /// What a token says, if one of the keys signed it for one of these audiences.
    fn claims(&self, token: &str, audiences: &[String]) -> Option<Claims> {
        self.keys().find_map(|checking| {
            let mut validation = Validation::new(checking.algorithm);
            validation.set_issuer(&self.issuers);
            validation.set_audience(audiences);
            // The door's clock decides, not the library's.
            validation.validate_exp = false;
            validation.validate_nbf = false;
            let decoded = jsonwebtoken::decode::<Claims>(token, &checking.key, &validation);
            decoded.ok().map(|it| it.claims)
        })
    }

    /// `iss` of new tokens.
    pub(crate) fn issuer(&self) -> &str {
        self.issuers.first().map_or("", String::as_str)
    }

    fn algorithms(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .keys()
            .map(|key| format!("{:?}", key.algorithm))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn published(&self) -> Value {
        let mut keys: Vec<&Checking> = Vec::new();
        for key in self.keys() {
            if !keys.iter().any(|other| other.id == key.id) {
                keys.push(key);
            }
        }
        json!({ "keys": keys.iter().map(|it| &it.jwk).collect::<Vec<_>>() })
    }

    /// Whom tokens are for when nobody says.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.audiences
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
        let claims = self.claims(token, wanted)?;
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

/// How long others may keep what is published, upstream's hour.
const PUBLISHED: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// `/.well-known/openid-configuration` and `/openid/v1/jwks`.
pub(crate) fn well_known(door: &Door, path: &str) -> Option<Answer> {
    let tokens = door.config.tokens.as_ref()?;
    let (media_type, document) = match path.trim_end_matches('/') {
        "/.well-known/openid-configuration" => (
            "application/json",
            json!({
                "issuer": tokens.issuer(),
                "jwks_uri": format!("{}/openid/v1/jwks", tokens.issuer().trim_end_matches('/')),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": tokens.algorithms(),
            }),
        ),
        "/openid/v1/jwks" => ("application/jwk-set+json", tokens.published()),
        _ => return None,
    };
    let mut response = answer::whole(200, media_type, document.to_string());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, PUBLISHED);
    Some(Ok(response))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    fn claims() -> Claims {
        Claims {
            aud: vec!["door".to_owned()],
            exp: 2,
            iat: 1,
            nbf: 1,
            iss: "https://door".to_owned(),
            sub: "system:serviceaccount:default:a".to_owned(),
            jti: "1".to_owned(),
            kubernetes: Bound {
                namespace: "default".to_owned(),
                ..Bound::default()
            },
        }
    }

    /// Another header, or other claims, under the signature that there is.
    fn forged(random: &mut fuzz::Random, good: &str) -> String {
        let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
        let at = random.below(parts.len());
        let plain = URL_SAFE_NO_PAD.decode(&parts[at]).unwrap();
        let other =
            br#"{"alg":"none","kid":"","typ":"JWT","aud":[],"exp":1e99,"kubernetes.io":null}"#;
        let plain = match serde_json::from_slice(&plain) {
            Ok(mut tree) if random.one_in(2) => {
                random.bend(&mut tree);
                fuzz::json_text(&tree, random, 20).into_bytes()
            }
            _ => random.damaged(&plain, other),
        };
        parts[at] = URL_SAFE_NO_PAD.encode(plain);
        parts.join(".")
    }

    #[test]
    fn damaged_tokens_say_nothing_that_was_not_signed() {
        let key = stdx::certificates::create_signing_key().unwrap();
        let tokens = Tokens::new(&key, "https://door", vec!["door".to_owned()]).unwrap();
        let good = tokens.sign(&claims()).unwrap();
        assert!(tokens.claims(&good, &tokens.audiences).is_some());
        let (signed, _) = good.rsplit_once('.').unwrap();
        let strangers = Tokens::new(
            &stdx::certificates::create_signing_key().unwrap(),
            "https://door",
            Vec::new(),
        );
        let strange = strangers.unwrap().sign(&claims()).unwrap();
        assert!(tokens.claims(&strange, &tokens.audiences).is_none());
        fuzz::run("service-account tokens", 1500, |random| {
            let text = match random.below(3) {
                0 => String::from_utf8_lossy(&random.damaged(good.as_bytes(), strange.as_bytes()))
                    .into_owned(),
                1 => random.text(
                    &["e30", ".", "=", "eyJhbGciOiJub25lIn0", "AA", "-_", "é"],
                    12,
                ),
                _ => forged(random, &good),
            };
            if tokens.claims(&text, &tokens.audiences).is_some() {
                let same = text
                    .rsplit_once('.')
                    .is_some_and(|(part, _)| part == signed);
                assert!(same, "{text}");
            }
        });
    }
}
