//! Every figure of one machine in one run.

use super::{api, start, store};
use anyhow::Result;

/// Prints all figures; what fails does not keep the rest from being measured.
pub(crate) async fn run(arguments: start::Arguments) -> Result<()> {
    let requests = api::Arguments::of_program(&arguments.sampan, &arguments.dir);
    let stored = store::run(store::Arguments::in_directory(&arguments.dir)).await;
    let started = start::run(arguments).await;
    api::run(requests).await.and(started).and(stored)
}
