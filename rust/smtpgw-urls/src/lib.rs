#![no_std]
#![forbid(unsafe_code)]
//! What may be a URL in text and in HTML, in every spelling that a mail program would make a link of, and some more.
//!
//! ```text
//!   text ──┬──────────────► attributes ──► values with a scheme, or relative to a base ─┐
//!          ├─► as it stands ─────┬─► schemed ──► scheme://… ───────────────────────────┤
//!          └─► references ───────┤                                                     ├─► Found: each once
//!              resolved          └─► hosts ──► host.name/… ────────────────────────────┘
//!              (both again without invisible characters, and with escapes of scripts and styles resolved)
//! ```
//!
//! Not a parser of HTML: whatever a tag looks like, the values of its attributes are looked at with character
//! references resolved, and so is all the rest of the text: styles, scripts, comments. A program that reads a broken
//! page in some way of its own finds no URL that was not found here. Nothing is executed, so that what a script puts
//! together stays unseen.
//!
//! Whether a candidate leads anywhere, and to which place, is for whoever asks: here are only searched octets. Time is
//! linear in the text, and so is memory.

extern crate alloc;

mod attributes;
mod base;
mod carried;
mod escape;
mod found;
mod hosts;
mod letters;
mod limits;
mod page;
mod plain;
mod reference;
mod schemed;
#[cfg(test)]
mod tests;

use alloc::borrow::Cow;

pub use carried::carried;
pub use found::{Found, TooMany};
pub use limits::BASES;
pub use page::may_hold_page;
pub use plain::{and_above, plainly_leads};
pub use reference::resolved;

use found::Finds;

/// What may be a URL in `text`, each once.
///
/// # Errors
///
/// [`TooMany`] if there are more than `at_most`, or more than [`BASES`] places that relative ones start from: what was
/// not looked at must not pass as clean.
pub fn find(text: &str, at_most: usize) -> Result<Found, TooMany> {
    find_wanted(text, at_most, &|_| true)
}

/// As [`find`], of candidates only those that are `wanted`. The others do not count.
///
/// # Errors
///
/// See [`find`].
pub fn find_wanted(text: &str, at_most: usize, wanted: &dyn Fn(&str) -> bool) -> Result<Found, TooMany> {
    let mut finds = Finds::new(at_most, wanted);
    if memchr::memchr(b'<', text.as_bytes()).is_some() {
        base::bases(text, &mut finds)?;
        attributes::values(text, &mut finds)?;
    }
    in_reading(text, &mut finds)?;
    let reading = resolved(text);
    if let Cow::Owned(reading) = &reading {
        in_reading(reading, &mut finds)?;
    }
    if memchr::memchr(b'\\', text.as_bytes()).is_some() || matches!(&reading, Cow::Owned(text) if text.contains('\\')) {
        escape::readings(&reading, |text| in_reading(text, &mut finds))?;
    }
    finds.done()
}

/// In running text: a reading as it stands, and what a screen shows of it.
fn in_reading(text: &str, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    in_text(text, finds)?;
    if let Some(visible) = letters::visible(text) {
        in_text(&visible, finds)?;
    }
    Ok(())
}

fn in_text(text: &str, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let taken = schemed::find(text, finds)?;
    hosts::find(text, &taken, finds)
}
