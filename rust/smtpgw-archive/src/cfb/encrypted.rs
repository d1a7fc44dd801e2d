//! Whether a document says that the rest of it is encrypted. Its streams come out as they are, and tell nothing.

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::source::{le16, le32};

use super::directory::Entry;
use super::sectors::{Mini, Sectors};

/// Asks the stream, if it is one that would say so.
pub(super) fn is<R: Read + Seek>(sectors: &Sectors<'_, R>, mini: &Mini, entry: &Entry) -> Result<bool, Unscanned> {
    let says: fn(&[u8]) -> bool = match entry.name.to_ascii_lowercase().as_str() {
        // MS-OFFCRYPTO §2.3.3: a document in a package.
        "encryptedpackage" => return Ok(true),
        "worddocument" => word,
        "workbook" | "book" => excel,
        "current user" => powerpoint,
        _ => return Ok(false),
    };
    Ok(says(&sectors.head(mini, entry, HEAD)?))
}

/// MS-DOC §2.5.2: a flag in the first block.
fn word(head: &[u8]) -> bool {
    le16(head, 0) == 0xa5ec && le16(head, 10) & 0x0100 != 0
}

/// MS-XLS §2.4.117: a record of its own, among the first.
fn excel(mut head: &[u8]) -> bool {
    for _ in 0..RECORDS {
        let (kind, length) = (le16(head, 0), usize::from(le16(head, 2)));
        if kind == 0x002f {
            return true;
        }
        let Some(rest) = head.get(4 + length..) else { return false };
        head = rest;
    }
    false
}

/// MS-PPT §2.3.2: another token.
fn powerpoint(head: &[u8]) -> bool {
    le32(head, 12) == 0xf3d1_c4df
}

/// Octets of a stream that are asked.
const HEAD: usize = 4_096;

/// Records of a workbook before which the one about encryption stands.
const RECORDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_says_it_in_its_own_way() {
        let begin = [&[0x09, 0x08, 4, 0, 0, 6, 5, 0][..], &[0xe1, 0, 2, 0, 0xb0, 4]].concat();
        assert!(excel(&[&begin[..], &[0x2f, 0, 6, 0, 1, 0, 0, 0, 0, 0]].concat()));
        assert!(!excel(&[&begin[..], &[0x42, 0, 2, 0, 0x2f, 0]].concat()) && !excel(&begin) && !excel(b""));
        let user = |token: u32| [&[0, 0, 0xf6, 0x0f, 0x20, 0, 0, 0, 0x14, 0, 0, 0][..], &token.to_le_bytes()].concat();
        assert!(powerpoint(&user(0xf3d1_c4df)) && !powerpoint(&user(0xe391_c05f)) && !powerpoint(b""));
        assert!(
            word(&[0xec, 0xa5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) && !word(&[0xec, 0xa5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2])
        );
    }
}
