//! The two headers of a member: the one in the directory and the local one before its data (APPNOTE §4.3.7,
//! §4.3.12), with the sizes of the ZIP64 extra field (§4.5.3) where the short ones are full.

use std::borrow::Cow;
use std::io::{Read, Seek};

use crate::Unscanned;
use crate::member::display_name;
use crate::source::{Source, le16, le32, le64};

use super::data::Expected;

/// What one header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    /// As MS-DOS wrote it.
    pub(super) time: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    /// The name in an extra field for Unicode (APPNOTE §4.6.9), which programs prefer if it has the sum of the other.
    pub(super) unicode_name: Option<Vec<u8>>,
    /// Where the local header is, before any data in front of the zip is added; 0 in a local header.
    pub(super) offset: u64,
    /// Where the header ends: the next record of a directory, the data behind a local header.
    pub(super) end: u64,
    /// How it is encrypted, if by AES.
    pub(super) aes: Option<Aes>,
}

/// The extra field of a member that AES has encrypted (APPNOTE §7.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Aes {
    pub(super) version: u16,
    strength: u8,
    /// How it is packed under the encryption.
    pub(super) method: u16,
}

impl Aes {
    /// Octets of the key; `None` for a strength that there is not.
    pub(super) const fn key_octets(self) -> Option<usize> {
        match self.strength {
            1 => Some(16),
            2 => Some(24),
            3 => Some(32),
            _ => None,
        }
    }
}

impl Header {
    /// The directory's header at `at`; `None` if there is none.
    pub(super) fn central<R: Read + Seek>(source: &Source<R>, at: u64) -> Result<Option<Self>, Unscanned> {
        let Some(fixed) = source.array_at::<CENTRAL>(at)?.filter(|fixed| fixed.starts_with(CENTRAL_MARK)) else {
            return Ok(None);
        };
        let comment = u64::from(le16(&fixed, 32));
        let header = Self::read(source, at + CENTRAL as u64, &fixed, 8, 28, u64::from(le32(&fixed, 42)))?;
        Ok(header.map(|header| Self { end: header.end + comment, ..header }))
    }

    /// The local header at `at`; `None` if there is none.
    pub(super) fn local<R: Read + Seek>(source: &Source<R>, at: u64) -> Result<Option<Self>, Unscanned> {
        let Some(fixed) = source.array_at::<LOCAL>(at)?.filter(|fixed| fixed.starts_with(LOCAL_MARK)) else {
            return Ok(None);
        };
        Self::read(source, at + LOCAL as u64, &fixed, 6, 26, 0)
    }

    /// Where the directory's header at `at` ends; `None` if there is none. Reads no name.
    pub(super) fn central_end<R: Read + Seek>(source: &Source<R>, at: u64) -> Result<Option<u64>, Unscanned> {
        let fixed = source.array_at::<CENTRAL>(at)?.filter(|fixed| fixed.starts_with(CENTRAL_MARK));
        let variable =
            |fixed: &[u8]| [28, 30, 32].into_iter().map(|length| u64::from(le16(fixed, length))).sum::<u64>();
        Ok(fixed.map(|fixed| at + CENTRAL as u64 + variable(&fixed)))
    }

    /// Reads what both headers share: from `flags_at` flags, method, time, date, CRC and sizes, from `lengths_at` the
    /// lengths of name and extra field, which stand at `at`.
    fn read<R: Read + Seek>(
        source: &Source<R>,
        at: u64,
        fixed: &[u8],
        flags_at: usize,
        lengths_at: usize,
        offset: u64,
    ) -> Result<Option<Self>, Unscanned> {
        let (name_length, extra_length) =
            (usize::from(le16(fixed, lengths_at)), usize::from(le16(fixed, lengths_at + 2)));
        let length = name_length + extra_length;
        if source.length().saturating_sub(at) < length as u64 {
            return Ok(None);
        }
        let mut name = vec![0; length];
        source.read_at(at, &mut name)?;
        let end = at + name.len() as u64;
        let extra = name.split_off(name_length);
        let mut header = Self {
            name,
            flags: le16(fixed, flags_at),
            method: le16(fixed, flags_at + 2),
            time: le16(fixed, flags_at + 4),
            crc: le32(fixed, flags_at + 8),
            packed: u64::from(le32(fixed, flags_at + 12)),
            unpacked: u64::from(le32(fixed, flags_at + 16)),
            unicode_name: None,
            offset,
            end,
            aes: None,
        };
        header.apply_extra(&extra);
        header.unicode_name = unicode_name(&extra, &header.name);
        Ok(Some(header))
    }

