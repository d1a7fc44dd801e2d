//! The directory of a compound file (MS-CFB §2.6): a tree of storages, whose siblings form a tree each.
//!
//! It is walked with a list of what is left to do, each entry once, so that circles end.

use std::collections::HashMap;
use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Out;
use crate::source::{le16, le32, le64};

use super::sectors::Sectors;

/// One storage or stream.
pub(super) struct Entry {
    pub(super) name: String,
    /// The names of its storages and its own, with `/` between.
    pub(super) path: String,
    pub(super) start: u32,
    pub(super) size: u64,
    kind: u8,
    left: u32,
    right: u32,
    child: u32,
    is_reached: bool,
}

impl Entry {
    /// Its path without its own name.
    pub(super) fn folder(&self) -> &str {
        self.path.strip_suffix(self.name.as_str()).unwrap_or("")
    }
}

/// All entries.
pub(super) struct Directory {
    entries: Vec<Entry>,
    /// Entries by their path in lower case; of two the last.
    by_path: HashMap<String, usize>,
    pub(super) is_damaged: bool,
}

impl Directory {
    pub(super) fn read<R: Read + Seek>(sectors: &Sectors<'_, R>, out: &mut Out<'_>) -> Result<Self, Unscanned> {
        let mut directory = Self { entries: Vec::new(), by_path: HashMap::new(), is_damaged: false };
        let mut buffer = [0; 4096];
        let (chain, ends) = sectors.chain(sectors.directory, usize::MAX);
        directory.is_damaged = !ends;
        for sector in chain {
            out.budget.tick()?;
            let octets = sectors.sector(sector, &mut buffer)?;
            for entry in octets.chunks_exact(ENTRY) {
                directory.entries.push(Entry::read(entry, sectors.is_short));
            }
            // Free ones count as well: they cost the same.
            if out.budget.exceeds_members(directory.entries.len()) {
                return Err(Unscanned::FilesLimit);
            }
        }
        if directory.root().is_none() {
            return Err(Unscanned::Corrupted);
        }
        directory.name_all();
        Ok(directory)
    }

    /// The root storage.
    pub(super) fn root(&self) -> Option<&Entry> {
        self.entries.first().filter(|entry| entry.kind == ROOT)
    }

    /// All streams, in the order of the directory.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.kind == STREAM)
    }

    /// The stream of the given name in the same storage.
    pub(super) fn sibling(&self, entry: &Entry, name: &str) -> Option<&Entry> {
        let path = format!("{}{name}", entry.folder()).to_lowercase();
        self.by_path.get(&path).and_then(|id| self.entries.get(*id)).filter(|entry| entry.kind == STREAM)
    }

    /// Whether there is a VBA project (MS-OVBA §2.2.1): the stream with its description, in the storage of that name.
    pub(super) fn has_macros(&self) -> bool {
        self.streams().any(|entry| {
            let folder = entry.folder().trim_end_matches('/');
            let storage = folder.rsplit('/').next().unwrap_or(folder);
            storage.eq_ignore_ascii_case("VBA")
                && ["dir", "_VBA_PROJECT"].iter().any(|name| entry.name.eq_ignore_ascii_case(name))
        })
    }

    /// Gives every entry its path. A stream that no storage leads to is damage.
    fn name_all(&mut self) {
        let mut waiting = vec![(self.entries.first().map_or(NONE, |root| root.child), String::new())];
        while let Some((id, folder)) = waiting.pop() {
            if id == NONE {
                continue;
            }
            let entry =
                usize::try_from(id).ok().and_then(|id| self.entries.get_mut(id)).filter(|entry| !entry.is_reached);
            let Some(entry) = entry else {
                self.is_damaged = true;
                continue;
            };
            entry.is_reached = true;
            // Names of 31 characters on each level: a path is as long as the tree is deep, so it has a limit.
            entry.path =
                if folder.len() < PATH { format!("{folder}{}", entry.name) } else { format!("…/{}", entry.name) };
            if entry.kind == STORAGE {
                waiting.push((entry.child, format!("{}/", entry.path)));
            }
            waiting.push((entry.left, folder.clone()));
            waiting.push((entry.right, folder));
        }
        let paths = self.entries.iter().enumerate().map(|(id, entry)| (entry.path.to_lowercase(), id));
        self.by_path = paths.collect();
        self.is_damaged |= self.entries.iter().any(|entry| entry.kind == STREAM && !entry.is_reached);
    }
}

impl Entry {
    fn read(octets: &[u8], is_short: bool) -> Self {
        // The length counts the zero at the end.
        let length = usize::from(le16(octets, 64)).clamp(2, 64) - 2;
        let units = (0..length / 2).map(|n| le16(octets, 2 * n));
        let name: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        let size = if is_short { u64::from(le32(octets, 120)) } else { le64(octets, 120) };
        Self {
            path: name.clone(),
            name,
            start: le32(octets, 116),
            size,
            kind: octets.get(66).copied().unwrap_or(0),
            left: le32(octets, 68),
            right: le32(octets, 72),
            child: le32(octets, 76),
            is_reached: false,
        }
    }
}

/// Octets of an entry.
const ENTRY: usize = 128;

const STORAGE: u8 = 1;
const STREAM: u8 = 2;
const ROOT: u8 = 5;

/// No entry.
const NONE: u32 = u32::MAX;

/// Octets of a path that are kept in full.
const PATH: usize = 1_024;
