//! `downwardAPI`: the pod's own fields as files.

use super::{Context, Mounted, Source, Volume, atomic_writer, payload};
use std::path::Path;

/// See the file.
pub(super) struct DownwardApi;

impl Volume for DownwardApi {
    fn name(&self) -> &'static str {
        "kubernetes.io/downward-api"
    }

    fn handles(&self, source: &Source) -> bool {
        source.downward_api.is_some()
    }

    fn set_up(&self, source: &Source, dir: &Path, context: &Context) -> Result<Mounted, String> {
        let Some(source) = &source.downward_api else {
            return Err("not a downwardAPI".to_owned());
        };
        let files = payload::downward(
            source.items.as_ref(),
            payload::mode(source.default_mode),
            context,
        )?;
        atomic_writer::set_up(dir, &files, context, false)
    }
}
