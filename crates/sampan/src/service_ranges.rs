//! `--service-cidr`: the ranges of service addresses, one or one of each family, as upstream's
//! `--service-cluster-ip-range` takes them. Pods have IPv4 addresses, so IPv4 comes first.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{fmt, str::FromStr};

/// One range, or one of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceRanges {
    /// Where the cluster's own services live.
    pub(crate) v4: Ipv4Net,
    v6: Option<Ipv6Net>,
}

impl ServiceRanges {
    /// All of them, the cluster's own first.
    pub(crate) fn all(&self) -> Vec<IpNet> {
        let second = self.v6.map(IpNet::V6);
        std::iter::once(IpNet::V4(self.v4)).chain(second).collect()
    }
}

impl FromStr for ServiceRanges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |part: &str| {
            part.trim()
                .parse::<IpNet>()
                .map_err(|error| format!("{part:?} is no range of addresses: {error}"))
        };
        let ranges = text.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
        match ranges.as_slice() {
            [IpNet::V4(v4)] => Ok(Self { v4: *v4, v6: None }),
            [IpNet::V4(v4), IpNet::V6(v6)] => Ok(Self {
                v4: *v4,
                v6: Some(*v6),
            }),
            _ => Err("an IPv4 range is needed first; an IPv6 range may follow it".to_owned()),
        }
    }
}

impl fmt::Display for ServiceRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.all().iter().map(ToString::to_string).collect();
        f.write_str(&all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_upstream_writes_them() {
        for text in ["10.43.0.0/16", "10.43.0.0/16,fd00:43::/112"] {
            assert_eq!(text.parse::<ServiceRanges>().unwrap().to_string(), text);
        }
        for text in ["", "10.43.0.0", "fd00::/112", "10.0.0.0/24,10.1.0.0/24"] {
            assert!(text.parse::<ServiceRanges>().is_err(), "{text}");
        }
    }
}
