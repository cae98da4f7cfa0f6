//! Service-account tokens: signed by us, and bound to objects that must still exist.

use super::{Authenticate, Credentials};
use crate::{Door, Tokens, User};
use async_trait::async_trait;
use machinery::status::Status;
use std::sync::Arc;

/// Users by service-account token.
pub struct ServiceAccounts(pub Arc<Tokens>);

#[async_trait]
impl Authenticate for ServiceAccounts {
    async fn authenticate(
        &self,
        door: &Door,
        credentials: &Credentials,
    ) -> Result<Option<User>, Status> {
        let Some(token) = &credentials.bearer else {
            return Ok(None);
        };
        match self.0.verify(door, token, &[]).await {
            Some((user, _)) => Ok(Some(user)),
            None => Err(Status::unauthorized()),
        }
    }
}
