//! The elements of BER (X.690 §8.1), found by position: tag, length, and where the next one begins.
//!
//! An element of indefinite length ends at a mark, and may hold others of its kind; passing over it takes a counter
//! rather than recursion.

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::BER_ELEMENTS;

/// What stands before an element's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Class, whether it holds elements, and number; numbers above 30 are in no CMS.
    pub(super) tag: u8,
    /// Octets of tag and length.
    pub(super) head: u64,
    /// Octets of the content; `None` where a mark ends it.
    pub(super) length: Option<u64>,
}

impl Element {
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let (&tag, &first) = (octets.first()?, octets.get(1)?);
        if tag & 0x1f == 0x1f {
            return None;
        }
        let more = usize::from(first & 0x7f);
        if first < 0x80 {
            return Some(Self { tag, head: 2, length: Some(more as u64) });
        }
        if more == 0 {
            return (tag & CONSTRUCTED != 0).then_some(Self { tag, head: 2, length: None });
        }
        let number = octets.get(2..2 + more).filter(|number| number.len() <= LONGEST)?;
        let length =
            number.iter().try_fold(0_u64, |length, &octet| Some(length.checked_mul(256)? | u64::from(octet)))?;
        Some(Self { tag, head: 2 + more as u64, length: Some(length) })
    }
}

/// The element at a position; `None` if there is none.
pub(super) fn element<R: Read + Seek>(flow: &Flow<'_, R>, at: u64) -> Result<Option<Element>, Unscanned> {
    let mut head = [0; 2 + LONGEST];
    Ok(Element::read(flow.source.read_at(at, &mut head)?))
}

/// A way through elements, into some of them and past others.
pub(super) struct Walk {
    at: u64,
    /// Where the innermost element ends that was entered; `None`: at a mark.
    end: Option<u64>,
    /// How many more elements may be passed.
    left: usize,
}

impl Walk {
    pub(super) const fn new(at: u64) -> Self {
        Self { at, end: None, left: BER_ELEMENTS }
    }

    /// Where the next element is.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Whether the element that was entered last goes on.
    pub(super) fn is_inside(&self) -> bool {
        self.end.is_none_or(|end| self.at < end)
    }

    /// Goes into the next element, if it has this tag.
    pub(super) fn enter<R: Read + Seek>(&mut self, flow: &Flow<'_, R>, tag: u8) -> Result<bool, Unscanned> {
        let Some(element) = element(flow, self.at)?.filter(|element| element.tag == tag) else { return Ok(false) };
        self.at += element.head;
        self.end = element.length.map(|length| self.at.saturating_add(length));
        Ok(true)
    }

    /// Goes past the next element; whether it ends within the file.
    pub(super) fn skip<R: Read + Seek>(&mut self, flow: &Flow<'_, R>) -> Result<bool, Unscanned> {
        let mut open = 0_usize;
        loop {
            flow.out.budget.tick()?;
            let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
            self.left = left;
            let Some(element) = element(flow, self.at)? else { return Ok(false) };
            self.at += element.head;
            match element.length {
                None => open += 1,
                Some(0) if element.tag == 0 => open = open.saturating_sub(1),
                Some(length) => self.at = self.at.saturating_add(length),
            }
            if open == 0 {
                let is_whole = self.at <= flow.source.length();
                self.at = self.at.min(flow.source.length());
                return Ok(is_whole);
            }
        }
    }
}

/// Octets of the longest number that tells a length.
const LONGEST: usize = 8;

const CONSTRUCTED: u8 = 0x20;
