//! Files that stand in a text, which a program makes files again: a page that saves what its script holds ("HTML
//! smuggling"), a calendar with an attachment, an address card with a photo, a program in the armour of a certificate.
//!
//! | what stands in the text                              | what comes out                                      |
//! |------------------------------------------------------|-----------------------------------------------------|
//! | a `data:` URL (RFC 2397) with base64                 | its octets                                          |
//! | one with percent codes                               | likewise; without codes it stands in the open       |
//! | a value of iCalendar or vCard with base64            | its octets (RFC 5545 §3.2.7, RFC 2426 §2.4.1)       |
//! | base64, or a long row of hexadecimal digits, in      | its octets, if it is long or they make sense        |
//! | quotes, or alone between two tags                    |                                                     |
//! | armour (RFC 7468)                                    | its octets, if they are no DER                      |
//!
//! Quoted pieces that a script joins (`"…" + "…"`, `["…", "…"]`, `a += "…"`) are one. What type the text is said to be
//! of does not matter, nor that of a `data:` URL. Base64 is read as browsers read it, and more: blanks in it, no
//! padding, either alphabet, percent codes, references of HTML and escapes of scripts. The text may be UTF-16.
//!
//! One pass, in which octets come out as they are met; only a short beginning of each piece is kept, until it is known
//! whether it is one. Nothing here is damage: where a piece ends, it ends. What a script computes in any other way is
//! not found.

mod characters;
mod code;
mod finder;
mod marks;
mod names;
mod run;
mod sense;

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::{CHUNK, Flow};

use finder::Finder;
use names::Names;

pub(crate) use marks::holds_files;

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let mut finder = Finder::new(Names::read(&flow)?, flow.source.length());
    let outcome = look_through(&mut flow, &mut finder);
    finder.finish(&mut flow.out, outcome).and(outcome)
}

fn look_through<R: Read + Seek>(flow: &mut Flow<'_, R>, finder: &mut Finder) -> Result<(), Unscanned> {
    let (mut at, mut window) = (0, vec![0; CHUNK + characters::AHEAD]);
    loop {
        flow.out.budget.tick()?;
        let octets = flow.source.read_at(at, &mut window)?;
        let is_last = octets.len() < CHUNK + characters::AHEAD;
        let until = if is_last { octets.len() } else { CHUNK };
        let mut next = 0;
        while next < until {
            let (octet, taken) = characters::next(octets.get(next..).unwrap_or_default());
            if let Some(octet) = octet {
                finder.take(octet, at + next as u64, &mut flow.out)?;
            }
            next += taken.max(1);
        }
        if is_last {
            return Ok(());
        }
        at += next as u64;
    }
}
