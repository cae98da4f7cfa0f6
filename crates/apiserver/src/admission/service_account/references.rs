//! Which secrets a pod may name: those of its account, when the account says so. Pure; the texts
//! are upstream's.

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, PodSpec, ServiceAccount};
use std::collections::BTreeSet;

/// On an account: its pods may mount no secrets but those that it lists.
const ENFORCE: &str = "kubernetes.io/enforce-mountable-secrets";

/// What a mirror pod, which no client may lend an identity, must not name.
pub(super) fn of_mirror(spec: &PodSpec) -> Result<(), String> {
    if spec
        .service_account_name
        .as_ref()
        .is_some_and(|it| !it.is_empty())
    {
        return Err("a mirror pod may not reference service accounts".to_owned());
    }
    if names_secrets(spec) {
        return Err("a mirror pod may not reference secrets".to_owned());
    }
    let volumes = spec.volumes.iter().flatten();
    let mut sources = volumes
        .filter_map(|it| it.projected.as_ref())
        .flat_map(|it| it.sources.iter().flatten());
    if sources.any(|it| it.service_account_token.is_some()) {
        return Err("a mirror pod may not use ServiceAccountToken volume projections".to_owned());
    }
    Ok(())
}

fn names_secrets(spec: &PodSpec) -> bool {
    let volumes = spec.volumes.iter().flatten().any(|volume| {
        let projected = volume
            .projected
            .iter()
            .flat_map(|it| it.sources.iter().flatten());
        volume.secret.is_some() || projected.into_iter().any(|it| it.secret.is_some())
    });
    let pulls = spec
        .image_pull_secrets
        .as_ref()
        .is_some_and(|it| !it.is_empty());
    let mut containers = all(spec);
    volumes || pulls || containers.any(|it| !it.secrets().is_empty())
}

/// What has an environment.
struct Surroundings<'a> {
    what: &'static str,
    name: &'a str,
    env: &'a [EnvVar],
    env_from: &'a [EnvFromSource],
}

impl Surroundings<'_> {
    /// The secrets named, each with how it is named.
    fn secrets(&self) -> Vec<(String, String)> {
        let own = format!("{} {}", self.what, self.name);
        let by_name = self.env.iter().filter_map(|variable| {
            let source = variable.value_from.as_ref()?.secret_key_ref.as_ref()?;
            Some((
                format!("{own} with envVar {}", variable.name),
                source.name.clone(),
            ))
        });
        let whole = self.env_from.iter().filter_map(|source| {
            let secret = source.secret_ref.as_ref()?;
            Some((format!("{own} with envFrom"), secret.name.clone()))
        });
        by_name.chain(whole).collect()
    }
}

fn all(spec: &PodSpec) -> impl Iterator<Item = Surroundings<'_>> {
    let init = spec.init_containers.iter().flatten();
    init.map(|it| surroundings("init container", it)).chain(
        spec.containers
            .iter()
            .map(|it| surroundings("container", it)),
    )
}

fn surroundings<'a>(what: &'static str, container: &'a Container) -> Surroundings<'a> {
    Surroundings {
        what,
        name: &container.name,
        env: container.env.as_deref().unwrap_or_default(),
        env_from: container.env_from.as_deref().unwrap_or_default(),
    }
}

fn enforces(account: &ServiceAccount) -> bool {
    let annotations = account.metadata.annotations.as_ref();
    let value = annotations.and_then(|it| it.get(ENFORCE));
    value.is_some_and(|it| matches!(it.as_str(), "1" | "t" | "T" | "TRUE" | "true" | "True"))
}

fn mountable(account: &ServiceAccount) -> BTreeSet<&str> {
    let secrets = account.secrets.iter().flatten();
    secrets.filter_map(|it| it.name.as_deref()).collect()
}

fn not_referenced(what: &str, secret: &str, account: &ServiceAccount) -> String {
    format!(
        "{what} referencing secret.secretName=\"{secret}\" is not allowed because service account {} does not reference that secret",
        name(account)
    )
}

fn name(account: &ServiceAccount) -> &str {
    account.metadata.name.as_deref().unwrap_or_default()
}

/// Whether every secret that a new pod names is one of its account's.
pub(super) fn allowed(account: &ServiceAccount, spec: &PodSpec) -> Result<(), String> {
    if !enforces(account) {
        return Ok(());
    }
    let secrets = mountable(account);
    for volume in spec.volumes.iter().flatten() {
        let named = volume
            .secret
            .as_ref()
            .and_then(|it| it.secret_name.as_deref());
        if let Some(secret) = named.filter(|it| !secrets.contains(it)) {
            return Err(format!(
                "volume with secret.secretName=\"{secret}\" is not allowed because service account {} does not reference that secret",
                name(account)
            ));
        }
    }
    for container in all(spec) {
        check(&container, &secrets, account)?;
    }
    let pulls = account.image_pull_secrets.iter().flatten();
    let pulls: BTreeSet<&str> = pulls.map(|it| it.name.as_str()).collect();
    for (index, own) in spec.image_pull_secrets.iter().flatten().enumerate() {
        if !pulls.contains(own.name.as_str()) {
            return Err(format!(
                "imagePullSecrets[{index}].name=\"{}\" is not allowed because service account {} does not reference that imagePullSecret",
                own.name,
                name(account)
            ));
        }
    }
    Ok(())
}

