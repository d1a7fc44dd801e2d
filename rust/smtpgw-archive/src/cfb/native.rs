//! A file packaged into a document: the stream `Ole10Native`, with a name, two paths, and the file's octets.

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::source::{le16, le32};

use super::directory::Entry;
use super::sectors::{Mini, Sectors};

/// Where the file is in its stream.
pub(crate) struct Native {
    pub(crate) name: String,
    pub(crate) start: u64,
    pub(crate) size: u64,
}

impl Native {
    /// Reads the wrapping from `at` on, of a stream of `size` octets that begins with `head`.
    pub(crate) fn parse(head: &[u8], at: usize, size: u64) -> Option<Self> {
        parse(head, at, size)
    }
}

/// Reads the wrapping; `None` where it is none that is known, as that of objects other than packages.
pub(super) fn find<R: Read + Seek>(
    sectors: &Sectors<'_, R>,
    mini: &Mini,
    entry: &Entry,
) -> Result<Option<Native>, Unscanned> {
    let head = sectors.head(mini, entry, HEAD)?;
    // Its length stands first.
    Ok(parse(&head, 4, entry.size))
}

fn parse(head: &[u8], at: usize, size: u64) -> Option<Native> {
    let mut at = at;
    // Two octets that are 2 for a package.
    if le16(head, at) != 2 {
        return None;
    }
    at += 2;
    let label = text(head, &mut at)?;
    let path = text(head, &mut at)?;
    at += 4;
    let length = usize::try_from(le32(head, at)).ok()?;
    at = at.checked_add(4)?.checked_add(length)?;
    let length = u64::from(le32(head.get(at..)?, 0));
    let start = at as u64 + 4;
    if start > size {
        return None;
    }
    let base = |path: &[u8]| {
        let at = path.iter().rposition(|octet| matches!(octet, b'\\' | b'/')).map_or(0, |at| at + 1);
        String::from_utf8_lossy(path.get(at..).unwrap_or(&[])).into_owned()
    };
    // The label is what people see, the path what is written; the suffix that counts is the path's.
    let (label, path) = (base(label), base(path));
    let name = if path.is_empty() { label } else { path };
    Some(Native { name, start, size: length.min(size - start) })
}

/// The octets up to the next zero.
fn text<'a>(octets: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = octets.get(*at..)?;
    let end = memchr::memchr(0, rest)?;
    *at += end + 1;
    Some(&rest[..end])
}

/// Octets of the wrapping: a name and two paths.
const HEAD: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_of_any_cut_is_read_or_refused() {
        let mut stream = [&[0, 0, 0, 0, 2, 0][..], b"a.txt\0C:\\temp\\a.exe\0\0\0\x03\0"].concat();
        stream.extend([&b"\x05\0\0\0temp\0"[..], b"\x02\0\0\0MZ", b"unicode names behind"].concat());
        let native = parse(&stream, 4, stream.len() as u64).map(|native| (native.name, native.size, native.start));
        let start = stream.windows(2).position(|octets| octets == b"MZ").unwrap_or(0) as u64;
        assert_eq!(native, Some(("a.exe".into(), 2, start)));
        for length in 0..stream.len() {
            if let Some(native) = parse(&stream[..length], 4, length as u64) {
                assert!(native.start + native.size <= length as u64);
            }
        }
    }
}
