//! Why a request failed.

use machinery::status::Status;

/// A request that did not get its answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with a failure.
    #[error("{0}")]
    Status(#[from] Box<Status>),
    /// The request never got a whole answer.
    #[error("cannot reach the API server for {request}: {source}")]
    Transport {
        /// Method and path.
        request: String,
        /// What failed below.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is not what was asked for.
    #[error("the API server's answer to {request} cannot be read: {detail}")]
    Answer {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// The server's Status, when it answered with one.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    fn reason_is(&self, reason: &str) -> bool {
        self.status().is_some_and(|status| status.is(reason))
    }

    /// The object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.reason_is("NotFound")
    }

    /// Nothing serves the path, so that nothing is known about the object.
    #[must_use]
    pub fn is_not_served(&self) -> bool {
        let names_it = |status: &Status| {
            status
                .details
                .as_ref()
                .is_some_and(|it| !it.name.is_empty())
        };
        self.is_not_found() && !self.status().is_some_and(names_it)
    }

    /// The object was changed meanwhile.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.reason_is("Conflict")
    }

    /// An object of that name exists.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.reason_is("AlreadyExists")
    }

    /// The revision asked for is no longer kept.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.status().is_some_and(|status| status.code == 410)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machinery::status::Resource;

    #[test]
    fn a_missing_object_is_not_a_missing_path() {
        let pods = Resource {
            group: "",
            plural: "pods",
        };
        let missing = Error::from(Box::new(Status::not_found(pods, "x")));
        assert!(missing.is_not_found() && !missing.is_not_served());
        let unserved = Error::from(Box::new(Status::no_such_path()));
        assert!(unserved.is_not_found() && unserved.is_not_served());
    }
}
