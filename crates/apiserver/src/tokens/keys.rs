//! The keys of service-account tokens, read from PEM as upstream's flags take them: RSA or elliptic-curve
//! private keys in each customary form, public keys, and certificates. Upstream: `keyutil`.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    jwk::{Jwk, PublicKeyUse},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use x509_parser::{
    pem::Pem,
    prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate},
    public_key::PublicKey,
};

/// A key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The library refuses it.
    #[error("cannot use the service-account key: {source}")]
    Unusable {
        /// Why.
        #[from]
        source: jsonwebtoken::errors::Error,
    },
    /// It is no key of a known sort.
    #[error("cannot use the service-account key: {reason}")]
    Unknown {
        /// What is wrong with it.
        reason: String,
    },
}

/// A key that tokens are checked with, as it is published.
pub(super) struct Checking {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    pub(super) jwk: Jwk,
}

/// A private key, which signs and checks.
pub(super) struct Signing {
    pub(super) key: EncodingKey,
    pub(super) checking: Checking,
}

impl Signing {
    /// From the first private key of a PEM file.
    pub(super) fn read(pem: &str) -> Result<Self, KeyError> {
        let private = |block: &Pem| block.label.ends_with("PRIVATE KEY");
        match blocks(pem)?.iter().find(|block| private(block)) {
            Some(block) => private_key(block),
            None => Err(unknown("the file holds no private key")),
        }
    }
}

impl Checking {
    /// Every key of a PEM file; of a private key its public half.
    pub(super) fn read_all(pem: &str) -> Result<Vec<Self>, KeyError> {
        let blocks = blocks(pem)?;
        // Parameters stand beside a key that names its curve itself.
        let keys = blocks.iter().filter(|block| block.label != "EC PARAMETERS");
        let keys: Vec<Self> = keys.map(public_half).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(unknown("the file holds no key"));
        }
        Ok(keys)
    }

    fn new(mut jwk: Jwk, algorithm: Algorithm) -> Result<Self, KeyError> {
        let public = serde_json::to_vec(&jwk.algorithm).unwrap_or_default();
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(&public));
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            id,
            algorithm,
            key: DecodingKey::from_jwk(&jwk)?,
            jwk,
        })
    }
}

fn unknown(reason: &str) -> KeyError {
    KeyError::Unknown {
        reason: reason.to_owned(),
    }
}

fn blocks(pem: &str) -> Result<Vec<Pem>, KeyError> {
    Pem::iter_from_buffer(pem.as_bytes())
        .map(|block| block.map_err(|error| unknown(&format!("the file is no PEM: {error}"))))
        .collect()
}

fn private_key(block: &Pem) -> Result<Signing, KeyError> {
    let (label, der) = match block.label.as_str() {
        "EC PRIVATE KEY" => ("PRIVATE KEY", pkcs8_of_sec1(&block.contents)?),
        other => (other, block.contents.clone()),
    };
    let pem = format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    );
    let (key, algorithms): (_, &[_]) = match EncodingKey::from_rsa_pem(pem.as_bytes()) {
        Ok(key) => (key, &[Algorithm::RS256]),
        Err(_) => (
            EncodingKey::from_ec_pem(pem.as_bytes())?,
            &[Algorithm::ES256, Algorithm::ES384],
        ),
    };
    // The library finds the curve by being told the right one.
    for algorithm in algorithms {
        if let Ok(jwk) = Jwk::from_encoding_key(&key, *algorithm) {
            let checking = Checking::new(jwk, *algorithm)?;
            return Ok(Signing { key, checking });
        }
    }
    Err(unknown("its curve is neither P-256 nor P-384"))
}

fn public_half(block: &Pem) -> Result<Checking, KeyError> {
    let malformed = |_| unknown("it is malformed");
    match block.label.as_str() {
        "CERTIFICATE" => {
            let (_, certificate) = X509Certificate::from_der(&block.contents).map_err(malformed)?;
            of_public(certificate.public_key())
        }
        "PUBLIC KEY" => {
            let (_, key) = SubjectPublicKeyInfo::from_der(&block.contents).map_err(malformed)?;
            of_public(&key)
        }
        label if label.ends_with("PRIVATE KEY") => Ok(private_key(block)?.checking),
        label => Err(unknown(&format!("a {label:?} is no key"))),
    }
}

