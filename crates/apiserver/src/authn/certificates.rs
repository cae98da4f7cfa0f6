//! Client certificates: common name is the user, organisations are the groups.

use super::{Authenticate, Credentials};
use crate::{Door, User};
use async_trait::async_trait;
use machinery::status::Status;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// Users by certificate. The listener has verified the chain.
pub struct ClientCertificates;

/// What a certificate says.
#[derive(Debug)]
pub(super) struct Holder {
    user: User,
    /// Seconds since 1970 until which it is valid.
    until: i64,
}

impl Holder {
    /// `None` when the certificate names nobody.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            attribute.as_str().ok().map(str::to_owned)
        };
        let name = parsed.subject().iter_common_name().next().and_then(text)?;
        let organisations = parsed.subject().iter_organization();
        let groups: Vec<String> = organisations.filter_map(text).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        (!name.is_empty()).then(|| Self {
            user: User::new(&name, &groups),
            until: parsed.validity().not_after.timestamp(),
        })
    }
}

#[async_trait]
impl Authenticate for ClientCertificates {
    async fn authenticate(
        &self,
        door: &Door,
        credentials: &Credentials,
    ) -> Result<Option<User>, Status> {
        let Some(certificate) = &credentials.certificate else {
            return Ok(None);
        };
        // A connection may outlive its certificate.
        let now = door.config.clock.now().as_second();
        match certificate.holder() {
            Some(holder) if now <= holder.until => Ok(Some(holder.user.clone())),
            _ => Err(Status::unauthorized()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::certificates::{Authority, Leaf};

    #[test]
    fn damaged_certificates_name_nobody_or_somebody() {
        let now = jiff::Timestamp::now();
        let authority = Authority::create("ca", now).unwrap();
        let leaf = Leaf {
            common_name: "admin".to_owned(),
            organizations: vec!["system:masters".to_owned()],
            client: true,
            ..Leaf::default()
        };
        let pem = authority.issue(&leaf, now).unwrap().certificate_pem;
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        assert_eq!(Holder::read(&block.contents).unwrap().user.name, "admin");
        fuzz::run("client certificates", 2000, |random| {
            let der = random.damaged(&block.contents, &block.contents);
            if let Some(holder) = Holder::read(&der) {
                assert!(!holder.user.name.is_empty() && holder.user.name.len() <= der.len());
            }
        });
    }
}
