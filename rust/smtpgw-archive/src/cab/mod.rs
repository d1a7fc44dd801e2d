//! Microsoft's cabinets (MS-CAB): stored, MSZIP and LZX folders. Quantum, which nothing has written for twenty years,
//! is `Unhandled`.
//!
//! A folder is one stream of octets cut into blocks, and a file is a stretch of it. Files are handed out in the order
//! of their stretches, so a folder is unpacked once; where stretches overlap, once more for each that begins too early,
//! within what may be unpacked for nobody. Files that go on in another cabinet are `Multipart`.

mod blocks;

use std::io::{Read, Seek};

use crate::decoder::reason_of;
use crate::flow::{CHUNK, Dropped, Out, guarded};
use crate::limits::CAB_FOLDERS;
use crate::member::display_name;
use crate::packed::Watch;
use crate::source::{Source, le16, le32};
use crate::{Budget, Members, Unscanned};

use blocks::{Blocks, Packing};

pub(crate) fn unpack<R: Read + Seek>(
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let watch = budget.watch();
    let mut out = Out::new(budget, members, source.length());
    let header = Header::read(&source)?;
    let folders = header.folders(&source)?;
    let (mut files, mut is_damaged) = header.files(&source, &out)?;
    is_damaged |= header.size > source.length();
    files.sort_by_key(|file| (file.folder, file.offset));
    let mut unpacking =
        Unpacking { source: &source, watch: &watch, buffer: vec![0; CHUNK], dropped: Dropped::default() };
    let mut has_volumes = header.has_neighbours;
    for group in files.chunk_by(|one, other| one.folder == other.folder) {
        let number = group.first().map_or(0, |file| file.folder);
        if number >= FROM_BEFORE {
            has_volumes = true;
        }
        match folders.get(usize::from(number)) {
            Some(folder) => unpacking.folder(&mut out, folder, group)?,
            None => {
                let reason = if number >= FROM_BEFORE { Unscanned::Multipart } else { Unscanned::Corrupted };
                is_damaged |= number < FROM_BEFORE;
                for file in group {
                    file.begin(&mut out)?;
                    out.end(Err(reason))?;
                }
            }
        }
    }
    match (has_volumes, is_damaged) {
        (true, _) => Err(Unscanned::Multipart),
        (false, true) => Err(Unscanned::PartiallyCorrupted),
        (false, false) => Ok(()),
    }
}

/// What stands at the beginning.
struct Header {
    /// Octets that the cabinet says it has.
    size: u64,
    folders: u16,
    files: u16,
    /// Where the folders and the files are listed.
    folders_at: u64,
    files_at: u64,
    /// Octets that each folder and each block keeps free.
    folder_reserve: u64,
    block_reserve: u64,
    /// Whether it says that another cabinet comes before or behind it.
    has_neighbours: bool,
}

/// A stream of octets.
struct Folder {
    at: u64,
    blocks: u16,
    packing: Result<Packing, Unscanned>,
    block_reserve: u64,
}

/// A stretch of a folder.
struct File {
    name: Vec<u8>,
    offset: u64,
    size: u64,
    folder: u16,
}

impl Header {
    fn read<R: Read + Seek>(source: &Source<R>) -> Result<Self, Unscanned> {
        let fixed = source.array_at::<36>(0)?.ok_or(Unscanned::Corrupted)?;
        let flags = le16(&fixed, 30);
        let mut at = 36;
        let (mut folder_reserve, mut block_reserve) = (0, 0);
        if flags & HAS_RESERVE != 0 {
            let reserve = source.array_at::<4>(at)?.ok_or(Unscanned::Corrupted)?;
            at += 4 + u64::from(le16(&reserve, 0));
            (folder_reserve, block_reserve) = (u64::from(reserve[2]), u64::from(reserve[3]));
        }
        // The names of the cabinet and of the disk, of each neighbour.
        for _ in 0..2 * (flags & (HAS_BEFORE | HAS_BEHIND)).count_ones() {
            let (_, end) = name_at(source, at)?.ok_or(Unscanned::Corrupted)?;
            at = end;
        }
        Ok(Self {
            size: u64::from(le32(&fixed, 8)),
            folders: le16(&fixed, 26),
            files: le16(&fixed, 28),
            folders_at: at,
            files_at: u64::from(le32(&fixed, 16)),
            folder_reserve,
            block_reserve,
            has_neighbours: flags & (HAS_BEFORE | HAS_BEHIND) != 0,
        })
    }

    fn folders<R: Read + Seek>(&self, source: &Source<R>) -> Result<Vec<Folder>, Unscanned> {
        if self.folders > CAB_FOLDERS {
            return Err(Unscanned::FilesLimit);
        }
        let mut folders = Vec::new();
        for n in 0..u64::from(self.folders) {
            let Some(fixed) = source.array_at::<8>(self.folders_at + n * (8 + self.folder_reserve))? else { break };
            folders.push(Folder {
                at: u64::from(le32(&fixed, 0)),
                blocks: le16(&fixed, 4),
                packing: Packing::of(le16(&fixed, 6)),
                block_reserve: self.block_reserve,
            });
        }
        Ok(folders)
    }

