//! The firewall on nftables, spoken to over netlink without the `nft` program: `rule` is the vocabulary, `render`
//! turns services into it, `diff` finds what changed, `encode` writes the messages. One table named `sampan`; every
//! change is one transaction.

mod diff;
mod encode;
mod expression;
mod frame;
mod matching;
mod render;
mod rule;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use self::diff::{Claims, Op};
use self::rule::Family;
use crate::conntrack;
use crate::netlink::Socket;
use crate::{
    Change, ClusterRanges, Firewall, FirewallError, HostPort, Journal, Ruleset, ServicePorts,
};

const TABLE: &str = "sampan";

/// The real firewall. One of these may exist for a network namespace.
pub struct Nftables {
    state: Arc<Mutex<State>>,
}

struct State {
    journal: Arc<Journal>,
    wanted: Ruleset,
    claims: Claims,
    /// What is known to be in the kernel; nothing before the first change and after one that failed.
    in_force: Option<Ruleset>,
    services_known: bool,
}

impl Nftables {
    /// A firewall with these ranges; touches nothing yet.
    pub fn new(ranges: ClusterRanges, journal: Arc<Journal>) -> Self {
        let wanted = Ruleset {
            ranges,
            ..Ruleset::default()
        };
        let claims = Claims::default();
        Self {
            state: Arc::new(Mutex::new(State {
                journal,
                wanted,
                claims,
                in_force: None,
                services_known: false,
            })),
        }
    }

    async fn change(
        &self,
        change: impl FnOnce(&mut State) -> Result<(), FirewallError> + Send + 'static,
    ) -> Result<(), FirewallError> {
        let state = Arc::clone(&self.state);
        // Thousands of rules take the kernel a second; the lock is held only on the blocking thread.
        tokio::task::spawn_blocking(move || change(&mut state.lock()))
            .await
            .map_err(|_| FirewallError::Worker)?
    }
}

#[async_trait]
impl Firewall for Nftables {
    async fn set_services(&self, services: ServicePorts) -> Result<(), FirewallError> {
        self.change(move |state| {
            state.wanted.services = services;
            state.services_known = true;
            state.enforce()
        })
        .await
    }

    async fn set_host_ports(
        &self,
        sandbox_id: &str,
        pod: IpAddr,
        ports: Vec<HostPort>,
    ) -> Result<(), FirewallError> {
        let sandbox_id = sandbox_id.to_owned();
        self.change(move |state| {
            let unchanged = match state.wanted.host_ports.get(&sandbox_id) {
                Some((known_pod, known)) => *known_pod == pod && *known == ports,
                None => ports.is_empty(),
            };
            if unchanged && state.in_force.is_some() {
                return Ok(());
            }
            if ports.is_empty() {
                state.wanted.host_ports.remove(&sandbox_id);
            } else {
                state.wanted.host_ports.insert(sandbox_id, (pod, ports));
            }
            if state.services_known {
                state.enforce()
            } else {
                Ok(())
            }
        })
        .await
    }

    async fn flush(&self) -> Result<(), FirewallError> {
        self.change(|state| {
            state.in_force = None;
            state.services_known = false;
            delete_table(TABLE)
        })
        .await
    }
}

impl State {
    fn enforce(&mut self) -> Result<(), FirewallError> {
        if let Some(old) = self.in_force.take() {
            let ops = diff::update(&mut self.claims, &old, &self.wanted);
            if transact(&ops).is_ok() {
                self.in_force = Some(self.wanted.clone());
                forget_flows(&old, &self.wanted);
                return Ok(());
            }
            // Somebody changed our table. Set it anew; if that fails too, the reason is worth telling.
            tracing::warn!(
                "the packet rules in the kernel are not those last set; setting all of them anew"
            );
        }
        let noted = self.journal.note(Change::Table {
            name: TABLE.to_owned(),
        });
        noted.map_err(|error| FirewallError::Socket {
            operation: "noting the table",
            source: io::Error::other(error),
        })?;
        transact(&diff::replace(&mut self.claims, &self.wanted))?;
        self.in_force = Some(self.wanted.clone());
        forget_flows(&Ruleset::default(), &self.wanted);
        Ok(())
    }
}

/// A UDP client that never pauses would be sent to a backend that is gone for ever.
fn forget_flows(old: &Ruleset, new: &Ruleset) {
    if let Err(error) = conntrack::forget_stale(&old.services, &new.services) {
        tracing::warn!(%error, "UDP clients of removed backends may be sent to them until they pause");
    }
}

/// Deletes the table of every family if it is there.
pub(crate) fn delete_table(name: &str) -> Result<(), FirewallError> {
    for family in Family::ALL {
        let ops = [(family, Op::AddTable), (family, Op::DeleteTable)];
        match transact_on(name, &ops) {
            // A kernel without nftables, or without it for this family, has no table either.
            Err(FirewallError::Refused { source, .. }) if is_unsupported(&source) => {}
            result => result?,
        }
    }
    Ok(())
}

fn is_unsupported(error: &io::Error) -> bool {
    let codes = [
        rustix::io::Errno::AFNOSUPPORT,
        rustix::io::Errno::OPNOTSUPP,
        rustix::io::Errno::INVAL,
    ];
    codes
        .iter()
        .any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}

fn transact(ops: &[(Family, Op)]) -> Result<(), FirewallError> {
    transact_on(TABLE, ops)
}

fn transact_on(table: &str, ops: &[(Family, Op)]) -> Result<(), FirewallError> {
    if ops.is_empty() {
        return Ok(());
    }
    let failed = |operation| move |source| FirewallError::Socket { operation, source };
    let socket =
        Socket::open(Some(rustix::net::netlink::NETFILTER)).map_err(failed("opening netlink"))?;
    let mut encoded = encode::encode(table, ops);
    let last = encoded.last;
    let result = socket.transact(&mut encoded.batch, last);
    result.map_err(|refusal| {
        match encoded
            .origin(refusal.message)
            .and_then(|index| ops.get(index))
        {
            Some((family, op)) => FirewallError::Refused {
                object: format!("{} {op:?}", family.name()),
                source: refusal.source,
            },
            None if refusal.message > 0 => FirewallError::Refused {
                object: "the whole change".to_owned(),
                source: refusal.source,
            },
            None => FirewallError::Socket {
                operation: "sending a change",
                source: refusal.source,
            },
        }
    })
}
