//! Waiting for a file, or the directory it is in, to change.

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};
use tokio::io::unix::AsyncFd;

/// Changes of one file.
pub(super) struct Changes(AsyncFd<OwnedFd>);

impl Changes {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let descriptor = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // The directory's watch sees writes into its files as well as rotation.
        let directory = path.parent().unwrap_or(Path::new("/"));
        let flags =
            WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
        inotify::add_watch(&descriptor, directory, flags)?;
        // Its successor is `unsafe`, which this crate does not use. The reason for that does not apply: the
        // descriptor is owned here and nothing closes or replaces it before the registration ends.
        #[expect(deprecated)]
        Ok(Self(AsyncFd::new(descriptor)?))
    }

    /// Returns after something changed since the last call.
    pub(super) async fn next(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|it| drain(it.get_ref().as_fd())) {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    }
}

fn drain(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(descriptor, &mut buffer);
    let mut any = false;
    loop {
        match events.next() {
            Ok(_) => any = true,
            Err(rustix::io::Errno::AGAIN) if any => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}
