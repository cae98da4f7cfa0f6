//! Archives, honest and hostile, as tables.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

use tar::{Builder, EntryType, Header};

use super::*;

/// One entry: kind, path, mode, content or link target.
type Row<'a> = (EntryType, &'a str, u32, &'a str);

const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const SYMLINK: EntryType = EntryType::Symlink;
const LINK: EntryType = EntryType::Link;

/// Writes names into headers as they are: the builder would refuse hostile ones.
fn archive(rows: &[Row<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, path, mode, content) in rows {
        let mut header = Header::new_gnu();
        let is_link = matches!(*kind, SYMLINK | LINK);
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_000_000);
        header.set_uid(u64::from(rustix::process::geteuid().as_raw()));
        header.set_gid(u64::from(rustix::process::getegid().as_raw()));
        header.set_size(if is_link { 0 } else { content.len() as u64 });
        let raw = header.as_old_mut();
        raw.name[..path.len()].copy_from_slice(path.as_bytes());
        if is_link {
            raw.linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_cksum();
        let data = if is_link { "" } else { content };
        builder.append(&header, data.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Unpacks into `root`, beside which lies `outside` that nothing may touch.
fn unpack_beside(rows: &[Row<'_>]) -> (tempfile::TempDir, std::result::Result<u64, String>) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    fs::write(dir.path().join("outside"), "untouched").unwrap();
    let result = unpack(archive(rows).as_slice(), &dir.path().join("root"));
    let outside = fs::read_to_string(dir.path().join("outside")).unwrap();
    assert_eq!(outside, "untouched");
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    (dir, result.map_err(|e| e.to_string()))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn honest_archives_are_unpacked() {
    let (dir, size) = unpack_beside(&[
        (DIR, "./", 0o755, ""),
        (DIR, "bin/", 0o755, ""),
        (FILE, "bin/tool", 0o4755, "tool"),
        (SYMLINK, "bin/alias", 0o777, "/bin/tool"),
        (LINK, "bin/twin", 0o644, "bin/tool"),
        (FILE, "deep/er/file", 0o600, "x"),
        (FILE, "/absolute", 0o644, "y"),
        (EntryType::Fifo, "pipe", 0o640, ""),
        (FILE, "twice", 0o644, "first"),
        (FILE, "twice", 0o644, "second"),
        (DIR, "becomes", 0o755, ""),
        (FILE, "becomes/full", 0o644, "z"),
        (FILE, "becomes", 0o644, "file"),
        (DIR, "shared", 0o1777, ""),
    ]);
    assert_eq!(size, Ok(4 + 1 + 1 + 5 + 6 + 1 + 4));
    let root = dir.path().join("root");
    let tool = fs::metadata(root.join("bin/tool")).unwrap();
    assert_eq!(
        (tool.mode() & 0o7777, tool.nlink(), tool.mtime()),
        (0o4755, 2, 1_000_000)
    );
    assert_eq!(
        fs::read_link(root.join("bin/alias")).unwrap().to_str(),
        Some("/bin/tool")
    );
    assert_eq!(fs::read_to_string(root.join("twice")).unwrap(), "second");
    assert_eq!(fs::read_to_string(root.join("becomes")).unwrap(), "file");
    assert_eq!(fs::read_to_string(root.join("absolute")).unwrap(), "y");
    assert!(
        fs::symlink_metadata(root.join("pipe"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    assert_eq!(
        fs::metadata(root.join("shared"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777,
        0o1777
    );
    assert_eq!(
        fs::metadata(root.join("shared")).unwrap().mtime(),
        1_000_000
    );
}

#[test]
fn paths_that_lead_out_are_refused() {
    let cases: [&[Row<'_>]; 5] = [
        &[(FILE, "../outside", 0o644, "evil")],
        &[(FILE, "a/../../outside", 0o644, "evil")],
        &[(LINK, "grab", 0o644, "../outside")],
        &[(FILE, "a/.wh...", 0o644, "")],
        &[(FILE, ".wh.", 0o644, "")],
    ];
    for rows in cases {
        let error = unpack_beside(rows).1.unwrap_err();
        assert!(error.contains("leads out"), "{error}");
    }
}

#[test]
fn links_stay_inside() {
    // The kernel resolves each as if the layer were the root: the file lands inside, or nowhere.
    let cases: [&[Row<'_>]; 4] = [
        &[
            (SYMLINK, "up", 0o777, ".."),
            (FILE, "up/outside", 0o644, "evil"),
        ],
        &[
            (SYMLINK, "abs", 0o777, "/"),
            (FILE, "abs/outside", 0o644, "evil"),
        ],
        &[
            (SYMLINK, "outside", 0o777, "../outside"),
            (FILE, "outside", 0o644, "evil"),
        ],
        &[
            (SYMLINK, "a", 0o777, "../../.."),
            (SYMLINK, "b", 0o777, "a/.."),
            (FILE, "b/outside", 0o644, "evil"),
        ],
    ];
    for rows in cases {
        let (dir, result) = unpack_beside(rows);
        result.unwrap();
        assert_eq!(
            fs::read_to_string(dir.path().join("root/outside")).unwrap(),
            "evil"
        );
    }
    // A hard link to a link outside is a link, not what it points to.
    let (dir, result) = unpack_beside(&[
        (SYMLINK, "s", 0o777, "../outside"),
        (LINK, "h", 0o644, "s"),
        (FILE, "h", 0o644, "evil"),
    ]);
    result.unwrap();
    assert!(
        fs::symlink_metadata(dir.path().join("root/h"))
            .unwrap()
            .is_file()
    );
    // Nor does a whiteout remove through one.
    if is_root() {
        let (_, result) = unpack_beside(&[
            (SYMLINK, "up", 0o777, ".."),
            (FILE, "up/.wh.outside", 0o644, ""),
        ]);
        result.unwrap();
    }
}

#[test]
fn whiteouts_become_overlays_own() {
    if !is_root() {
        eprintln!("whiteouts_become_overlays_own: skipped: needs root");
        return;
    }
    let (dir, result) = unpack_beside(&[
        (DIR, "d", 0o755, ""),
        (FILE, "d/.wh.gone", 0o644, ""),
        (DIR, "opaque", 0o755, ""),
        (FILE, "opaque/.wh..wh..opq", 0o644, ""),
        (FILE, "opaque/new", 0o644, "n"),
        (FILE, ".wh..wh.plnk", 0o644, ""),
        (EntryType::Char, "null-is-not-hidden", 0o644, ""),
    ]);
    result.unwrap();
    let root = dir.path().join("root");
    let gone = fs::symlink_metadata(root.join("d/gone")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    let mut value = [0; 8];
    let count =
        rustix::fs::getxattr(root.join("opaque"), "trusted.overlay.opaque", &mut value).unwrap();
    assert_eq!(&value[..count], b"y");
    assert!(!root.join(".wh..wh.plnk").exists() && !root.join("null-is-not-hidden").exists());
}

#[test]
fn garbage_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let whole = archive(&[(FILE, "a", 0o644, "content")]);
    for bytes in [&whole[..600.min(whole.len())][..515], &[7; 1024][..]] {
        assert!(unpack(bytes, dir.path()).is_err());
    }
}
