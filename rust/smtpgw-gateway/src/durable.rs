//! Files that are there whole, or not at all, whatever happens to the power.
//!
//! The order is that of the Maildir convention: write under a name nobody looks at, fsync the file, rename it, fsync
//! the folder. Only then may anybody be told that it is stored.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Stores what `fill` writes as `to`, written first as `temporary`. Blocks. After an error neither is there: what was
/// not acknowledged comes again.
pub(crate) fn store(temporary: &Path, to: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    // Opened first, for at the end there may be no descriptor left.
    let folder = to.parent().map(File::open).transpose()?;
    let stored = write(temporary, fill).and_then(|()| fs::rename(temporary, to)).map_err(|error| (temporary, error));
    let settled = stored.and_then(|()| folder.map_or(Ok(()), |folder| folder.sync_all()).map_err(|error| (to, error)));
    settled.map_err(|(left, error)| {
        // If it cannot even be removed, the first error says more.
        let _ = fs::remove_file(left);
        error
    })
}

/// Makes a folder and those above it, for ourselves only.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    fill(&mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use std::io::Write as _;

    use super::*;

    #[test]
    fn leaves_the_whole_file_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, to) = (folder.path().join("t"), folder.path().join("x"));
        store(&temporary, &to, |file| file.write_all(b"body")).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"body");
        let elsewhere = folder.path().join("missing/x");
        assert!(store(&temporary, &elsewhere, |file| file.write_all(b"body")).is_err());
        assert!(!temporary.exists());
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        assert!(store(&temporary, &taken, |file| file.write_all(b"body")).is_err(), "no file takes a folder's place");
        assert!(!temporary.exists());
        assert!(store(&temporary, &to, |_| Err(io::Error::other("half way"))).is_err());
        assert!(!temporary.exists());
        assert_eq!(fs::read(&to).unwrap(), b"body");
    }
}
