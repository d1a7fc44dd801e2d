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
    /// Whether its octets are packed in a way that Linux unpacks when it is read (zisofs).
    pub(super) is_packed: bool,
    /// Where the fields of Rock Ridge go on, and how many octets of them.
    pub(super) continues: Option<(u64, u64)>,
    /// What Rock Ridge has of the name so far.
    rock_ridge: Vec<u8>,
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
        let mut record = Self {
            name: own.trim_end_matches('.').to_owned(),
            start: (u64::from(le32(octets, 2)) + u64::from(*octets.get(1)?)).saturating_mul(SECTOR),
            size: u64::from(le32(octets, 10)),
            is_folder: flags & 2 != 0,
            is_self: matches!(raw, [0] | [1]),
            goes_on: flags & 0x80 != 0,
            is_interleaved: unit != 0 || gap != 0,
            is_packed: false,
            continues: None,
            rock_ridge: Vec::new(),
        };
        record.apply(extra);
        Some(record)
    }

    /// Takes the fields behind a record: `NM`, a piece of the name; `ZF`, how the octets are packed; `CE`, where more
    /// fields are (IEEE P1281 §5.1).
    pub(super) fn apply(&mut self, mut fields: &[u8]) {
        self.continues = None;
        while let [one, two, length @ 4..=255, _, ..] = fields {
            let Some((field, rest)) = fields.split_at_checked((*length).into()) else { break };
            match (*one, *two) {
                (b'N', b'M') => self.rock_ridge.extend_from_slice(field.get(5..).unwrap_or(&[])),
                (b'Z', b'F') => self.is_packed = true,
                (b'C', b'E') if field.len() >= 28 => {
                    let start = u64::from(le32(field, 4)).saturating_mul(SECTOR);
                    self.continues = Some((start + u64::from(le32(field, 12)), u64::from(le32(field, 20))));
                }
                _ => {}
            }
            fields = rest;
        }
        if !self.rock_ridge.is_empty() {
            self.name = String::from_utf8_lossy(&self.rock_ridge).into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests say so by failing

    use super::*;

    #[test]
    fn a_name_goes_on_elsewhere() {
        let mut octets = vec![0; 33];
        octets[32] = 1;
        octets.extend(b"A");
        octets.extend(b"NM\x0b\x01\x01invoic");
        octets.extend(b"CE\x1c\x01\x13\0\0\0\0\0\0\x13\x10\0\0\0\0\0\0\x10\x09\0\0\0\0\0\0\x09");
        let mut record = Record::read(&octets, false).unwrap();
        assert_eq!(record.continues, Some((0x13 * SECTOR + 16, 9)));
        record.apply(b"NM\x0a\x01\0e.exeZF\x10\x01pz\x04\x0f");
        assert_eq!((record.name.as_str(), record.continues, record.is_packed), ("invoice.exe", None, false));
        record.apply(b"ZF\x10\x01pz\x04\x0f\0\0\0\0\0\0\0\0");
        assert!(record.is_packed);
    }
}
