//! Bytes copied both ways after an upgrade, until either side ends or nothing moves for long.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;

/// Bytes held for each direction.
const BUFFER_BYTES: usize = 32 << 10;

pub(super) async fn copy(ours: OnUpgrade, theirs: OnUpgrade) {
    let (Ok(ours), Ok(theirs)) = tokio::join!(ours, theirs) else {
        return tracing::debug!("an upgraded connection was lost before it began");
    };
    let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
    if let Err(error) =
        copy_bidirectional_with_sizes(&mut ours, &mut theirs, BUFFER_BYTES, BUFFER_BYTES).await
    {
        tracing::debug!(%error, "a tunnel ended early");
    }
}
