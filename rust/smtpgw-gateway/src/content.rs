//! Reading content at rest on a thread that may block, as the archive readers want it.

use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

use smtpgw_archive::{Format, HEAD, TAIL};

use crate::message::Content;

/// A cursor over content at rest.
pub(crate) struct Reader<'a> {
    content: &'a Content,
    at: u64,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(content: &'a Content) -> Self {
        Self { content, at: 0 }
    }

    /// What containers it is by its first and last octets.
    pub(crate) fn detect(&mut self) -> io::Result<Vec<Format>> {
        if let Content::Memory(octets) = self.content {
            return Ok(detect(octets).collect());
        }
        let mut head = Vec::with_capacity(usize::try_from(self.content.len()).unwrap_or(HEAD).min(HEAD));
        self.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let mut tail = Vec::with_capacity(TAIL);
        self.at = self.content.len().saturating_sub(TAIL as u64);
        self.read_to_end(&mut tail)?;
        self.at = 0;
        Ok(smtpgw_archive::detect_all(&head, &tail).collect())
    }
}

/// What containers it is by its first and last octets.
pub(crate) fn detect(octets: &[u8]) -> impl Iterator<Item = Format> {
    let (head, tail) = (octets.len().min(HEAD), octets.len().saturating_sub(TAIL));
    smtpgw_archive::detect_all(&octets[..head], &octets[tail..])
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.content.len().saturating_sub(self.at);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let read = match self.content {
            Content::Memory(octets) => {
                let from = usize::try_from(self.at).unwrap_or(usize::MAX).min(octets.len());
                into[..want].copy_from_slice(&octets[from..from + want]);
                want
            }
            Content::File { file, offset, .. } => file.read_at(&mut into[..want], offset + self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.content.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the beginning"))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use std::fs::File;
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn memory_and_file_read_and_seek_alike() {
        let mut file: File = tempfile::tempfile().unwrap();
        file.write_all(b"..0123456789..").unwrap();
        let contents = [
            Content::Memory(bytes::Bytes::from_static(b"0123456789")),
            Content::File { file: Arc::new(file), offset: 2, len: 10 },
        ];
        for content in &contents {
            let mut reader = Reader::new(content);
            let mut all = String::new();
            reader.read_to_string(&mut all).unwrap();
            assert_eq!(all, "0123456789");
            assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 7);
            all.clear();
            reader.read_to_string(&mut all).unwrap();
            assert_eq!(all, "789");
            assert!(reader.seek(SeekFrom::Current(-11)).is_err());
            reader.seek(SeekFrom::Start(99)).unwrap();
            assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
        }
    }
}