fn of_public(key: &SubjectPublicKeyInfo<'_>) -> Result<Checking, KeyError> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (tree, algorithm): (Value, _) = match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let modulus: Vec<u8> = rsa
                .modulus
                .iter()
                .copied()
                .skip_while(|it| *it == 0)
                .collect();
            (
                json!({ "kty": "RSA", "alg": "RS256", "n": text(&modulus), "e": text(rsa.exponent) }),
                Algorithm::RS256,
            )
        }
        // An uncompressed point: a mark, then both coordinates.
        Ok(PublicKey::EC(point)) => {
            let (curve, name, algorithm) = match point.data().len() {
                65 => ("P-256", "ES256", Algorithm::ES256),
                97 => ("P-384", "ES384", Algorithm::ES384),
                _ => return Err(unknown("its curve is neither P-256 nor P-384")),
            };
            let (x, y) = point.data()[1..].split_at(point.data().len() / 2);
            (
                json!({ "kty": "EC", "alg": name, "crv": curve, "x": text(x), "y": text(y) }),
                algorithm,
            )
        }
        _ => return Err(unknown("it is neither RSA nor elliptic-curve")),
    };
    let jwk = serde_json::from_value(tree).map_err(|error| unknown(&error.to_string()))?;
    Checking::new(jwk, algorithm)
}

/// An `EC PRIVATE KEY` in the envelope that names its curve outside.
fn pkcs8_of_sec1(sec1: &[u8]) -> Result<Vec<u8>, KeyError> {
    const EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    let names = |curve: &&&[u8]| sec1.windows(curve.len()).any(|part| part == **curve);
    let Some(curve) = [P256, P384].iter().find(names).copied() else {
        return Err(unknown("its curve is neither P-256 nor P-384"));
    };
    let algorithm = tagged(0x30, &[EC, curve].concat())?;
    let version: &[u8] = &[0x02, 0x01, 0x00];
    tagged(0x30, &[version, &algorithm, &tagged(0x04, sec1)?].concat())
}

/// DER of one value; keys of these curves are shorter than 64 KiB by far.
fn tagged(tag: u8, content: &[u8]) -> Result<Vec<u8>, KeyError> {
    let length = u16::try_from(content.len()).map_err(|_| unknown("it is too long"))?;
    let [high, low] = length.to_be_bytes();
    let mut out = match length {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(content);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::certificates::{Authority, create_signing_key};

    const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIP+Px6GIQzGaNQPc5GwhYYa3UU9Q18U+n4Wlr4uLEaXSoAoGCCqGSM49
AwEHoUQDQgAE9mf4kGdt+VHfoGHAfal+i0OGZVX75fqD57FqOZN5WweiLzLru/W+
y8s+SpIv5X4izprLoI+T7Tw77RO/sxUomA==
-----END EC PRIVATE KEY-----
";

    fn signs_for(private: &str, public: &str, algorithm: Algorithm) {
        let signing = Signing::read(private).unwrap();
        let checking = Checking::read_all(public).unwrap();
        assert_eq!(checking.len(), 1);
        assert_eq!(checking[0].algorithm, algorithm);
        assert_eq!(checking[0].id, signing.checking.id);
        let header = jsonwebtoken::Header::new(algorithm);
        let claims = json!({ "sub": "a" });
        let token = jsonwebtoken::encode(&header, &claims, &signing.key).unwrap();
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<Value>(&token, &checking[0].key, &validation).unwrap();
    }

    #[test]
    fn rsa_and_curves_sign_for_their_public_halves() {
        let rsa = create_signing_key().unwrap();
        signs_for(&rsa, &rsa, Algorithm::RS256);
        signs_for(SEC1, SEC1, Algorithm::ES256);
        let authority = Authority::create("keys", jiff::Timestamp::now()).unwrap();
        let pair = authority.pair();
        signs_for(&pair.key_pem, &pair.certificate_pem, Algorithm::ES256);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "no pem", "-----BEGIN X-----\nYQ==\n-----END X-----\n"] {
            assert!(Signing::read(text).is_err(), "{text}");
            assert!(Checking::read_all(text).is_err(), "{text}");
        }
    }

    #[test]
    fn damaged_keys_are_refused_or_one_for_each_block() {
        let rsa = create_signing_key().unwrap();
        fuzz::run("keys of tokens", 300, |random| {
            let key = random.pick(&[rsa.as_str(), SEC1]);
            let text = random.damaged(key.as_bytes(), SEC1.as_bytes());
            let text = String::from_utf8_lossy(&text);
            let blocks = text.matches("-----BEGIN").count();
            if let Ok(keys) = Checking::read_all(&text) {
                assert!(keys.len() <= blocks, "{text}");
                assert!(keys.iter().all(|key| !key.id.is_empty()), "{text}");
            }
            if let Ok(signing) = Signing::read(&text) {
                assert!(blocks > 0 && !signing.checking.id.is_empty(), "{text}");
            }
        });
    }
}
