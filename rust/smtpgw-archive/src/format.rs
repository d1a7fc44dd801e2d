//! What a container is, by its content.
//!
//! The declared type and the name of a part never decide: an attacker writes them.

use memchr::memmem;

use crate::source::{le16, le32};

/// A kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// PKWARE's zip, and all that is built on it: OOXML, OpenDocument, JAR, APK, EPUB.
    Zip,
}

impl Format {
    /// The name used in configuration and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
        }
    }
}

/// Octets from the beginning that [`detect`] wants to see; more are ignored.
pub const HEAD: usize = 4096;

/// Octets up to the end that [`detect`] wants to see: a zip's end record with the longest comment.
pub const TAIL: usize = END_LENGTH + u16::MAX as usize;

/// The format of a container by its first octets and its last. The two may overlap; both are the whole of a short
/// one.
pub fn detect(head: &[u8], tail: &[u8]) -> Option<Format> {
    (begins_as_zip(head) || ends_as_zip(tail)).then_some(Format::Zip)
}

/// A local header, the end record of an empty zip, or the marks of a split one (APPNOTE §8.5).
fn begins_as_zip(head: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00"].iter().any(|mark| head.starts_with(*mark))
}

/// An end record that has members: other things may stand before the zip, such as a program that unpacks it, or a
/// picture that a viewer opens. The size of the directory tells it from text about zips.
fn ends_as_zip(tail: &[u8]) -> bool {
    let tail = &tail[tail.len().saturating_sub(TAIL)..];
    memmem::rfind_iter(tail, b"PK\x05\x06").any(|at| {
        let record = &tail[at..];
        let (records, size) = (u32::from(le16(record, 10)), le32(record, 12));
        record.len() >= END_LENGTH && records > 0 && (size == u32::MAX || (46 * records..1 << 29).contains(&size))
    })
}

/// Octets of a zip's end record without its comment.
const END_LENGTH: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_is_known_by_either_end() {
        let mut end = b"PK\x05\x06".to_vec();
        end.resize(END_LENGTH, 0);
        assert_eq!(detect(&end, &end), Some(Format::Zip), "an empty zip");
        assert_eq!(detect(b"PK\x03\x04 and on", b""), Some(Format::Zip));
        end[10] = 1;
        end[12] = 47;
        let hidden = [b"GIF89a...".as_slice(), &end, b"junk"].concat();
        assert_eq!(detect(&hidden, &hidden), Some(Format::Zip), "a zip behind a picture");
    }

    #[test]
    fn other_things_are_not_zips() {
        for octets in [&b""[..], b"P", b"PK", b"hello PK\x05\x06", b"about PK\x05\x06 in zips, a longer text"] {
            assert_eq!(detect(octets, &[octets, &[0; 30]].concat()[..octets.len()]), None, "{octets:?}");
        }
        assert_eq!(detect(b"x", &[b"PK\x05\x06".as_slice(), &[0; 18]].concat()), None, "no members, not at the start");
    }
}
