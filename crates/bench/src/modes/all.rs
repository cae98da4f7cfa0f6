//! Every figure of one machine in one run.

use super::{start, store};
use anyhow::Result;

/// Prints all figures; what fails does not keep the rest from being measured.
pub(crate) async fn run(mut arguments: start::Arguments) -> Result<()> {
    let stored = store::run(store::Arguments::in_directory(&arguments.dir)).await;
    arguments.api = true;
    start::run(arguments).await.and(stored)
}