    /// Takes the long form of every number whose short form is full, in the order of APPNOTE §4.5.3, and what is said
    /// of encryption. Of two fields the first counts.
    fn apply_extra(&mut self, mut extra: &[u8]) {
        let mut is_long = false;
        while extra.len() >= 4 {
            let (id, length) = (le16(extra, 0), usize::from(le16(extra, 2)));
            let Some(field) = extra.get(4..4 + length) else { return };
            if id == 0x9901 && field.len() >= 7 && self.aes.is_none() {
                let (version, strength, method) = (le16(field, 0), field[4], le16(field, 5));
                self.aes = Some(Aes { version, strength, method });
            }
            if id == 1 && !std::mem::replace(&mut is_long, true) {
                let mut field = field;
                for number in [&mut self.unpacked, &mut self.packed, &mut self.offset] {
                    if *number == FULL && field.len() >= 8 {
                        *number = le64(field, 0);
                        field = &field[8..];
                    }
                }
            }
            extra = &extra[4 + length..];
        }
    }

    /// The name for people. UTF-8 where it is valid, whatever the flag says; otherwise the code page of the
    /// first zips.
    pub(super) fn display_name(&self) -> Cow<'_, str> {
        match str::from_utf8(&self.name) {
            Ok(name) => display_name(name),
            Err(_) => {
                let high: Vec<char> = CP437_HIGH.chars().collect();
                let decode = |&octet: &u8| match octet.checked_sub(128) {
                    Some(index) => high.get(usize::from(index)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
                    None => char::from(octet),
                };
                let name: String = self.name.iter().map(decode).collect();
                Cow::Owned(display_name(&name).into_owned())
            }
        }
    }

    /// Another name that programs give it: the one in Unicode, or what stands before a zero.
    pub(super) fn other_name(&self) -> Option<String> {
        let before_zero = || memchr::memchr(0, &self.name).map(|at| &self.name[..at]).filter(|name| !name.is_empty());
        let other = self.unicode_name.as_deref().or_else(before_zero);
        other.map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// Whether it is a folder and nothing else.
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with(b"/") && self.packed == 0 && self.unpacked == 0
    }

    /// Whether the data needs a password: the flag, or the method that stands for AES. The further flags of strong
    /// encryption mean nothing without the first one, and readers ignore them.
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0 || self.method == 99
    }

    /// How the data is packed, under any encryption.
    pub(super) fn packing(&self) -> u16 {
        self.aes.filter(|_| self.method == 99).map_or(self.method, |aes| aes.method)
    }

    /// Whether a mark in an LZMA stream ends it (APPNOTE §4.4.4).
    pub(super) fn has_end_mark(&self) -> bool {
        self.flags & 2 != 0
    }

    /// What a local header promises of the data behind it.
    pub(super) fn expected(&self) -> Expected {
        let is_open = self.has_descriptor() && (self.crc == 0 || self.has_time_for_crc());
        if is_open { Expected { crc: None, sizes: None } } else { Expected::of(self) }
    }

    /// Whether a program that goes by this local header sees something else than one that goes by the directory's
    /// header for it. Numbers that stand behind the data need not stand here.
    pub(super) fn is_other_than(&self, central: &Self) -> bool {
        self.name != central.name
            || self.unicode_name != central.unicode_name
            || self.method != central.method
            || self.is_encrypted() != central.is_encrypted()
            || self.aes != central.aes
            || !(self.may_mean(self.crc.into(), central.crc.into()) || self.has_time_for_crc())
            || !self.has_sizes_of(central)
    }

    /// Whether the time stands where the CRC will be known only behind the data: Info-ZIP writes it there when it
    /// encrypts into a pipe, for the check is made of it.
    fn has_time_for_crc(&self) -> bool {
        self.has_descriptor() && self.is_encrypted() && self.crc == u32::from(self.time) << 16
    }

    fn has_sizes_of(&self, central: &Self) -> bool {
        self.may_mean(self.packed, central.packed) && self.may_mean(self.unpacked, central.unpacked)
    }

    /// Whether a number of this local header agrees with one that stands elsewhere. Some of those that stand behind the
    /// data may be known beforehand, even so.
    fn may_mean(&self, own: u64, told: u64) -> bool {
        own == told || (self.has_descriptor() && [0, FULL].contains(&own))
    }

    /// Whether the difference is one of name or octets: most streams end where they end, whatever the sizes say.
    pub(super) fn gives_other_than(&self, central: &Self) -> bool {
        let is_measured = matches!(self.method, 0 | 14 | 98);
        self.name != central.name
            || self.method != central.method
            || self.is_encrypted() != central.is_encrypted()
            || self.aes != central.aes
            || (is_measured && !self.has_sizes_of(central))
    }

    /// Whether this can be a local header, among octets that were no zip's: a name, and a method that exists.
    pub(super) fn is_sensible(&self) -> bool {
        !self.name.is_empty() && matches!(self.method, 0..=20 | 93..=99)
    }

    /// Whether CRC and sizes stand behind the data.
    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & 8 != 0
    }
}

