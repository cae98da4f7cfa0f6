//! Who sends a request: authenticators asked in order. A credential that is wrong is refused; one
//! that an authenticator does not know is left to the next.

mod certificates;
mod impersonation;
mod service_accounts;
mod socket_token;
mod token_file;

pub use certificates::ClientCertificates;
pub use service_accounts::ServiceAccounts;
pub use token_file::{TokenFile, TokenFileError};

pub(crate) use impersonation::impersonated;

use crate::{Door, User};
use async_trait::async_trait;
use http::header;
use machinery::status::Status;
use rustls_pki_types::CertificateDer;
use std::sync::{Arc, OnceLock};

/// What a request brings to prove who sends it.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// `Authorization: Bearer`, or what takes its place in a WebSocket's request.
    pub bearer: Option<String>,
    /// The client certificate; the TLS handshake has verified it against the client authority.
    pub certificate: Option<PeerCertificate>,
}

/// A verified client certificate, put into a request's extensions by the listener. All requests of a
/// connection share one, which is read once.
#[derive(Clone, Debug)]
pub struct PeerCertificate(Arc<Peer>);

#[derive(Debug)]
struct Peer {
    certificate: CertificateDer<'static>,
    read: OnceLock<Option<certificates::Holder>>,
}

impl PeerCertificate {
    /// A certificate that the TLS handshake has verified.
    #[must_use]
    pub fn new(certificate: CertificateDer<'static>) -> Self {
        let read = OnceLock::new();
        Self(Arc::new(Peer { certificate, read }))
    }

    /// Whom it names, if it names anybody.
    fn holder(&self) -> Option<&certificates::Holder> {
        let read = || certificates::Holder::read(&self.0.certificate);
        self.0.read.get_or_init(read).as_ref()
    }
}

impl Credentials {
    /// Takes them out of where nobody else may see them.
    ///
    /// # Errors
    /// 401 when a token is offered that cannot be one.
    pub(crate) fn of<B>(request: &mut http::Request<B>) -> Result<Self, Status> {
        let offered = socket_token::take(request.headers_mut())?;
        let bearer = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned());
        let bearer = bearer.or(offered);
        Ok(Self {
            bearer: bearer.filter(|token| !token.is_empty()),
            certificate: request.extensions().get::<PeerCertificate>().cloned(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bearer.is_none() && self.certificate.is_none()
    }
}

/// One way to prove who one is.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// The user; `None` when the credentials are of another sort.
    ///
    /// # Errors
    /// 401 when the credentials are of this sort and wrong.
    async fn authenticate(
        &self,
        door: &Door,
        credentials: &Credentials,
    ) -> Result<Option<User>, Status>;
}
