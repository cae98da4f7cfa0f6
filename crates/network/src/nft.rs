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
    Change, ClusterRanges, Firewall, FirewallError, HostPort, Journal, Ruleset, ServiceChanges,
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
    /// Whether the kernel has what is wanted; not so before the first change and after one that failed.
    in_force: bool,
    /// Open between changes that succeed: closing it waits until every processor has seen the change.
    socket: Option<Socket>,
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
                in_force: false,
                socket: None,
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
    async fn change_services(&self, changes: ServiceChanges) -> Result<(), FirewallError> {
        self.change(move |state| {
            let (mut old, mut new) = state.nothing();
            for (name, port) in changes {
                let former = match &port {
                    Some(port) => state.wanted.services.insert(name.clone(), Arc::clone(port)),
                    None => state.wanted.services.remove(&name),
                };
                if former != port {
                    old.services.extend(former.map(|port| (name.clone(), port)));
                    new.services.extend(port.map(|port| (name, port)));
                }
            }
            state.services_known = true;
            state.enforce(&old, &new)
        })
        .await
    }

    async fn set_host_ports(
        &self,
        sandbox_id: &str,
        pod: IpAddr,
        ports: Vec<HostPort>,
    ) -> Result<(), FirewallError> {
        let id = sandbox_id.to_owned();
        self.change(move |state| {
            let (mut old, mut new) = state.nothing();
            let ports = (!ports.is_empty()).then_some((pod, ports));
            let former = match ports.clone() {
                Some(ports) => state.wanted.host_ports.insert(id.clone(), ports),
                None => state.wanted.host_ports.remove(&id),
            };
            if former != ports {
                old.host_ports
                    .extend(former.map(|ports| (id.clone(), ports)));
                new.host_ports.extend(ports.map(|ports| (id, ports)));
            }
            if state.services_known {
                state.enforce(&old, &new)
            } else {
                Ok(())
            }
        })
        .await
    }

    async fn flush(&self) -> Result<(), FirewallError> {
        self.change(|state| {
            state.in_force = false;
            state.services_known = false;
            delete_table(TABLE)
        })
        .await
    }
}

impl State {
    /// Two rulesets to be filled with what differs, before and after.
    fn nothing(&self) -> (Ruleset, Ruleset) {
        let nothing = Ruleset {
            ranges: self.wanted.ranges.clone(),
            ..Ruleset::default()
        };
        (nothing.clone(), nothing)
    }

    /// Makes the kernel's rules what is wanted: by the difference from `old` to `new` where they are known, else whole.
    fn enforce(&mut self, old: &Ruleset, new: &Ruleset) -> Result<(), FirewallError> {
        if std::mem::take(&mut self.in_force) {
            let ops = diff::update(&mut self.claims, old, new);
            if self.transact(&ops).is_ok() {
                self.in_force = true;
                forget_flows(old, new);
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
        let ops = diff::replace(&mut self.claims, &self.wanted);
        self.transact(&ops)?;
        self.in_force = true;
        forget_flows(&Ruleset::default(), &self.wanted);
        Ok(())
    }

    fn transact(&mut self, ops: &[(Family, Op)]) -> Result<(), FirewallError> {
        if ops.is_empty() {
            return Ok(());
        }
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => open()?,
        };
        transact(&socket, TABLE, ops)?;
        // After a refusal more answers may wait in it, so only a socket that heard nothing but consent is kept.
        self.socket = Some(socket);
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
        match transact(&open()?, name, &ops) {
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

fn open() -> Result<Socket, FirewallError> {
    Socket::open(Some(rustix::net::netlink::NETFILTER)).map_err(|source| FirewallError::Socket {
        operation: "opening netlink",
        source,
    })
}

fn transact(socket: &Socket, table: &str, ops: &[(Family, Op)]) -> Result<(), FirewallError> {
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