/// The name in the extra field for it, if that has the sum of the name that it stands for.
fn unicode_name(mut extra: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    while extra.len() >= 4 {
        let (id, length) = (le16(extra, 0), usize::from(le16(extra, 2)));
        let field = extra.get(4..4 + length)?;
        if let (0x7075, [1, rest @ ..]) = (id, field) {
            let mut crc = flate2::Crc::new();
            crc.update(name);
            let unicode = rest.get(4..).filter(|unicode| !unicode.is_empty() && *unicode != name);
            return unicode.filter(|_| crc.sum() == le32(rest, 0)).map(<[u8]>::to_vec);
        }
        extra = &extra[4 + length..];
    }
    None
}

pub(super) const LOCAL_MARK: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL_MARK: &[u8] = b"PK\x01\x02";
pub(super) const DESCRIPTOR_MARK: &[u8] = b"PK\x07\x08";

const LOCAL: usize = 30;
const CENTRAL: usize = 46;

/// A short number that stands for a long one.
const FULL: u64 = 0xffff_ffff;

/// IBM's code page 437 from 128 on.
const CP437_HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                          αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests say so by failing

    use std::io::Cursor;

    use super::*;

    /// A directory record with the given short sizes, offset and extra field.
    fn central(packed: u32, unpacked: u32, offset: u32, extra: &[u8]) -> Header {
        let mut record = CENTRAL_MARK.to_vec();
        record.resize(CENTRAL, 0);
        record[20..24].copy_from_slice(&packed.to_le_bytes());
        record[24..28].copy_from_slice(&unpacked.to_le_bytes());
        record[28] = 1;
        record[30..32].copy_from_slice(&u16::try_from(extra.len()).unwrap().to_le_bytes());
        record[32] = 5;
        record[42..46].copy_from_slice(&offset.to_le_bytes());
        record.push(b'n');
        record.extend_from_slice(extra);
        Header::central(&Source::new(Cursor::new(record)).unwrap(), 0).unwrap().unwrap()
    }

    #[test]
    fn long_numbers_replace_full_short_ones_only() {
        let long = [&[9, 9, 2, 0, 7, 7, 1, 0, 16, 0][..], &5u64.to_le_bytes(), &6u64.to_le_bytes()].concat();
        let header = central(u32::MAX, 3, u32::MAX, &long);
        assert_eq!((header.packed, header.unpacked, header.offset), (5, 3, 6));
        assert_eq!(header.end, 46 + 1 + long.len() as u64 + 5);
        let header = central(1, 2, 3, &long);
        assert_eq!((header.packed, header.unpacked, header.offset), (1, 2, 3));
    }

    #[test]
    fn a_torn_extra_field_is_no_field() {
        for extra in [&[1, 0][..], &[1, 0, 8, 0, 1, 2], &[1, 0, 4, 0, 1, 2, 3, 4]] {
            assert_eq!(central(u32::MAX, 0, 0, extra).packed, FULL, "{extra:?}");
        }
    }

    #[test]
    fn names_that_are_not_utf_8_are_of_the_old_code_page() {
        assert_eq!(CP437_HIGH.chars().count(), 128);
        let header = Header { name: b"\x9abung \xe1.txt".to_vec(), ..central(0, 0, 0, &[]) };
        assert_eq!(header.display_name(), "Übung ß.txt");
    }
}
