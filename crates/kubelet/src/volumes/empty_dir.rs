//! `emptyDir`: a directory, or memory, as long as the pod is here.

use super::{Context, Mounted, Source, Volume, mounts, ownership};
use machinery::quantity::Quantity;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Written once a volume was made, so that its owner is set once and what pods change stays.
const READY: &str = "ready";

/// See the file.
pub(super) struct EmptyDir;

impl Volume for EmptyDir {
    fn name(&self) -> &'static str {
        "kubernetes.io/empty-dir"
    }

    fn handles(&self, source: &Source) -> bool {
        source.empty_dir.is_some()
    }

    fn set_up(&self, source: &Source, dir: &Path, context: &Context) -> Result<Mounted, String> {
        let Some(source) = &source.empty_dir else {
            return Err("not an emptyDir".to_owned());
        };
        let mounted = Mounted {
            path: dir.to_path_buf(),
            readonly: false,
        };
        let marker = dir.with_extension(READY);
        let memory = match source.medium.as_deref() {
            None | Some("") => false,
            Some("Memory") => true,
            Some(other) => return Err(format!("unknown storage medium {other:?}")),
        };
        // A machine that was started again has the marker but not the memory.
        if marker.exists() && (!memory || !context.may_mount || mounts::is_mounted(dir)?) {
            return Ok(mounted);
        }
        let failed = |error: std::io::Error| format!("create {}: {error}", dir.display());
        fs::create_dir_all(dir).map_err(failed)?;
        if memory && context.may_mount {
            let limit = source
                .size_limit
                .as_ref()
                .and_then(|it| Quantity::from_wire(it).ok())
                .map(|it| it.value());
            mounts::tmpfs(
                dir,
                limit
                    .and_then(|it| u64::try_from(it).ok())
                    .filter(|it| *it > 0),
            )?;
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).map_err(failed)?;
        ownership::apply(dir, &context.pod, false)?;
        fs::write(&marker, b"").map_err(failed)?;
        Ok(mounted)
    }
}
