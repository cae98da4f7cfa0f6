//! What to show a registry: the pull secrets of a pod (upstream: `credentialprovider`). Pure.

use base64::Engine as _;
use k8s_openapi::api::core::v1::Pod;
use runtime::image::Auth;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::references::Referenced;

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
}

/// Credentials for an image, the most specific registry entry first.
#[must_use]
pub fn of_image(pod: &Pod, referenced: &Referenced, image: &str) -> Vec<Auth> {
    let mut found: Vec<(usize, Auth)> = Vec::new();
    let secrets = pod
        .spec
        .iter()
        .flat_map(|it| it.image_pull_secrets.iter().flatten());
    for secret in secrets.filter_map(|it| referenced.secret(&it.name).ok()) {
        let data = secret.data.as_ref();
        let modern = data
            .and_then(|it| it.get(".dockerconfigjson"))
            .map(|it| it.0.as_slice());
        let legacy = data
            .and_then(|it| it.get(".dockercfg"))
            .map(|it| it.0.as_slice());
        let auths = modern
            .and_then(|it| serde_json::from_slice::<DockerConfig>(it).ok())
            .map(|it| it.auths)
            .or_else(|| legacy.and_then(|it| serde_json::from_slice(it).ok()))
            .unwrap_or_default();
        for (registry, entry) in auths {
            let place = place(&registry);
            if matches(place, image) {
                found.extend(auth(&entry).map(|auth| (place.len(), auth)));
            }
        }
    }
    found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    found.into_iter().map(|(_, auth)| auth).collect()
}

/// `https://index.docker.io/v1/` as `docker.io`.
fn place(registry: &str) -> &str {
    let bare = registry
        .strip_prefix("https://")
        .or_else(|| registry.strip_prefix("http://"))
        .unwrap_or(registry);
    let bare = bare
        .trim_end_matches('/')
        .trim_end_matches("/v1")
        .trim_end_matches("/v2");
    if bare == "index.docker.io" {
        "docker.io"
    } else {
        bare
    }
}

fn matches(place: &str, image: &str) -> bool {
    let first = image.split('/').next().unwrap_or_default();
    let has_host = image.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let full = if has_host {
        image.to_owned()
    } else {
        format!("docker.io/{image}")
    };
    let (host, wanted_path) = place.split_once('/').unwrap_or((place, ""));
    let (image_host, path) = full.split_once('/').unwrap_or((&full, ""));
    let host_fits = match host.strip_prefix("*.") {
        Some(suffix) => image_host
            .split_once('.')
            .is_some_and(|(_, rest)| rest == suffix),
        None => host == image_host,
    };
    host_fits && path.starts_with(wanted_path)
}

fn auth(entry: &Entry) -> Option<Auth> {
    if !entry.username.is_empty() {
        return Some(Auth::Basic {
            username: entry.username.clone(),
            password: entry.password.clone(),
        });
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(&entry.auth)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Auth::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_match_images() {
        for (registry, image, wanted) in [
            ("https://index.docker.io/v1/", "nginx", true),
            ("https://index.docker.io/v1/", "me/app:1", true),
            ("docker.io", "quay.io/x", false),
            ("registry.example:5000", "registry.example:5000/a/b", true),
            ("registry.example:5000/a", "registry.example:5000/b", false),
            ("*.example", "r.example/x", true),
            ("*.example", "r.s.example/x", false),
        ] {
            assert_eq!(
                matches(place(registry), image),
                wanted,
                "{registry} {image}"
            );
        }
    }

    #[test]
    fn secrets_give_credentials() {
        use api::Object;
        let config = base64::engine::general_purpose::STANDARD
            .encode(r#"{"auths":{"r.example":{"auth":"dTpw"},"r.example/team":{"username":"t","password":"q"}}}"#);
        let mut referenced = Referenced::default();
        referenced.add_secret(
            "s",
            &format!(r#"{{"metadata":{{}},"data":{{".dockerconfigjson":"{config}"}}}}"#),
        );
        let pod = Pod::decode(
            br#"{"metadata":{},"spec":{"containers":[],"imagePullSecrets":[{"name":"s"}]}}"#,
        )
        .unwrap();
        let names = |image: &str| -> Vec<String> {
            of_image(&pod, &referenced, image)
                .into_iter()
                .map(|it| match it {
                    Auth::Basic { username, password } => format!("{username}:{password}"),
                    Auth::Bearer(_) => String::new(),
                })
                .collect()
        };
        assert_eq!(names("r.example/team/x"), ["t:q", "u:p"]);
        assert_eq!(names("r.example/x"), ["u:p"]);
        assert_eq!(names("x"), [""; 0]);
    }
}
