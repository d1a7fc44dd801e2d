//! OLE compound files (MS-CFB): old Office documents, `.msg` messages, installers, embedded objects.
//!
//! Every stream is a member, by the path of its storages; so are streams that no storage leads to, which is damage.
//! What people know as files inside is shown under the name they know:
//!
//! - the data of an attachment of a `.msg` (MS-OXMSG §2.2.2) has the attachment's file name;
//! - a packaged file (`Ole10Native`) comes out once more, without its wrapping, under its own name.
//!
//! A document that says that it is encrypted is `Encrypted`. A VBA project is the fact
//! [`Fact::Macros`]. The tables cost four octets for each sector that the file really has, and no chain is followed for
//! longer than there are sectors.

mod directory;
mod encrypted;
mod native;
mod sectors;

use std::borrow::Cow;
use std::io::{Read, Seek};

use crate::flow::{CHUNK, Out};
use crate::member::{display_name, other_name};
use crate::source::Source;
use crate::{Budget, Fact, Members, Unscanned};

use directory::{Directory, Entry};
pub(crate) use native::Native;
use sectors::Sectors;

pub(crate) fn unpack<R: Read + Seek>(
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let mut out = Out::new(budget, members, source.length());
    let sectors = Sectors::read(&source, &out)?;
    let directory = Directory::read(&sectors, &mut out)?;
    if directory.has_macros() {
        out.fact(Fact::Macros);
    }
    let mini = sectors.mini(directory.root());
    let mut unpacking = Unpacking { sectors: &sectors, mini: &mini, buffer: vec![0; CHUNK], is_encrypted: false };
    for entry in directory.streams() {
        unpacking.stream(&mut out, &directory, entry)?;
    }
    match (unpacking.is_encrypted, directory.is_damaged || sectors.is_damaged || mini.is_damaged) {
        (true, _) => Err(Unscanned::Encrypted),
        (false, true) => Err(Unscanned::PartiallyCorrupted),
        (false, false) => Ok(()),
    }
}

/// What unpacking needs, made once.
struct Unpacking<'a, R> {
    sectors: &'a Sectors<'a, R>,
    mini: &'a sectors::Mini,
    buffer: Vec<u8>,
    is_encrypted: bool,
}

impl<R: Read + Seek> Unpacking<'_, R> {
    /// Hands out one stream. An error ends all unpacking.
    fn stream(&mut self, out: &mut Out<'_>, directory: &Directory, entry: &Entry) -> Result<(), Unscanned> {
        let is = |name: &str| entry.name.eq_ignore_ascii_case(name);
        self.is_encrypted |= encrypted::is(self.sectors, self.mini, entry)?;
        let mut names = self.attachment_names(directory, entry)?.into_iter();
        let name = match names.next() {
            Some(name) => {
                other_name(&name, names).into_iter().for_each(|other| out.also(other));
                format!("{}{name}", entry.folder())
            }
            None => entry.path.clone(),
        };
        out.begin_shown(display_name(&name), entry.path.as_bytes(), Some(entry.size))?;
        let outcome =
            self.sectors.each(self.mini, entry, 0, entry.size, &mut self.buffer, |octets| out.give(octets, entry.size));
        out.end(outcome)?;
        if is("\u{1}Ole10Native")
            && let Some(native) = native::find(self.sectors, self.mini, entry)?
        {
            let name = format!("{}{}", entry.folder(), native.name);
            out.begin_shown(display_name(&name), name.as_bytes(), Some(native.size))?;
            let outcome = self.sectors.each(self.mini, entry, native.start, native.size, &mut self.buffer, |octets| {
                out.give(octets, entry.size)
            });
            out.end(outcome)?;
        }
        Ok(())
    }

    /// The file names of the attachment whose data the stream is: the long one, the short one, the one for people.
    fn attachment_names(&self, directory: &Directory, entry: &Entry) -> Result<Vec<String>, Unscanned> {
        let mut names = Vec::new();
        if !entry.name.eq_ignore_ascii_case("__substg1.0_37010102") {
            return Ok(names);
        }
        for property in ["3707001F", "3707001E", "3704001F", "3704001E", "3001001F", "3001001E"] {
            let name = format!("__substg1.0_{property}");
            let Some(named) = directory.sibling(entry, &name) else { continue };
            let octets = self.sectors.head(self.mini, named, NAME)?;
            let text = if property.ends_with('F') {
                let units = octets.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
                Cow::Owned(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
            } else {
                String::from_utf8_lossy(&octets)
            };
            let text = text.trim_end_matches('\0');
            if !text.is_empty() {
                names.push(text.to_owned());
            }
        }
        Ok(names)
    }
}

/// Octets of an attachment's name that are read.
const NAME: usize = 1_024;
