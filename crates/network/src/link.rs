//! Links, addresses and routes: the few rtnetlink requests the pod network makes. Everything here blocks for
//! microseconds and acts in the network namespace of the calling thread.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use ipnet::Ipv4Net;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::netlink::{self, Batch, Socket};

const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_PROTINFO: u16 = 12;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_BRPORT_MODE: u16 = 4;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PREFSRC: u16 = 7;

const AF_INET: u8 = 2;
const AF_BRIDGE: u8 = 7;
const UP: u32 = 1;
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const TABLE_MAIN: u8 = 254;
const PROTOCOL_STATIC: u8 = 4;
const TYPE_UNICAST: u8 = 1;

/// A link as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) master: Option<u32>,
    pub(crate) alias: Option<String>,
}

/// A connection to the kernel's link tables.
pub(crate) struct Links {
    socket: Socket,
}

impl Links {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open(None)?,
        })
    }

    pub(crate) fn list(&self) -> io::Result<Vec<Link>> {
        let mut batch = Batch::default();
        batch.message(GET_LINK, netlink::DUMP, &link_header(0, 0, 0, 0));
        let messages = self.socket.dump(&mut batch)?;
        Ok(messages
            .iter()
            .filter(|(kind, _)| *kind == NEW_LINK)
            .filter_map(|(_, payload)| parse_link(payload))
            .collect())
    }

    pub(crate) fn find(&self, name: &str) -> io::Result<Option<Link>> {
        Ok(self.list()?.into_iter().find(|link| link.name == name))
    }

    fn index(&self, name: &str) -> io::Result<u32> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no link {name}"));
        self.find(name)?.map(|link| link.index).ok_or_else(missing)
    }

    pub(crate) fn add_bridge(&self, name: &str, mtu: u32, mac: [u8; 6]) -> io::Result<()> {
        let mut batch = Batch::default();
        batch.message(
            NEW_LINK,
            netlink::CREATE | netlink::EXCL,
            &link_header(0, 0, 0, 0),
        );
        batch.text(IFLA_IFNAME, name);
        batch.native(IFLA_MTU, mtu);
        batch.attr(IFLA_ADDRESS, &mac);
        batch.nest(IFLA_LINKINFO, |info| info.text(IFLA_INFO_KIND, "bridge"));
        self.run(batch)
    }

    /// A pair of links: `name` here and up, `peer` in the namespace `peer_namespace`, down.
    pub(crate) fn add_veth(
        &self,
        name: &str,
        alias: &str,
        peer: &str,
        peer_namespace: &File,
        mtu: u32,
    ) -> io::Result<()> {
        let mut batch = Batch::default();
        batch.message(
            NEW_LINK,
            netlink::CREATE | netlink::EXCL,
            &link_header(0, 0, UP, UP),
        );
        batch.text(IFLA_IFNAME, name);
        batch.text(IFLA_IFALIAS, alias);
        batch.native(IFLA_MTU, mtu);
        batch.nest(IFLA_LINKINFO, |info| {
            info.text(IFLA_INFO_KIND, "veth");
            info.nest(IFLA_INFO_DATA, |pair| {
                pair.nest(VETH_INFO_PEER, |other| {
                    other.raw(&link_header(0, 0, 0, 0));
                    other.text(IFLA_IFNAME, peer);
                    other.native(IFLA_MTU, mtu);
                    other.native(IFLA_NET_NS_FD, peer_namespace.as_raw_fd() as u32);
                });
            });
        });
        self.run(batch)
    }

    /// Hangs the link on the bridge; hairpin lets a pod reach itself through a service even where the kernel hands
    /// bridged packets to the packet filter.
    pub(crate) fn enslave(&self, name: &str, bridge: &str) -> io::Result<()> {
        let (link, bridge) = (self.index(name)?, self.index(bridge)?);
        let mut batch = Batch::default();
        batch.message(NEW_LINK, 0, &link_header(0, link, 0, 0));
        batch.native(IFLA_MASTER, bridge);
        self.run(batch)?;
        let mut batch = Batch::default();
        batch.message(SET_LINK, 0, &link_header(AF_BRIDGE, link, 0, 0));
        batch.nest(IFLA_PROTINFO, |port| port.attr(IFLA_BRPORT_MODE, &[1]));
        self.run(batch)
    }

    pub(crate) fn set_up(&self, name: &str) -> io::Result<()> {
        let mut batch = Batch::default();
        batch.message(NEW_LINK, 0, &link_header(0, self.index(name)?, UP, UP));
        self.run(batch)
    }

    /// Adds the address if the link does not have it.
    pub(crate) fn add_address(&self, name: &str, address: Ipv4Net) -> io::Result<()> {
        let index = self.index(name)?.to_ne_bytes();
        let mut header = vec![AF_INET, address.prefix_len(), 0, SCOPE_UNIVERSE];
        header.extend_from_slice(&index);
        let mut batch = Batch::default();
        batch.message(NEW_ADDRESS, netlink::CREATE | netlink::REPLACE, &header);
        batch.attr(IFA_LOCAL, &address.addr().octets());
        batch.attr(IFA_ADDRESS, &address.addr().octets());
        self.run(batch)
    }

    /// Routes the range to the link: directly, or through a gateway.
    pub(crate) fn add_route(
        &self,
        name: &str,
        to: Ipv4Net,
        gateway: Option<Ipv4Addr>,
        source: Option<Ipv4Addr>,
    ) -> io::Result<()> {
        let scope = if gateway.is_some() {
            SCOPE_UNIVERSE
        } else {
            SCOPE_LINK
        };
        let header = [
            AF_INET,
            to.prefix_len(),
            0,
            0,
            TABLE_MAIN,
            PROTOCOL_STATIC,
            scope,
            TYPE_UNICAST,
            0,
            0,
            0,
            0,
        ];
        let mut batch = Batch::default();
        batch.message(NEW_ROUTE, netlink::CREATE | netlink::REPLACE, &header);
        if to.prefix_len() > 0 {
            batch.attr(RTA_DST, &to.network().octets());
        }
        batch.native(RTA_OIF, self.index(name)?);
        if let Some(gateway) = gateway {
            batch.attr(RTA_GATEWAY, &gateway.octets());
        }
        if let Some(source) = source {
            batch.attr(RTA_PREFSRC, &source.octets());
        }
        self.run(batch)
    }

    /// Deletes the link if it is there.
    pub(crate) fn delete(&self, name: &str) -> io::Result<()> {
        let Some(link) = self.find(name)? else {
            return Ok(());
        };
        let mut batch = Batch::default();
        batch.message(DELETE_LINK, 0, &link_header(0, link.index, 0, 0));
        match self.run(batch) {
            // The namespace at the other end may have ended just now and taken the pair with it.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {
                Ok(())
            }
            result => result,
        }
    }

    fn run(&self, mut batch: Batch) -> io::Result<()> {
        batch.acknowledge();
        let last = batch.count();
        self.socket
            .transact(&mut batch, last)
            .map_err(|refusal| refusal.source)
    }
}

