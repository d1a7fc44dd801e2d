//! The file of the log, by its name: whoever moves it away to keep it finds that what comes next is in a new one.
//!
//! So nobody has to be told when logs are rotated (logrotate's `create`, without a `postrotate`). While no new file can
//! be opened, the one that is open goes on: no record is lost over it. Records are as private as the mail they are
//! about, so others than owner and group may not read what we create.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// An open file, and the name it is to have.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// # Errors
    /// If it cannot be opened for appending.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(MODE).open(&path)?;
        Ok(Self { path, file })
    }

    /// Opens what has the name by now. Whether that is another file than before.
    pub(super) fn follow(&mut self) -> bool {
        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let named = std::fs::metadata(&self.path).map(identity);
        if matches!((named, self.file.metadata().map(identity)), (Ok(named), Ok(open)) if named == open) {
            return false;
        }
        match Self::open(self.path.clone()) {
            Ok(now) => {
                *self = now;
                true
            }
            Err(_) => false,
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.file.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// For the owner, and the group to read.
const MODE: u32 = 0o640;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    #[test]
    fn what_is_moved_away_is_not_written_on() {
        let folder = tempfile::tempdir().unwrap();
        let (path, kept) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::open(path.clone()).unwrap();
        log.write_all(b"one\n").unwrap();
        assert!(!log.follow());
        std::fs::rename(&path, &kept).unwrap();
        assert!(log.follow() && !log.follow());
        log.write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read(&kept).unwrap(), b"one\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
        assert_eq!(log.file.metadata().unwrap().mode() & 0o777 & !MODE, 0);
        // One that somebody else has made in its place is taken, and what cannot be opened is waited for.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(!log.follow());
        log.write_all(b"three\n").unwrap();
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, b"zero\n").unwrap();
        assert!(log.follow());
        log.write_all(b"four\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"zero\nfour\n");
    }
}
