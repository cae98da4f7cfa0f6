//! A layer from files of this machine, read as the tar stream that it is: nothing is spooled on the way.

use std::fs::File;
use std::io::{self, Cursor, Read};

use super::archive::{Content, Entry, Layer};

/// What ends an archive.
const END: u64 = 1024;
/// Everything in an archive fills blocks of this size.
const BLOCK: u64 = 512;

/// The layer's bytes, the same for the same files.
pub(super) fn read(layer: &Layer) -> io::Result<Box<dyn Read + '_>> {
    match layer {
        Layer::Tar(path) => Ok(Box::new(File::open(path)?)),
        Layer::Entries(entries) => Ok(Box::new(Parts {
            entries: entries.iter(),
            part: Box::new(io::empty()),
            ended: false,
        })),
    }
}

/// One entry after the other, each opened when it is its turn, and the end of the archive.
struct Parts<'a> {
    entries: std::slice::Iter<'a, Entry>,
    part: Box<dyn Read + 'a>,
    ended: bool,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.part.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.ended {
                return Ok(count);
            }
            self.part = match self.entries.next() {
                Some(entry) => read_entry(entry)?,
                None => {
                    self.ended = true;
                    Box::new(io::repeat(0).take(END))
                }
            };
        }
    }
}

fn read_entry(entry: &Entry) -> io::Result<Box<dyn Read + '_>> {
    let path = entry.path.strip_prefix("/").unwrap_or(&entry.path);
    // It writes headers only: what follows them is chained behind.
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = header(entry.mode);
    let (content, size): (Box<dyn Read + '_>, u64) = match &entry.content {
        Content::Link(to) => {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, path, to)?;
            return Ok(headers(tar));
        }
        Content::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            (Box::new(io::empty()), 0)
        }
        Content::Bytes(bytes) => (Box::new(bytes.as_slice()), bytes.len() as u64),
        Content::File(from) => {
            let file = File::open(from).map_err(|error| {
                io::Error::new(error.kind(), format!("open {}: {error}", from.display()))
            })?;
            let size = file.metadata()?.len();
            (Box::new(file.take(size)), size)
        }
    };
    header.set_size(size);
    tar.append_data(&mut header, path, io::empty())?;
    let padding = io::repeat(0).take(size.next_multiple_of(BLOCK) - size);
    Ok(Box::new(headers(tar).chain(content).chain(padding)))
}

fn headers(mut tar: tar::Builder<Vec<u8>>) -> Box<dyn Read> {
    Box::new(Cursor::new(std::mem::take(tar.get_mut())))
}

/// A header that says nothing about who made the file, and when.
pub(super) fn header(mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
