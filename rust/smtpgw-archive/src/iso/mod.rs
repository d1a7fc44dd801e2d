//! Disk images by ISO 9660 (ECMA-119), with the names of Joliet and of Rock Ridge, and by UDF (ECMA-167).
//!
//! An image may have several trees of names, and each system shows the one that it likes best: UDF, then Joliet. The
//! one with the best names is handed out first; a file that another tree has and none before, in its octets or in what
//! kind its name says it is, is handed out as well.

mod record;
mod tag;
mod udf;
mod volume;

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::{ISO_CONTINUATIONS, ISO_DESCRIPTORS, ISO_FOLDER};
use crate::source::le32;

use record::Record;

/// Whether one of the sectors that tell what is on a volume stands where systems look for one. None may be in front of
/// the first: Linux passes over what it does not know.
pub(crate) fn is_image(head: &[u8]) -> bool {
    let sectors = head.chunks(SECTOR as usize).skip(FIRST as usize).take(ISO_DESCRIPTORS as usize);
    sectors.map(Mark::of).any(|mark| matches!(mark, Mark::Iso | Mark::Udf | Mark::UdfBegins | Mark::HighSierra))
}

/// What a sector of those says (ECMA-119 §8.1.2, ECMA-167 §2/9.1.2).
enum Mark {
    Iso,
    /// Of UDF the one that counts.
    Udf,
    UdfBegins,
    /// What came before ISO 9660, which Linux still opens.
    HighSierra,
    /// It belongs to the list and says nothing.
    Passed,
    Unknown,
}

impl Mark {
    fn of(sector: &[u8]) -> Self {
        match sector.get(1..6).unwrap_or_default() {
            b"CD001" => Self::Iso,
            b"NSR02" | b"NSR03" => Self::Udf,
            b"BEA01" => Self::UdfBegins,
            b"TEA01" | b"BOOT2" | b"CDW02" => Self::Passed,
            _ if sector.get(9..14) == Some(b"CDROM") => Self::HighSierra,
            _ => Self::Unknown,
        }
    }
}

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let mut trees: Vec<Tree> = Vec::new();
    let (mut has_udf, mut has_old, mut has_end, mut has_gap, mut goes_on) = (false, false, false, false, true);
    for number in FIRST..FIRST + ISO_DESCRIPTORS {
        let descriptor = flow.source.array_at::<2048>(number * SECTOR)?;
        let Some(descriptor) = descriptor else {
            goes_on = false;
            break;
        };
        match Mark::of(&descriptor) {
            Mark::Iso if descriptor[0] == 255 => has_end = true,
            Mark::Iso if matches!(descriptor[0], 1 | 2) => trees.extend(Tree::read(&descriptor)),
            Mark::Iso | Mark::UdfBegins | Mark::Passed => {}
            Mark::Udf => has_udf = true,
            Mark::HighSierra => has_old = true,
            Mark::Unknown if has_end || has_udf || has_old => {
                goes_on = false;
                break;
            }
            Mark::Unknown => has_gap = true,
        }
    }
    if has_old {
        return Err(Unscanned::Unhandled);
    }
    if trees.is_empty() && !has_udf {
        return Err(Unscanned::Corrupted);
    }
    // Joliet first.
    trees.sort_by_key(|tree| !tree.is_joliet);
    // Behind as many as are read there may be one more.
    let is_damaged = (!has_end && !trees.is_empty()) || has_gap || goes_on;
    let mut walk = Walk { is_damaged, ..Walk::default() };
    let is_understood = !has_udf || udf::walk(&mut flow, &mut walk)?;
    for tree in &trees {
        walk.is_damaged |= tree.size > flow.source.length();
        walk.tree(&mut flow, tree)?;
        walk.next_tree();
    }
    match (is_understood, walk.is_damaged) {
        (false, _) => Err(Unscanned::Unhandled),
        (true, true) => Err(Unscanned::PartiallyCorrupted),
        (true, false) => Ok(()),
    }
}

/// One tree of names.
struct Tree {
    root: Record,
    is_joliet: bool,
    /// Octets that the volume says it has.
    size: u64,
}

impl Tree {
    /// By a volume descriptor.
    fn read(descriptor: &[u8; 2048]) -> Option<Self> {
        let is_joliet = descriptor[0] == 2 && matches!(&descriptor[88..91], b"%/@" | b"%/C" | b"%/E");
        let size = u64::from(le32(descriptor, 80)).saturating_mul(SECTOR);
        Record::read(&descriptor[156..190], false).map(|root| Self { root, is_joliet, size })
    }
}

/// What has been seen of an image.
#[derive(Default)]
struct Walk {
    /// Files of the trees before.
    seen: HashSet<Seen>,
    /// Those of this tree: one may stand in it under several names, which all count.
    of_tree: Vec<Seen>,
    /// Nobody who makes an image knows which files have the same sum.
    sums: RandomState,
    /// Folders of this tree, so that circles end. Another may begin at the same sector and go on for longer.
    folders: HashSet<u64>,
    is_damaged: bool,
}

/// The sum of what makes a file another one: where its octets are, which may be any number of places, and how its name
/// ends.
type Seen = u64;