fn check(
    container: &Surroundings<'_>,
    secrets: &BTreeSet<&str>,
    account: &ServiceAccount,
) -> Result<(), String> {
    for (what, secret) in container.secrets() {
        if !secrets.contains(secret.as_str()) {
            return Err(not_referenced(&what, &secret, account));
        }
    }
    Ok(())
}

/// Whether every secret that ephemeral containers name is one of the pod's account's.
pub(super) fn of_ephemeral(account: &ServiceAccount, spec: &PodSpec) -> Result<(), String> {
    if !enforces(account) {
        return Ok(());
    }
    let secrets = mountable(account);
    for container in spec.ephemeral_containers.iter().flatten() {
        let own = Surroundings {
            what: "ephemeral container",
            name: &container.name,
            env: container.env.as_deref().unwrap_or_default(),
            env_from: container.env_from.as_deref().unwrap_or_default(),
        };
        check(&own, &secrets, account)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(spec: Value) -> String {
        let account = json!({ "metadata": { "name": "a", "annotations": { ENFORCE: "true" } },
            "secrets": [{ "name": "mine" }], "imagePullSecrets": [{ "name": "pull" }] });
        let account: ServiceAccount = api::Object::decode(account.to_string().as_bytes()).unwrap();
        let pod = json!({ "metadata": {}, "spec": spec });
        let pod: k8s_openapi::api::core::v1::Pod =
            api::Object::decode(pod.to_string().as_bytes()).unwrap();
        let spec = pod.spec.unwrap();
        let verdict = allowed(&account, &spec).and_then(|()| of_ephemeral(&account, &spec));
        verdict.err().unwrap_or_default()
    }

    #[test]
    fn secrets_of_the_account_only() {
        let env = |secret: &str| json!([{ "name": "E", "valueFrom": { "secretKeyRef": { "name": secret, "key": "k" } } }]);
        let from = json!([{ "secretRef": { "name": "other" } }]);
        let because = "is not allowed because service account a does not reference that secret";
        let cases = [
            (json!({ "containers": [], "volumes": [{ "name": "v", "secret": { "secretName": "mine" } }] }), String::new()),
            (json!({ "containers": [], "volumes": [{ "name": "v", "secret": { "secretName": "other" } }] }),
                format!("volume with secret.secretName=\"other\" {because}")),
            (json!({ "containers": [{ "name": "c", "env": env("mine") }] }), String::new()),
            (json!({ "containers": [{ "name": "c", "env": env("other") }] }),
                format!("container c with envVar E referencing secret.secretName=\"other\" {because}")),
            (json!({ "containers": [], "initContainers": [{ "name": "c", "envFrom": from }] }),
                format!("init container c with envFrom referencing secret.secretName=\"other\" {because}")),
            (json!({ "containers": [], "ephemeralContainers": [{ "name": "c", "envFrom": from }] }),
                format!("ephemeral container c with envFrom referencing secret.secretName=\"other\" {because}")),
            (json!({ "containers": [], "imagePullSecrets": [{ "name": "pull" }, { "name": "x" }] }),
                "imagePullSecrets[1].name=\"x\" is not allowed because service account a does not reference that imagePullSecret".to_owned()),
        ];
        for (spec, wanted) in cases {
            assert_eq!(check(spec.clone()), wanted, "{spec}");
        }
    }

    #[test]
    fn mirror_pods_name_nothing() {
        let check = |spec: Value| {
            let pod = json!({ "metadata": {}, "spec": spec });
            let pod: k8s_openapi::api::core::v1::Pod =
                api::Object::decode(pod.to_string().as_bytes()).unwrap();
            of_mirror(&pod.spec.unwrap()).err().unwrap_or_default()
        };
        assert_eq!(check(json!({ "containers": [] })), "");
        assert_eq!(
            check(json!({ "containers": [], "serviceAccountName": "a" })),
            "a mirror pod may not reference service accounts"
        );
        assert_eq!(
            check(json!({ "containers": [], "volumes": [{ "name": "v", "secret": {} }] })),
            "a mirror pod may not reference secrets"
        );
        let token = json!([{ "name": "v", "projected": { "sources": [{ "serviceAccountToken": { "path": "t" } }] } }]);
        assert_eq!(
            check(json!({ "containers": [], "volumes": token })),
            "a mirror pod may not use ServiceAccountToken volume projections"
        );
    }
}
