//! Which pod holds which address. Addresses are handed out in turn, so a released one rests until the range has
//! wrapped; the table is a small file that is replaced atomically before an address is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Of a larger range only so many addresses are used: a node never has more pods.
const MOST_ADDRESSES: u128 = 1 << 20;

/// The addresses of one range and who holds them.
#[derive(Debug)]
pub struct AddressPool {
    path: PathBuf,
    range: IpNet,
    reserved: BTreeSet<IpAddr>,
    table: Table,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Table {
    /// Where in the range the last address was found.
    last: u128,
    held: BTreeMap<String, IpAddr>,
}

/// Why an address could not be handed out or taken back.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Every address is taken.
    #[error("no free address in {range}: {used} are in use")]
    Exhausted {
        /// The range.
        range: String,
        /// How many are taken.
        used: usize,
    },
    /// The table could not be read or replaced.
    #[error("address table {path}: {source}")]
    Table {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl AddressPool {
    /// Opens the table at `path`, which need not exist. The range's first and last address and the `reserved` ones
    /// are never handed out; holders of addresses outside the range keep them until they are released.
    pub fn open(path: &Path, range: IpNet, reserved: &[IpAddr]) -> Result<Self, PoolError> {
        let failed = |source| PoolError::Table {
            path: path.to_owned(),
            source,
        };
        let table = match std::fs::read(path) {
            // A power cut can leave a replaced file empty; no link has survived it either.
            Ok(bytes) if bytes.is_empty() => Table::default(),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Table::default(),
            Err(source) => return Err(failed(source)),
        };
        let mut reserved: BTreeSet<IpAddr> = reserved.iter().copied().collect();
        reserved.extend([range.network(), range.broadcast()]);
        Ok(Self {
            path: path.to_owned(),
            range,
            reserved,
            table,
        })
    }

    /// The holder's address: the one it has, or the next free one.
    pub fn acquire(&mut self, holder: &str) -> Result<IpAddr, PoolError> {
        if let Some(address) = self.table.held.get(holder) {
            return Ok(*address);
        }
        let (last, address) = self.next_free()?;
        let mut table = self.table.clone();
        table.last = last;
        table.held.insert(holder.to_owned(), address);
        self.replace(table)?;
        Ok(address)
    }

    /// Takes the holder's address back, if it has one.
    pub fn release(&mut self, holder: &str) -> Result<Option<IpAddr>, PoolError> {
        let mut table = self.table.clone();
        let released = table.held.remove(holder);
        if released.is_some() {
            self.replace(table)?;
        }
        Ok(released)
    }

    /// The address of the holder.
    pub fn holding(&self, holder: &str) -> Option<IpAddr> {
        self.table.held.get(holder).copied()
    }

    /// Every holder and its address.
    pub fn holders(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        self.table
            .held
            .iter()
            .map(|(holder, address)| (holder.as_str(), *address))
    }

    fn next_free(&self) -> Result<(u128, IpAddr), PoolError> {
        let taken: BTreeSet<IpAddr> = self.table.held.values().copied().collect();
        let size = usable_size(&self.range);
        let nth = |step: u128| {
            let position = (self.table.last + step) % size;
            (position, address_at(&self.range, position))
        };
        let free = |(_, address): &(u128, IpAddr)| {
            !taken.contains(address) && !self.reserved.contains(address)
        };
        let exhausted = || PoolError::Exhausted {
            range: self.range.to_string(),
            used: taken.len(),
        };
        (1..=size).map(nth).find(free).ok_or_else(exhausted)
    }

    fn replace(&mut self, table: Table) -> Result<(), PoolError> {
        let written = write_beside(&self.path, &table);
        written.map_err(|source| PoolError::Table {
            path: self.path.clone(),
            source,
        })?;
        self.table = table;
        Ok(())
    }
}

fn write_beside(path: &Path, table: &Table) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&serde_json::to_vec(table)?)?;
    std::fs::rename(&beside, path)
}

fn usable_size(range: &IpNet) -> u128 {
    let bits = u32::from(range.max_prefix_len() - range.prefix_len());
    1u128
        .checked_shl(bits)
        .unwrap_or(MOST_ADDRESSES)
        .min(MOST_ADDRESSES)
}

fn address_at(range: &IpNet, position: u128) -> IpAddr {
    match range.network() {
        IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from(
            u32::from(first).wrapping_add(position as u32),
        )),
        IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from(u128::from(first).wrapping_add(position))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &tempfile::TempDir, range: &str) -> AddressPool {
        let gateway = "10.42.0.1".parse().unwrap();
        AddressPool::open(
            &dir.path().join("addresses.json"),
            range.parse().unwrap(),
            &[gateway],
        )
        .unwrap()
    }

    #[test]
    fn hands_out_in_turn_and_rests_released_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let mut pool = open(&dir, "10.42.0.0/29");
        let mut given: Vec<String> = Vec::new();
        for round in 0..3 {
            given.push(pool.acquire(&format!("a{round}")).unwrap().to_string());
            pool.release(&format!("a{round}")).unwrap();
        }
        assert_eq!(given, ["10.42.0.2", "10.42.0.3", "10.42.0.4"]);
        let given: Vec<String> = (0..5)
            .map(|n| pool.acquire(&format!("b{n}")).unwrap().to_string())
            .collect();
        assert_eq!(
            given,
            [
                "10.42.0.5",
                "10.42.0.6",
                "10.42.0.2",
                "10.42.0.3",
                "10.42.0.4"
            ]
        );
        let error = pool.acquire("one more").unwrap_err().to_string();
        assert_eq!(error, "no free address in 10.42.0.0/29: 5 are in use");
    }

    #[test]
    fn remembers_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(&dir, "10.42.0.0/24").acquire("a").unwrap();
        let mut pool = open(&dir, "10.42.0.0/24");
        assert_eq!(pool.acquire("a").unwrap(), first);
        assert_ne!(pool.acquire("b").unwrap(), first);
        assert_eq!(pool.release("a").unwrap(), Some(first));
        assert_eq!(pool.release("a").unwrap(), None);
        assert_eq!(open(&dir, "10.42.0.0/24").holders().count(), 1);
    }

    #[test]
    fn a_torn_table_is_an_error_and_an_empty_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("addresses.json");
        std::fs::write(&path, "").unwrap();
        assert_eq!(open(&dir, "10.42.0.0/24").holders().count(), 0);
        std::fs::write(&path, "{").unwrap();
        assert!(AddressPool::open(&path, "10.42.0.0/24".parse().unwrap(), &[]).is_err());
    }
}
