//! A list of MAPI properties as TNEF writes it (MS-OXTNEF §2.1.3.4): how many, then type, number, and values, each
//! padded to four octets.

use std::io::{Read, Seek};

use super::Place;
use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::TNEF_NAME;
use crate::source::{le16, le32};

/// One value of one property.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) id: u16,
    kind: u16,
    pub(super) place: Place,
}

impl Value {
    /// As text in UTF-8, if it is a name's length.
    pub(super) fn text<R: Read + Seek>(self, flow: &mut Flow<'_, R>) -> Result<Option<Vec<u8>>, Unscanned> {
        let text = flow.text(self.place.start, self.place.length, TNEF_NAME)?;
        Ok(text.map(|text| {
            if self.kind != UNICODE {
                return text;
            }
            let units = text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
            let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
            letters.take_while(|&letter| letter != '\0').collect::<String>().into_bytes()
        }))
    }

    /// Of an object what stands behind the identifier of its class.
    pub(super) fn object(self) -> Place {
        let skipped = if self.kind == OBJECT { 16.min(self.place.length) } else { 0 };
        Place { start: self.place.start + skipped, length: self.place.length - skipped }
    }
}

/// Takes the values of a list.
pub(super) type Take<'t, R> = &'t mut dyn FnMut(&mut Flow<'_, R>, Value) -> Result<(), Unscanned>;

/// Calls `take` for each value in the list at `place`; whether all of the list could be read.
pub(super) fn walk<R: Read + Seek>(flow: &mut Flow<'_, R>, place: Place, take: Take<'_, R>) -> Result<bool, Unscanned> {
    let end = place.end().min(flow.source.length());
    let Some(count) = flow.source.array_at::<4>(place.start)? else { return Ok(false) };
    let mut at = place.start + 4;
    // Each takes eight octets at least, so that a count that lies costs nothing.
    for _ in 0..le32(&count, 0) {
        flow.out.budget.tick()?;
        let Some(head) = flow.source.array_at::<4>(at)?.filter(|_| at < end) else { return Ok(false) };
        let (kind, id) = (le16(&head, 0), le16(&head, 2));
        at += 4;
        if id >= NAMED {
            let Some(next) = behind_name(flow, at)? else { return Ok(false) };
            at = next;
        }
        let is_several = kind & SEVERAL != 0;
        let kind = kind & !SEVERAL;
        let mut values = 1;
        if is_several || matches!(kind, OBJECT | STRING | UNICODE | BINARY) {
            let Some(count) = flow.source.array_at::<4>(at)? else { return Ok(false) };
            values = le32(&count, 0);
            at += 4;
        }
        for _ in 0..values {
            let length = match kind {
                // Two octets, four, eight, sixteen; the rest say it.
                0x02 | 0x0b => 2,
                0x03 | 0x04 | 0x0a => 4,
                0x05 | 0x06 | 0x07 | 0x14 | 0x40 => 8,
                0x48 => 16,
                OBJECT | STRING | UNICODE | BINARY => {
                    let Some(length) = flow.source.array_at::<4>(at)? else { return Ok(false) };
                    at += 4;
                    u64::from(le32(&length, 0))
                }
                _ => return Ok(false),
            };
            if at.saturating_add(length) > end {
                return Ok(false);
            }
            flow.out.budget.tick()?;
            take(flow, Value { id, kind, place: Place { start: at, length } })?;
            at += length.next_multiple_of(4);
        }
    }
    Ok(true)
}

/// Where a property goes on behind its name: a class, and a number or a text.
fn behind_name<R: Read + Seek>(flow: &Flow<'_, R>, at: u64) -> Result<Option<u64>, Unscanned> {
    let Some(head) = flow.source.array_at::<24>(at)? else { return Ok(None) };
    let number_or_length = u64::from(le32(&head, 20));
    Ok(Some(match le32(&head, 16) {
        0 => at + 24,
        _ => at + 24 + number_or_length.next_multiple_of(4),
    }))
}

/// Numbers from here on are the sender's own, and a name stands before the value.
const NAMED: u16 = 0x8000;
/// Several values of a kind.
const SEVERAL: u16 = 0x1000;
const OBJECT: u16 = 0x0d;
const STRING: u16 = 0x1e;
const UNICODE: u16 = 0x1f;
const BINARY: u16 = 0x102;
