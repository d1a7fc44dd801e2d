//! The tag that every descriptor of UDF begins with (ECMA-167 §3/7.2).

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::source::{le16, le32};

use super::SECTOR;

/// A sector.
pub(super) type Sector = [u8; SECTOR as usize];

/// The sector at a position and what it is, if it is one of these.
pub(super) fn descriptor<R: Read + Seek>(
    flow: &Flow<'_, R>,
    at: u64,
    kinds: &[u16],
) -> Result<Option<(u16, Sector)>, Unscanned> {
    let sector = flow.source.array_at::<{ SECTOR as usize }>(at)?;
    Ok(sector.filter(|sector| has_tag(sector, kinds)).map(|sector| (le16(&sector, 0), sector)))
}

/// Whether octets begin with the tag of one of these kinds (ECMA-167 §3/7.2): its sum leaves itself out.
pub(super) fn has_tag(octets: &[u8], kinds: &[u16]) -> bool {
    let tag = octets.get(..16).unwrap_or_default();
    let sum = tag.iter().enumerate().filter(|(at, _)| *at != 4).fold(0_u8, |sum, (_, octet)| sum.wrapping_add(*octet));
    tag.get(4) == Some(&sum) && kinds.contains(&le16(tag, 0))
}

/// Whether a descriptor is where its tag says, and sums up to what it says: systems pass over those that do not.
pub(super) fn is_sound(octets: &Sector, sector: u64) -> bool {
    u64::from(le32(octets, 12)) == sector && has_sum(octets)
}

/// Whether a descriptor sums up to what it says, wherever it is.
pub(super) fn has_sum(octets: &Sector) -> bool {
    let summed = octets.get(16..16 + usize::from(le16(octets, 10)));
    summed.is_some_and(|summed| crc(summed) == le16(octets, 8))
}

/// The sum of ECMA-167 §1/7.2.6: CRC-16 by x¹⁶ + x¹² + x⁵ + 1, from zero.
fn crc(octets: &[u8]) -> u16 {
    octets.iter().fold(0, |crc, octet| {
        (0..8).fold(crc ^ (u16::from(*octet) << 8), |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

/// Kinds of descriptors.
pub(super) const ANCHOR: u16 = 2;
pub(super) const POINTER: u16 = 3;
pub(super) const PARTITION: u16 = 5;
pub(super) const LOGICAL_VOLUME: u16 = 6;
pub(super) const TERMINATOR: u16 = 8;
pub(super) const FILE_SET: u16 = 256;
pub(super) const FILE_IDENTIFIER: u16 = 257;
pub(super) const EXTENTS: u16 = 258;
pub(super) const FILE_ENTRY: u16 = 261;
pub(super) const EXTENDED_FILE_ENTRY: u16 = 266;

#[cfg(test)]
mod tests {
    #[test]
    fn the_sum_is_that_of_the_standard() {
        // ECMA-167 has this one.
        assert_eq!(super::crc(&[0x70, 0x6a, 0x77]), 0x3299);
        assert_eq!(super::crc(b"123456789"), 0x31c3);
    }
}