/// Deletes the link if it is there.
pub(crate) fn delete(name: &str) -> io::Result<()> {
    Links::open()?.delete(name)
}

/// Deletes every link whose name is the prefix and twelve hexadecimal digits.
pub(crate) fn delete_all(prefix: &str) -> io::Result<()> {
    let links = Links::open()?;
    let ours = |name: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 12 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    for link in links.list()?.iter().filter(|link| ours(&link.name)) {
        links.delete(&link.name)?;
    }
    Ok(())
}

/// Runs `work` inside the network namespace, on a thread of its own that ends with it: the namespace of a thread is
/// not something to put back and hope.
pub(crate) fn in_namespace<T: Send>(
    namespace: &File,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let inside = std::thread::Builder::new()
            .name("pod-netns".to_owned())
            .spawn_scoped(scope, || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                work()
            })?;
        inside.join().unwrap_or_else(|_| {
            Err(io::Error::other(
                "the thread in the network namespace panicked",
            ))
        })
    })
}

/// Opens a network namespace by path, refusing anything that is not one when it is first used.
pub(crate) fn open_namespace(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// struct ifinfomsg.
fn link_header(family: u8, index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[0] = family;
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    header
}

fn parse_link(payload: &[u8]) -> Option<Link> {
    let word =
        |range: std::ops::Range<usize>| payload.get(range)?.try_into().ok().map(u32::from_ne_bytes);
    let mut link = Link {
        index: word(4..8)?,
        name: String::new(),
        up: word(8..12)? & UP != 0,
        master: None,
        alias: None,
    };
    for (kind, value) in netlink::attributes(payload.get(16..)?) {
        let text =
            || String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned();
        match kind {
            IFLA_IFNAME => link.name = text(),
            IFLA_IFALIAS => link.alias = Some(text()),
            IFLA_MASTER => link.master = value.try_into().ok().map(u32::from_ne_bytes),
            _ => {}
        }
    }
    Some(link)
}
