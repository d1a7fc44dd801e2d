//! What a UDF volume is, from its anchor to its partitions: where its blocks lie in the image.

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::{UDF_DESCRIPTORS, UDF_VOLUMES};
use crate::source::{le16, le32};

use super::SECTOR;
use super::tag::{ANCHOR, LOGICAL_VOLUME, PARTITION, POINTER, TERMINATOR, descriptor, is_sound};

/// Where a block is: its number, and that of the partition it is in, by the maps of the volume.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) block: u32,
    pub(super) partition: u16,
}

impl Address {
    pub(super) fn read(octets: &[u8], at: usize) -> Self {
        Self { block: le32(octets, at), partition: le16(octets, at + 4) }
    }
}

/// The logical volume.
#[derive(PartialEq, Eq)]
pub(super) struct Volume {
    /// Number, first sector, sectors.
    pub(super) partitions: Vec<(u16, u64, u64)>,
    /// The number of the partition, by its place in the list of maps; `None` for one of a kind that is not read.
    pub(super) maps: Vec<Option<u16>>,
    pub(super) file_set: Address,
    /// Whether nothing is in it that is not read, and nothing said twice or unsoundly.
    pub(super) is_plain: bool,
}

impl Volume {
    /// All that systems may find, and whether there can be no others: each takes the first anchor that it likes of
    /// those that it looks for, and of that one sequence or the other.
    pub(super) fn all<R: Read + Seek>(flow: &Flow<'_, R>) -> Result<(Vec<Self>, bool), Unscanned> {
        let (mut volumes, mut is_sure) = (Vec::new(), true);
        for sector in anchors(flow.source.length() / SECTOR) {
            let Some((_, anchor)) = descriptor(flow, sector * SECTOR, &[ANCHOR])? else { continue };
            is_sure &= is_sound(&anchor, sector);
            // The main sequence, and the one in reserve.
            for at in [16, 24] {
                let (length, sector) = (le32(&anchor, at), u64::from(le32(&anchor, at + 4)));
                let count = (u64::from(length) / SECTOR).min(UDF_DESCRIPTORS);
                let Some(volume) = Self::read(flow, sector, count)? else { continue };
                if !volumes.contains(&volume) && volumes.len() < UDF_VOLUMES {
                    volumes.push(volume);
                } else {
                    is_sure &= volumes.contains(&volume);
                }
            }
        }
        // Of blocks of another size, which this does not read.
        for size in [512, 1_024, 4_096] {
            let anchor = descriptor(flow, 256 * size, &[ANCHOR])?;
            is_sure &= anchor.is_none_or(|(_, anchor)| le32(&anchor, 12) != 256);
        }
        Ok((volumes, is_sure))
    }

    /// From the sequence of descriptors that begins at a sector. Of two of a kind the one with the higher number holds.
    fn read<R: Read + Seek>(flow: &Flow<'_, R>, first: u64, count: u64) -> Result<Option<Self>, Unscanned> {
        let mut partitions: Vec<(u32, (u16, u64, u64))> = Vec::new();
        let mut logical: Option<(u32, Vec<u8>)> = None;
        let mut is_plain = true;
        for sector in first..first + count {
            flow.out.budget.tick()?;
            let kinds = [PARTITION, LOGICAL_VOLUME, POINTER, TERMINATOR];
            let Some((kind, octets)) = descriptor(flow, sector * SECTOR, &kinds)? else { continue };
            is_plain &= is_sound(&octets, sector);
            let number = le32(&octets, 16);
            match kind {
                TERMINATOR => break,
                PARTITION => {
                    let (start, length) = (u64::from(le32(&octets, 188)), u64::from(le32(&octets, 192)));
                    let partition = (le16(&octets, 22), start, length);
                    match partitions.iter_mut().find(|known| known.1.0 == partition.0) {
                        Some(known) => {
                            is_plain &= known.1 == partition;
                            if number >= known.0 {
                                *known = (number, partition);
                            }
                        }
                        None => partitions.push((number, partition)),
                    }
                }
                LOGICAL_VOLUME => {
                    is_plain &= logical.is_none();
                    if logical.as_ref().is_none_or(|known| number >= known.0) {
                        logical = Some((number, octets.to_vec()));
                    }
                }
                // The sequence goes on elsewhere.
                _ => is_plain = false,
            }
        }
        let Some((_, logical)) = logical.filter(|(_, logical)| u64::from(le32(logical, 212)) == SECTOR) else {
            return Ok(None);
        };
        let mut maps = Vec::new();
        let mut at = 440;
        for _ in 0..le32(&logical, 268) {
            let Some((&kind, &length)) = logical.get(at).zip(logical.get(at + 1)) else { break };
            let identifier = logical.get(at + 5..at + 28).unwrap_or_default();
            maps.push(match (kind, length) {
                (1, 6) => Some(le16(&logical, at + 4)),
                // Blocks that went bad lie elsewhere; on an image none has.
                (2, 64) if identifier.starts_with(b"*UDF Sparable Partition") => Some(le16(&logical, at + 38)),
                _ => None,
            });
            at += usize::from(length.max(2));
        }
        is_plain &= maps.iter().all(Option::is_some);
        let partitions = partitions.into_iter().map(|(_, partition)| partition).collect();
        Ok(Some(Self { partitions, maps, file_set: Address::read(&logical, 248 + 4), is_plain }))
    }

    /// The position in the image.
    pub(super) fn at(&self, address: Address) -> Option<u64> {
        let number = (*self.maps.get(usize::from(address.partition))?)?;
        let (_, start, length) = self.partitions.iter().find(|partition| partition.0 == number)?;
        let block = u64::from(address.block);
        (block < *length).then(|| (start + block).saturating_mul(SECTOR))
    }
}

/// Where systems look for an anchor, of an image of so many sectors: ECMA-167 §3/8.4.2.1 has three places, and Linux
/// tries those around them, for drives that count wrongly.
fn anchors(sectors: u64) -> Vec<u64> {
    let ends = [1, 2, 3, 151, 153].into_iter().filter_map(|back| sectors.checked_sub(back));
    let ends = ends.chain([sectors]).flat_map(|end| [Some(end), end.checked_sub(256)]).flatten();
    let mut anchors: Vec<_> = [256, 512].into_iter().chain(ends).collect();
    anchors.sort_unstable();
    anchors.dedup();
    anchors
}
