//! A directory record (ECMA-119 §9.1), and the name that Rock Ridge (IEEE P1282 §4.1.4) gives it.

use crate::source::{le16, le32};

use super::SECTOR;

/// A file or a folder.
pub(super) struct Record {
    pub(super) name: String,
    /// Octets: where it begins, and how many.
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) is_folder: bool,
    /// Whether it is the folder itself, or the one that it is in.
    pub(super) is_self: bool,
    /// Whether the next record of the same name goes on with it.
    pub(super) goes_on: bool,
    pub(super) is_interleaved: bool,
}

impl Record {
    pub(super) fn read(octets: &[u8], is_joliet: bool) -> Option<Self> {
        let flags = *octets.get(25)?;
        let (unit, gap, length) = (*octets.get(26)?, *octets.get(27)?, usize::from(*octets.get(32)?));
        let raw = octets.get(33..33 + length)?;
        let own = if is_joliet {
            let units = (0..raw.len() / 2).map(|n| le16(raw, 2 * n).swap_bytes());
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        } else {
            String::from_utf8_lossy(raw).into_owned()
        };
        // The version of a file.
        let own = own.rsplit_once(';').map_or(own.as_str(), |(name, _)| name);
        let extra = octets.get((33 + length).next_multiple_of(2)..).unwrap_or(&[]);
        let name = rock_ridge(extra).unwrap_or_else(|| own.trim_end_matches('.').to_owned());
        Some(Self {
            name,
            start: (u64::from(le32(octets, 2)) + u64::from(*octets.get(1)?)).saturating_mul(SECTOR),
            size: u64::from(le32(octets, 10)),
            is_folder: flags & 2 != 0,
            is_self: matches!(raw, [0] | [1]),
            goes_on: flags & 0x80 != 0,
            is_interleaved: unit != 0 || gap != 0,
        })
    }
}

/// The name in the fields behind a record, `NM`, which may come in pieces.
fn rock_ridge(mut fields: &[u8]) -> Option<String> {
    let mut name = Vec::new();
    while let [one, two, length @ 4..=255, _, ..] = fields {
        let Some((field, rest)) = fields.split_at_checked((*length).into()) else { break };
        if (*one, *two) == (b'N', b'M') {
            name.extend_from_slice(field.get(5..).unwrap_or(&[]));
        }
        fields = rest;
    }
    (!name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned())
}
