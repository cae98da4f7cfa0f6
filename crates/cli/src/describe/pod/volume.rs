//! The volumes of a pod's description.

use super::super::text::{Text, items, text};
use serde_json::Value;

pub(super) fn describe(out: &mut Text, level: usize, volumes: &Value) {
    if items(volumes).next().is_none() {
        out.line(level, "Volumes:\t<none>");
        return;
    }
    out.line(level, "Volumes:");
    for volume in items(volumes) {
        out.line(level + 1, &format!("{}:", text(&volume["name"])));
        source(out, level + 2, volume);
    }
}

fn source(out: &mut Text, level: usize, volume: &Value) {
    let Some((kind, source)) = volume
        .as_object()
        .into_iter()
        .flatten()
        .find(|(key, _)| *key != "name")
    else {
        return;
    };
    let optional = format!("Optional:\t{}", source["optional"] == true);
    let line = |out: &mut Text, text: &str| out.line(level, text);
    match kind.as_str() {
        "emptyDir" => {
            line(
                out,
                "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)",
            );
            line(out, &format!("Medium:\t{}", text(&source["medium"])));
            let limit = source["sizeLimit"].as_str().unwrap_or("<unset>");
            line(out, &format!("SizeLimit:\t{limit}"));
        }
        "hostPath" => {
            line(out, "Type:\tHostPath (bare host directory volume)");
            line(out, &format!("Path:\t{}", text(&source["path"])));
            line(out, &format!("HostPathType:\t{}", text(&source["type"])));
        }
        "configMap" => {
            line(out, "Type:\tConfigMap (a volume populated by a ConfigMap)");
            line(out, &format!("Name:\t{}", text(&source["name"])));
            line(out, &optional);
        }
        "secret" => {
            line(out, "Type:\tSecret (a volume populated by a Secret)");
            line(
                out,
                &format!("SecretName:\t{}", text(&source["secretName"])),
            );
            line(out, &optional);
        }
        "persistentVolumeClaim" => {
            line(
                out,
                "Type:\tPersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
            );
            line(out, &format!("ClaimName:\t{}", text(&source["claimName"])));
            line(out, &format!("ReadOnly:\t{}", source["readOnly"] == true));
        }
        "projected" => projected(out, level, source),
        other => line(out, &format!("Type:\t{other}")),
    }
}

fn projected(out: &mut Text, level: usize, volume: &Value) {
    out.line(
        level,
        "Type:\tProjected (a volume that contains injected data from multiple sources)",
    );
    for source in items(&volume["sources"]) {
        if let Some(token) = source.get("serviceAccountToken") {
            let seconds = token["expirationSeconds"].as_i64().unwrap_or(3600);
            out.line(level, &format!("TokenExpirationSeconds:\t{seconds}"));
        } else if let Some(map) = source.get("configMap") {
            out.line(level, &format!("ConfigMapName:\t{}", text(&map["name"])));
            out.line(level, &format!("Optional:\t{}", map["optional"] == true));
        } else if let Some(secret) = source.get("secret") {
            out.line(level, &format!("SecretName:\t{}", text(&secret["name"])));
            out.line(level, &format!("Optional:\t{}", secret["optional"] == true));
        } else if source.get("downwardAPI").is_some() {
            out.line(level, "DownwardAPI:\ttrue");
        }
    }
}