impl Walk {
    /// Whether no tree before has such a file.
    fn is_new(&mut self, pieces: &[(u64, u64)], name: &str) -> bool {
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for &(start, length) in pieces.iter().filter(|piece| piece.1 > 0) {
            match joined.last_mut().filter(|last| last.0 + last.1 == start) {
                Some(last) => last.1 += length,
                None => joined.push((start, length)),
            }
        }
        let kind = name.rsplit(['.', '/']).next().unwrap_or_default().to_lowercase();
        let kind = if name.rsplit('/').next().is_some_and(|name| name.contains('.')) { kind } else { String::new() };
        let seen = self.sums.hash_one((joined, kind));
        let is_new = !self.seen.contains(&seen);
        if is_new {
            self.of_tree.push(seen);
        }
        is_new
    }

    /// Another tree begins.
    fn next_tree(&mut self) {
        self.seen.extend(self.of_tree.drain(..));
        self.folders.clear();
    }

    /// Hands out the files of a tree that no tree before has.
    fn tree<R: Read + Seek>(&mut self, flow: &mut Flow<'_, R>, tree: &Tree) -> Result<(), Unscanned> {
        let mut waiting = VecDeque::from([(tree.root.start, tree.root.size, String::new())]);
        while let Some((start, size, path)) = waiting.pop_front() {
            flow.out.budget.begin_member()?;
            if !self.folders.insert(start) {
                // It holds itself, or is in two others.
                self.is_damaged = true;
                continue;
            }
            let Some(octets) = flow.text(start, size, ISO_FOLDER)? else {
                self.is_damaged = true;
                continue;
            };
            let mut records = self.records(&octets, tree.is_joliet, flow)?.into_iter().peekable();
            while let Some(record) = records.next() {
                let name = format!("{path}{}", record.name);
                if record.is_folder {
                    // Depth is the sender's choice, and each level makes the path longer.
                    let path = if name.len() < PATH { format!("{name}/") } else { "…/".to_owned() };
                    waiting.push_back((record.start, record.size, path));
                    continue;
                }
                let mut pieces = vec![(record.start, record.size)];
                let mut goes_on = record.goes_on;
                while goes_on {
                    let Some(more) = records.next_if(|more| more.name == record.name) else {
                        self.is_damaged = true;
                        break;
                    };
                    pieces.push((more.start, more.size));
                    goes_on = more.goes_on;
                }
                if self.is_new(&pieces, &name) {
                    let remark =
                        if record.is_interleaved || record.is_packed { Err(Unscanned::Unhandled) } else { Ok(()) };
                    file(flow, &name, &pieces, remark)?;
                }
            }
        }
        Ok(())
    }

    /// Reads the fields of a record that stand elsewhere.
    fn go_on<R: Read + Seek>(&mut self, record: &mut Record, flow: &mut Flow<'_, R>) -> Result<(), Unscanned> {
        for _ in 0..ISO_CONTINUATIONS {
            let Some((start, length)) = record.continues else { return Ok(()) };
            flow.out.budget.tick()?;
            let Some(fields) = flow.text(start, length, SECTOR)? else { break };
            record.apply(&fields);
        }
        self.is_damaged |= record.continues.is_some();
        Ok(())
    }

    /// The records of a folder. None crosses the end of a sector.
    fn records<R: Read + Seek>(
        &mut self,
        octets: &[u8],
        is_joliet: bool,
        flow: &mut Flow<'_, R>,
    ) -> Result<Vec<Record>, Unscanned> {
        let mut records = Vec::new();
        for sector in octets.chunks(2048) {
            let mut rest = sector;
            while let Some(&length) = rest.first().filter(|&&length| length > 0) {
                let Some((record, behind)) = rest.split_at_checked(length.into()) else {
                    self.is_damaged = true;
                    break;
                };
                rest = behind;
                match Record::read(record, is_joliet) {
                    Some(record) if record.is_self => {}
                    Some(mut record) => {
                        self.go_on(&mut record, flow)?;
                        records.push(record);
                    }
                    None => self.is_damaged = true,
                }
                if flow.out.budget.exceeds_members(records.len()) {
                    return Err(Unscanned::FilesLimit);
                }
            }
        }
        Ok(records)
    }
}

/// Hands out one file.
fn file<R: Read + Seek>(
    flow: &mut Flow<'_, R>,
    name: &str,
    pieces: &[(u64, u64)],
    remark: Result<(), Unscanned>,
) -> Result<(), Unscanned> {
    let whole = pieces.iter().map(|(_, size)| size).sum();
    flow.out.begin(name.as_bytes(), Some(whole))?;
    let mut outcome = remark;
    for (start, size) in pieces {
        match flow.copy_of(*start, *size, whole) {
            Ok(()) => {}
            Err(reason) => {
                outcome = Err(reason);
                break;
            }
        }
    }
    flow.out.end(outcome)
}

/// The sector that the list of what is on a volume begins with; those before are free.
const FIRST: u64 = 16;

/// Octets of a sector.
const SECTOR: u64 = 2048;

/// Octets of a path that are kept in full.
const PATH: usize = 1_024;