    /// The files, and whether the list of them is damaged.
    fn files<R: Read + Seek>(&self, source: &Source<R>, out: &Out<'_>) -> Result<(Vec<File>, bool), Unscanned> {
        if out.budget.exceeds_members(self.files.into()) {
            return Err(Unscanned::FilesLimit);
        }
        let mut files = Vec::new();
        let mut at = self.files_at;
        for _ in 0..self.files {
            out.budget.tick()?;
            let Some(fixed) = source.array_at::<16>(at)? else { return Ok((files, true)) };
            let Some((name, end)) = name_at(source, at + 16)? else { return Ok((files, true)) };
            at = end;
            files.push(File {
                name,
                size: u64::from(le32(&fixed, 0)),
                offset: u64::from(le32(&fixed, 4)),
                folder: le16(&fixed, 8),
            });
        }
        Ok((files, false))
    }
}

/// The name that stands at a position, and where it ends; `None` where it does not end.
fn name_at<R: Read + Seek>(source: &Source<R>, at: u64) -> Result<Option<(Vec<u8>, u64)>, Unscanned> {
    let mut buffer = [0; 257];
    let octets = source.read_at(at, &mut buffer)?;
    Ok(memchr::memchr(0, octets).map(|end| (octets[..end].to_vec(), at + end as u64 + 1)))
}

impl File {
    /// The member begins. Names are UTF-8 or of some old code page, whatever the attribute for it says.
    fn begin(&self, out: &mut Out<'_>) -> Result<(), Unscanned> {
        let name = String::from_utf8_lossy(&self.name);
        out.begin_shown(display_name(&name), &self.name, Some(self.size))
    }
}

/// What unpacking needs, made once.
struct Unpacking<'a, R> {
    source: &'a Source<R>,
    watch: &'a Watch,
    buffer: Vec<u8>,
    dropped: Dropped,
}

impl<R: Read + Seek> Unpacking<'_, R> {
    /// Hands out the files of one folder. An error ends all unpacking.
    fn folder(&mut self, out: &mut Out<'_>, folder: &Folder, files: &[File]) -> Result<(), Unscanned> {
        let (source, watch) = (self.source, self.watch);
        let open = || {
            folder
                .packing
                .map(|packing| Blocks::new(source, watch, packing, folder.at, folder.blocks, folder.block_reserve))
        };
        let mut blocks = open();
        // Where the blocks are, in octets that came out.
        let mut position = 0;
        for file in files {
            file.begin(out)?;
            if file.offset < position {
                (blocks, position) = (open(), 0);
            }
            let mut left = file.size;
            let outcome = match &mut blocks {
                Ok(blocks) => {
                    let gap = file.offset - position;
                    self.drop(out, blocks, gap).and_then(|()| {
                        position = file.offset;
                        let packed = source.length();
                        let outcome = out.drain_some(blocks, watch, &mut self.buffer, packed, &mut left);
                        position += file.size - left;
                        // A sum that is wrong is told behind the octets.
                        match outcome {
                            Err(Unscanned::PartiallyCorrupted) if blocks.goes_on() => Err(Unscanned::Multipart),
                            Ok(()) if blocks.is_damaged() => Err(Unscanned::PartiallyCorrupted),
                            outcome => outcome,
                        }
                    })
                }
                Err(reason) => Err(*reason),
            };
            out.end(outcome)?;
            if let Err(reason @ (Unscanned::Corrupted | Unscanned::PartiallyCorrupted | Unscanned::Multipart)) = outcome
                && left > 0
            {
                // There is nothing behind the damage.
                let reason = if reason == Unscanned::Multipart { reason } else { Unscanned::Corrupted };
                blocks = Err(reason);
            }
        }
        Ok(())
    }

    /// Unpacks so many octets for nobody. Where they are not there, the blocks say why.
    fn drop(&mut self, out: &Out<'_>, blocks: &mut Blocks<'_, R>, octets: u64) -> Result<(), Unscanned> {
        match self.dropped.skip(out, blocks, octets, self.watch, &mut self.buffer) {
            Err(Unscanned::Corrupted) => {
                let again = guarded(|| blocks.read(&mut [0]));
                Err(self.watch.trouble().unwrap_or(again.err().map_or(Unscanned::Corrupted, |error| reason_of(&error))))
            }
            outcome => outcome,
        }
    }
}

const HAS_BEFORE: u16 = 1;
const HAS_BEHIND: u16 = 2;
const HAS_RESERVE: u16 = 4;

/// Folder numbers from here on mean that the file comes from the cabinet before, goes on in the next one, or both.
const FROM_BEFORE: u16 = 0xfffd;
