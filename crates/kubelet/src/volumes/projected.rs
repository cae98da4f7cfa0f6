//! `projected`: tokens, ConfigMaps, Secrets and fields in one directory, in memory.

use super::{
    Context, Mounted, Source, Volume, atomic_writer, config_map, ownership,
    payload::{self, File, Payload},
    secret, tokens,
};
use k8s_openapi::api::core::v1::{ServiceAccountTokenProjection, VolumeProjection};
use std::path::Path;

/// See the file.
pub(super) struct Projected;

impl Volume for Projected {
    fn name(&self) -> &'static str {
        "kubernetes.io/projected"
    }

    fn handles(&self, source: &Source) -> bool {
        source.projected.is_some()
    }

    fn set_up(&self, source: &Source, dir: &Path, context: &Context) -> Result<Mounted, String> {
        let Some(source) = &source.projected else {
            return Err("not a projected volume".to_owned());
        };
        let mode = payload::mode(source.default_mode);
        let mut files = Payload::new();
        let mut faults = Vec::new();
        for part in source.sources.iter().flatten() {
            match files_of(part, mode, context) {
                Ok(more) => files.extend(more),
                Err(fault) => faults.push(fault),
            }
        }
        match faults.as_slice() {
            [] => atomic_writer::set_up(dir, &files, context, true),
            [one] => Err(one.clone()),
            many => Err(format!("[{}]", many.join(", "))),
        }
    }
}

fn files_of(
    part: &VolumeProjection,
    mode: Option<u32>,
    context: &Context,
) -> Result<Payload, String> {
    let mut files = Payload::new();
    if let Some(it) = &part.config_map {
        files.extend(config_map::files(
            &it.name,
            it.items.as_ref(),
            mode,
            it.optional == Some(true),
            context,
        )?);
    }
    if let Some(it) = &part.secret {
        files.extend(secret::files(
            &it.name,
            it.items.as_ref(),
            mode,
            it.optional == Some(true),
            context,
        )?);
    }
    if let Some(it) = &part.downward_api {
        files.extend(payload::downward(it.items.as_ref(), mode, context)?);
    }
    if let Some(it) = &part.service_account_token {
        files.insert(it.path.clone(), token_file(it, mode, context)?);
    }
    if part.cluster_trust_bundle.is_some() || part.pod_certificate.is_some() {
        return Err(
            "clusterTrustBundle and podCertificate projections are not supported by this node"
                .to_owned(),
        );
    }
    Ok(files)
}

fn token_file(
    it: &ServiceAccountTokenProjection,
    mode: Option<u32>,
    context: &Context,
) -> Result<File, String> {
    let token = context
        .tokens
        .get(&tokens::Want::of(it))
        .cloned()
        .unwrap_or_else(|| Err("the token was not fetched".to_owned()))
        .map_err(|error| format!("failed to fetch token: {error}"))?;
    let user = ownership::fs_user(&context.pod);
    // Upstream: who else could read it is decided by user or group, if the pod names one.
    let private = user.is_some() || ownership::fs_group(&context.pod).is_some();
    let mode = if private {
        0o600
    } else {
        mode.unwrap_or(payload::DEFAULT_MODE)
    };
    Ok(File {
        content: token.text.into_bytes(),
        mode,
        user,
    })
}
