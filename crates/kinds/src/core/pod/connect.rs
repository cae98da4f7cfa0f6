//! Where logs, exec, attach, port-forward and proxy of a pod go: upstream's `registry/core/pod`
//! `LogLocation`, `ExecLocation` and their siblings.

use crate::{Destination, ProxyName, Route, check, query::Query};
use k8s_openapi::api::core::v1::Pod;
use machinery::{
    field::{Error, ErrorList, Path},
    status::{Resource, Status},
};

/// Names the container that exec, logs and attach mean when the request names none.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// What messages call the options of a log.
const LOG_OPTIONS: Resource<'static> = Resource {
    group: "",
    plural: "PodLogOptions",
};
const POSITIVE: &str = "must be greater than 0";

/// Where a connection to a subresource goes.
pub(super) fn destination(
    subresource: &str,
    pod: &Pod,
    rest: &str,
    query: &str,
) -> Result<Destination, Status> {
    if subresource == "proxy" {
        let name = ProxyName::plain(pod.metadata.name.as_deref().unwrap_or_default());
        return proxy(pod, &name, rest, query);
    }
    let query = Query::parse(query);
    let mut sent = Query::default();
    let mut path = match subresource {
        "portforward" => {
            let ports = query.all("ports").collect::<Vec<_>>().join(",");
            if !ports.is_empty() {
                sent.add("port", &ports);
            }
            "portForward".to_owned()
        }
        "log" => {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            log(&query, &mut sent, name)?;
            "containerLogs".to_owned()
        }
        stream => {
            streams(&query, &mut sent);
            stream.to_owned()
        }
    };
    let container = match subresource {
        "portforward" => None,
        _ => Some(container(pod, query.first("container"))?),
    };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let node = pod.spec.as_ref().and_then(|it| it.node_name.clone());
    let Some(node) = node.filter(|it| !it.is_empty()) else {
        let text = format!("pod {name} does not have a host assigned");
        return Err(Status::bad_request(text));
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    path = format!("/{path}/{namespace}/{name}");
    if let Some(container) = container {
        path = format!("{path}/{container}");
    }
    Ok(Destination {
        route: Route::Kubelet { node },
        path_and_query: sent.onto(path),
    })
}

/// Exec and attach: the kubelet knows the streams under its own names.
fn streams(query: &Query, sent: &mut Query) {
    for (asked, kubelet) in [
        ("stdin", "input"),
        ("stdout", "output"),
        ("stderr", "error"),
        ("tty", "tty"),
    ] {
        if query.is_true(asked) {
            sent.add(kubelet, "1");
        }
    }
    for argument in query.all("command") {
        sent.add("command", argument);
    }
}

fn log(query: &Query, sent: &mut Query, name: &str) -> Result<(), Status> {
    for flag in ["follow", "previous", "timestamps"] {
        if query.is_true(flag) {
            sent.add(flag, "true");
        }
    }
    let mut errors = ErrorList::new();
    for (field, least, text) in [
        ("tailLines", 0, check::NOT_NEGATIVE),
        ("limitBytes", 1, POSITIVE),
        ("sinceSeconds", 1, POSITIVE),
    ] {
        let Some(asked) = query.first(field) else {
            continue;
        };
        let number: i64 = asked.parse().map_err(|_| {
            Status::bad_request(format!(
                "strconv.ParseInt: parsing {asked:?}: invalid syntax"
            ))
        })?;
        let both = field == "sinceSeconds" && query.first("sinceTime").is_some();
        if both {
            let text = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            errors.push(Error::forbidden(&Path::new(check::NOTHING), text));
        } else if number < least {
            errors.push(Error::invalid(&Path::new(field), number, text));
        }
        sent.add(field, asked);
    }
    if !errors.is_empty() {
        return Err(Status::invalid(LOG_OPTIONS, name, &errors));
    }
    for text in ["sinceTime", "stream"] {
        if let Some(value) = query.first(text) {
            sent.add(text, value);
        }
    }
    Ok(())
}

/// The container a request means.
fn container(pod: &Pod, asked: Option<&str>) -> Result<String, Status> {
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let names = container_names(pod);
    let annotated = pod.metadata.annotations.as_ref();
    let annotated = annotated.and_then(|it| it.get(DEFAULT_CONTAINER));
    let annotated = annotated.filter(|name| names.contains(&name.as_str()));
    if let Some(asked) = asked.filter(|it| !it.is_empty()) {
        return if names.contains(&asked) {
            Ok(asked.to_owned())
        } else {
            let text = format!("container {asked} is not valid for pod {pod_name}");
            Err(Status::bad_request(text))
        };
    }
    let containers = pod.spec.as_ref().map_or(&[][..], |it| &it.containers);
    match (annotated, containers) {
        (Some(name), _) => Ok(name.clone()),
        (None, [only]) => Ok(only.name.clone()),
        (None, []) => Err(Status::bad_request(format!(
            "a container name must be specified for pod {pod_name}"
        ))),
        (None, _) => Err(Status::bad_request(format!(
            "a container name must be specified for pod {pod_name}, choose one of: [{}]",
            names.join(" ")
        ))),
    }
}

fn container_names(pod: &Pod) -> Vec<&str> {
    let spec = pod.spec.iter();
    spec.flat_map(|spec| {
        let init = spec.init_containers.iter().flatten();
        let ephemeral = spec.ephemeral_containers.iter().flatten();
        init.chain(&spec.containers)
            .map(|it| it.name.as_str())
            .chain(ephemeral.map(|it| it.name.as_str()))
    })
    .collect()
}

/// `pods/[scheme:]name[:port]/proxy/rest`: the pod's address; its first port when none is named.
pub(super) fn proxy(
    pod: &Pod,
    name: &ProxyName,
    rest: &str,
    query: &str,
) -> Result<Destination, Status> {
    let ip = pod.status.as_ref().and_then(|it| it.pod_ip.clone());
    let Some(host) = ip.filter(|it| !it.is_empty()) else {
        return Err(Status::bad_request("address not allowed"));
    };
    let first = pod.spec.iter().flat_map(|it| &it.containers);
    let first = first.flat_map(|it| it.ports.iter().flatten()).next();
    let first = first.and_then(|it| u16::try_from(it.container_port).ok());
    let port = name.port_number()?.or(first).unwrap_or(name.default_port());
    Ok(Destination {
        route: Route::Address {
            host,
            port,
            tls: name.is_tls(),
        },
        path_and_query: crate::query::joined(rest, query),
    })
}
