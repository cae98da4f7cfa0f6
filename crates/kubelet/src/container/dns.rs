//! Names inside a pod: its host name, `/etc/hosts`, `/etc/resolv.conf` (upstream: `kubelet/network/dns`,
//! `ensureHostsFile`).

use k8s_openapi::api::core::v1::{HostAlias, Pod, PodSpec};

const NAMESERVERS: usize = 3;
const SEARCHES: usize = 32;
const SEARCH_LINE_BYTES: usize = 2048;
const HOSTNAME_BYTES: usize = 63;

/// The cluster's side of DNS.
#[derive(Clone, Debug, Default)]
pub struct ClusterDns {
    /// Addresses of the cluster's DNS service; empty leaves pods with the host's resolver.
    pub servers: Vec<String>,
    /// `cluster.local`.
    pub domain: String,
}

/// Nameservers, searches and options of one `resolv.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// Nameservers.
    pub servers: Vec<String>,
    /// Search list.
    pub searches: Vec<String>,
    /// Options, `ndots:5`.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads a `resolv.conf`; lines that are not understood are skipped, as resolvers do.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().map(str::to_owned)),
                Some("search") => {
                    conf.searches = words
                        .map(|it| it.strip_suffix('.').unwrap_or(it).to_owned())
                        .collect();
                }
                Some("options") => conf.options = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        conf
    }

    /// The file's content.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        if !self.searches.is_empty() {
            out += &format!("search {}\n", self.searches.join(" "));
        }
        for server in &self.servers {
            out += &format!("nameserver {server}\n");
        }
        if !self.options.is_empty() {
            out += &format!("options {}\n", self.options.join(" "));
        }
        out
    }
}

/// The `resolv.conf` of a pod, given the host's.
#[must_use]
pub fn resolv_conf(pod: &Pod, cluster: &ClusterDns, host: &str) -> String {
    let Some(spec) = &pod.spec else {
        return host.to_owned();
    };
    let host = ResolvConf::parse(host);
    let cluster_first = match spec.dns_policy.as_deref() {
        Some("None") => {
            return limited(merged(ResolvConf::default(), spec)).render();
        }
        Some("Default") => false,
        Some("ClusterFirstWithHostNet") => true,
        _ => spec.host_network != Some(true),
    };
    let base = if cluster_first && !cluster.servers.is_empty() {
        let (namespace, domain) = (
            pod.metadata.namespace.as_deref().unwrap_or("default"),
            &cluster.domain,
        );
        let mut searches = vec![
            format!("{namespace}.svc.{domain}"),
            format!("svc.{domain}"),
            domain.clone(),
        ];
        searches.extend(host.searches);
        ResolvConf {
            servers: cluster.servers.clone(),
            searches,
            options: vec!["ndots:5".to_owned()],
        }
    } else {
        host
    };
    limited(merged(base, spec)).render()
}

fn merged(mut base: ResolvConf, spec: &PodSpec) -> ResolvConf {
    let Some(config) = &spec.dns_config else {
        return base;
    };
    base.servers
        .extend(config.nameservers.iter().flatten().cloned());
    base.searches
        .extend(config.searches.iter().flatten().cloned());
    for option in config.options.iter().flatten() {
        let name = option.name.clone().unwrap_or_default();
        base.options
            .retain(|it| it.split(':').next() != Some(name.as_str()));
        base.options.push(match option.value.as_deref() {
            None | Some("") => name,
            Some(value) => format!("{name}:{value}"),
        });
    }
    base
}

fn limited(mut conf: ResolvConf) -> ResolvConf {
    let mut seen = std::collections::BTreeSet::new();
    conf.servers.retain(|it| seen.insert(it.clone()));
    conf.servers.truncate(NAMESERVERS);
    seen.clear();
    conf.searches.retain(|it| seen.insert(it.clone()));
    conf.searches.truncate(SEARCHES);
    while conf.searches.join(" ").len() > SEARCH_LINE_BYTES {
        conf.searches.pop();
    }
    conf
}

/// The pod's host name and domain: `("web-0", "web.ns.svc.cluster.local")`.
#[must_use]
pub fn host_name(pod: &Pod, domain: &str) -> (String, String) {
    let spec = pod.spec.as_ref();
    fn text(it: Option<&Option<String>>) -> Option<&str> {
        it.and_then(Option::as_deref).filter(|it| !it.is_empty())
    }
    if let Some(name) = text(spec.map(|it| &it.hostname_override)) {
        return (name.to_owned(), String::new());
    }
    let name = text(spec.map(|it| &it.hostname))
        .or(pod.metadata.name.as_deref())
        .unwrap_or_default();
    let mut cut = name.len().min(HOSTNAME_BYTES);
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    let name = name[..cut].trim_end_matches(['-', '.']).to_owned();
    let domain = text(spec.map(|it| &it.subdomain)).map_or_else(String::new, |subdomain| {
        format!(
            "{subdomain}.{}.svc.{domain}",
            pod.metadata.namespace.as_deref().unwrap_or_default()
        )
    });
    (name, domain)
}

