//! One header field: raw name, raw value, and the readings of the value.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::ops::Range;

use super::encoded_word::decode_words;
use super::unfold::unfold;
use crate::charset::to_text;

/// One field. Shares the octets of its header, so a clone costs next to nothing.
#[derive(Clone)]
pub struct Field {
    octets: Arc<[u8]>,
    name: Range<u32>,
    value: Range<u32>,
}

impl Field {
    /// `name` and `value` are stretches of `octets`; one that is not counts as empty.
    pub(crate) fn new(octets: Arc<[u8]>, name: Range<u32>, value: Range<u32>) -> Self {
        Self { octets, name, value }
    }

    fn octets(&self, range: &Range<u32>) -> &[u8] {
        self.octets.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// The name as it came, without blanks before the colon.
    pub fn name(&self) -> &[u8] {
        self.octets(&self.name)
    }

    /// Whether it has this name, upper and lower case alike.
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value as it came: everything after the colon with its folds, without the line end that closes it.
    pub fn raw(&self) -> &[u8] {
        self.octets(&self.value)
    }

    /// The value on one line (RFC 5322 §2.2.3), without blanks around it, as octets.
    pub fn octets_unfolded(&self) -> Cow<'_, [u8]> {
        unfold(self.raw())
    }

    /// The value on one line, without blanks around it. Octets that are not UTF-8 are read as windows-1252.
    pub fn value(&self) -> Cow<'_, str> {
        match unfold(self.raw()) {
            Cow::Borrowed(octets) => to_text(None, octets).0,
            Cow::Owned(octets) => Cow::Owned(to_text(None, &octets).0.into_owned()),
        }
    }

    /// The value as a person reads it: on one line, encoded words decoded (RFC 2047).
    pub fn decoded(&self) -> String {
        decode_words(&unfold(self.raw()))
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name().escape_ascii(), self.value())
    }
}
