//! Client certificates: common name is the user, organisations are the groups.

use super::{Authenticate, Credentials};
use crate::{Door, User};
use async_trait::async_trait;
use machinery::status::Status;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// Users by certificate. The listener has verified the chain.
pub struct ClientCertificates;

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
        let (_, parsed) =
            X509Certificate::from_der(&certificate.0).map_err(|_| Status::unauthorized())?;
        // A connection may outlive its certificate.
        let now = door.config.clock.now().as_second();
        if now > parsed.validity().not_after.timestamp() {
            return Err(Status::unauthorized());
        }
        let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            attribute.as_str().ok().map(str::to_owned)
        };
        let name = parsed.subject().iter_common_name().next().and_then(text);
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(Status::unauthorized());
        };
        let groups: Vec<String> = parsed
            .subject()
            .iter_organization()
            .filter_map(text)
            .collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        Ok(Some(User::new(&name, &groups)))
    }
}