/// What `hostname` answers in the pod: the fully qualified name if `setHostnameAsFQDN` asks for it.
pub fn kernel_host_name(pod: &Pod, domain: &str) -> Result<String, String> {
    let (name, domain) = host_name(pod, domain);
    let as_fqdn = pod.spec.as_ref().and_then(|it| it.set_hostname_as_fqdn) == Some(true);
    if !as_fqdn || domain.is_empty() {
        return Ok(name);
    }
    let full = format!("{name}.{domain}");
    if full.len() > 64 {
        return Err(format!(
            "failed to construct FQDN from Pod hostname and cluster domain, FQDN {full} is too long (64 characters is the max, {} characters requested)",
            full.len()
        ));
    }
    Ok(full)
}

/// `/etc/hosts` of a pod on the pod network.
#[must_use]
pub fn hosts(pod: &Pod, pod_ips: &[String], domain: &str) -> String {
    let mut out = String::from(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n",
    );
    let (name, domain) = host_name(pod, domain);
    for ip in pod_ips {
        if domain.is_empty() {
            out += &format!("{ip}\t{name}\n");
        } else {
            out += &format!("{ip}\t{name}.{domain}\t{name}\n");
        }
    }
    out + &aliases(
        pod.spec
            .as_ref()
            .and_then(|it| it.host_aliases.as_deref())
            .unwrap_or_default(),
    )
}

/// `/etc/hosts` of a pod on the host's network: the host's file and the aliases.
#[must_use]
pub fn hosts_of_host_network(pod: &Pod, host: &str) -> String {
    let list = pod
        .spec
        .as_ref()
        .and_then(|it| it.host_aliases.as_deref())
        .unwrap_or_default();
    format!(
        "# Kubernetes-managed hosts file (host network).\n{host}{}",
        aliases(list)
    )
}

fn aliases(list: &[HostAlias]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n# Entries added by HostAliases.\n");
    for alias in list {
        out += &format!(
            "{}\t{}\n",
            alias.ip,
            alias.hostnames.as_deref().unwrap_or_default().join("\t")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;

    fn pod(spec: &str) -> Pod {
        Pod::decode(
            format!(r#"{{"metadata":{{"name":"web-0","namespace":"ns"}},"spec":{spec}}}"#)
                .as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn resolv_conf_by_policy() {
        let cluster = ClusterDns {
            servers: vec!["10.43.0.10".into()],
            domain: "cluster.local".into(),
        };
        let host = "# c\nnameserver 9.9.9.9\nsearch corp.example.\noptions edns0\n";
        let in_cluster = "search ns.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.43.0.10\noptions ndots:5\n";
        let of_host = "search corp.example\nnameserver 9.9.9.9\noptions edns0\n";
        for (spec, wanted) in [
            (r#"{"containers":[]}"#, in_cluster),
            (r#"{"containers":[],"dnsPolicy":"Default"}"#, of_host),
            (
                r#"{"containers":[],"hostNetwork":true,"dnsPolicy":"ClusterFirst"}"#,
                of_host,
            ),
            (
                r#"{"containers":[],"hostNetwork":true,"dnsPolicy":"ClusterFirstWithHostNet"}"#,
                in_cluster,
            ),
            (
                r#"{"containers":[],"dnsPolicy":"None","dnsConfig":{"nameservers":["1.1.1.1"],"searches":["a"],"options":[{"name":"ndots","value":"2"}]}}"#,
                "search a\nnameserver 1.1.1.1\noptions ndots:2\n",
            ),
            (
                r#"{"containers":[],"dnsConfig":{"options":[{"name":"ndots","value":"1"},{"name":"debug"}]}}"#,
                "search ns.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.43.0.10\noptions ndots:1 debug\n",
            ),
        ] {
            assert_eq!(resolv_conf(&pod(spec), &cluster, host), wanted, "{spec}");
        }
    }

    #[test]
    fn hosts_file() {
        let plain = hosts(
            &pod(r#"{"containers":[]}"#),
            &["10.42.0.5".into()],
            "cluster.local",
        );
        assert!(plain.starts_with("# Kubernetes-managed hosts file.\n"));
        assert!(plain.ends_with("10.42.0.5\tweb-0\n"));
        let full = hosts(
            &pod(
                r#"{"containers":[],"subdomain":"web","hostAliases":[{"ip":"1.2.3.4","hostnames":["a","b"]}]}"#,
            ),
            &["10.42.0.5".into()],
            "cluster.local",
        );
        assert!(full.ends_with("10.42.0.5\tweb-0.web.ns.svc.cluster.local\tweb-0\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"));
    }

    #[test]
    fn kernel_host_names() {
        assert_eq!(
            kernel_host_name(&pod(r#"{"containers":[],"subdomain":"w"}"#), "d").as_deref(),
            Ok("web-0")
        );
        let fqdn = pod(r#"{"containers":[],"subdomain":"w","setHostnameAsFQDN":true}"#);
        assert_eq!(
            kernel_host_name(&fqdn, "d").as_deref(),
            Ok("web-0.w.ns.svc.d")
        );
        assert!(kernel_host_name(&fqdn, &"d".repeat(60)).is_err());
    }
}
