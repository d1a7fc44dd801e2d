//! What can be odd about a message, as a closed vocabulary for records, policies and second readings.
//!
//! A defect is a fact, not a verdict: ordinary mail has some. Each kind is reported once a part, where it was
//! first seen.

use crate::path::PartPath;

/// One odd place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Defect {
    /// What is odd.
    pub kind: DefectKind,
    /// The part it belongs to.
    pub path: PartPath,
    /// Octets from the beginning of the raw message. Within an encoded message (base64 on message/rfc822): where
    /// that message's encoded body begins.
    pub offset: u64,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What is odd.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum DefectKind { $($(#[$doc])* $kind,)* }

        impl DefectKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in records.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// A line of the structure (header, delimiter) ends with LF alone.
    BareLineFeed = "bare_line_feed",
    /// A CR without LF in a header.
    BareCarriageReturn = "bare_carriage_return",
    /// A NUL in a header.
    NulInHeader = "nul_in_header",
    /// A field value with octets above 127 that are not UTF-8 (RFC 6532 §3.1).
    HeaderCharset = "header_charset",
    /// A line in a header that is no field; see [`crate::JunkLine`].
    JunkInHeader = "junk_in_header",
    /// The first line is the envelope line of an mbox file; skipped.
    MboxFromLine = "mbox_from_line",
    /// A header that begins with a continuation line; skipped.
    LeadingContinuation = "leading_continuation",
    /// A continuation line of blanks alone (RFC 5322 §4.2), which some programs take for the end of the header.
    BlankContinuation = "blank_continuation",
    /// Blanks between the name of a field and its colon (RFC 5322 §4.5).
    BlankBeforeColon = "blank_before_colon",
    /// The name of a field of MIME within a longer word (`X-Content-Type:`), or in a line that is no field for want of
    /// a colon behind it. Some programs go by it; see [`crate::JunkLine`] and [`crate::Dialect`].
    LooseFieldName = "loose_field_name",
    /// A field without a name.
    EmptyFieldName = "empty_field_name",
    /// A header that ends without an empty line: at a delimiter, or with the message.
    HeaderNotClosed = "header_not_closed",
    /// Two Content-Type, Content-Transfer-Encoding or Content-Disposition fields; see [`crate::Dialect`].
    DuplicateField = "duplicate_field",
    /// Two parameters of one name in one field.
    DuplicateParameter = "duplicate_parameter",
    /// A Content-Type that cannot be read; taken for text/plain (RFC 2045 §5.2).
    InvalidContentType = "invalid_content_type",
    /// Octets in a parameter list that are no parameter, or an unclosed quoted string or comment.
    InvalidParameter = "invalid_parameter",
    /// Pieces by RFC 2231 §3 that are missing, doubled, out of order or badly encoded.
    InvalidRfc2231 = "invalid_rfc2231",
    /// An encoded word (RFC 2047) in a parameter, where RFC 2047 §5 forbids it and programs differ.
    EncodedWordInParameter = "encoded_word_in_parameter",
    /// A Content-Transfer-Encoding that RFC 2045 §6.1 does not know; the data are delivered as they stand.
    UnknownEncoding = "unknown_encoding",
    /// A Content-Transfer-Encoding with more than its one token.
    InvalidEncoding = "invalid_encoding",
    /// base64 or quoted-printable on a multipart; see [`crate::EncodedMultipart`].
    EncodedMultipart = "encoded_multipart",
    /// base64 or quoted-printable on a message/rfc822 (RFC 2046 §5.2.1); decoded.
    EncodedMessage = "encoded_message",
    /// More than one encoding may be read from Content-Transfer-Encoding fields; see [`crate::Dialect::encoding`].
    EncodingReadings = "encoding_readings",
    /// More than one boundary may be read from a Content-Type, or one although its type has none; see
    /// [`crate::Dialect::boundary`] and [`crate::Dialect::content_type`].
    BoundaryReadings = "boundary_readings",
    /// A multipart without a boundary; delivered as a leaf.
    MissingBoundary = "missing_boundary",
    /// A boundary of more than 70 characters, or with characters that RFC 2046 §5.1.1 does not allow.
    InvalidBoundary = "invalid_boundary",
    /// A boundary that equals one further out, or begins with it, or is the beginning of it.
    AmbiguousBoundary = "ambiguous_boundary",
    /// A line that begins with a delimiter but goes on; see [`crate::DelimiterMatch`].
    DelimiterTrailer = "delimiter_trailer",
    /// A line that would be a delimiter if its case were another; see [`crate::DelimiterMatch`].
    DelimiterCase = "delimiter_case",
    /// A delimiter of a multipart that was already closed; see [`crate::AfterClose`].
    DelimiterAfterClose = "delimiter_after_close",
    /// A multipart that ends without its close delimiter.
    MultipartNotClosed = "multipart_not_closed",
    /// A multipart in which no delimiter was found.
    MultipartWithoutParts = "multipart_without_parts",
    /// Something other than blanks after the close delimiter.
    EpilogueNotEmpty = "epilogue_not_empty",
    /// Blanks within base64; skipped, as everybody does.
    Base64Blank = "base64_blank",
    /// Characters outside the alphabet within base64; skipped (RFC 2045 §6.8).
    Base64Junk = "base64_junk",
    /// Padding where there can be none, or too much or too little of it within the data.
    Base64Padding = "base64_padding",
    /// More data after padding; see [`crate::AfterPadding`].
    Base64AfterPadding = "base64_after_padding",
    /// base64 that ends within a group of four characters.
    Base64Truncated = "base64_truncated",
    /// `=` in quoted-printable that is neither an escape nor a soft line break; kept as it stands.
    QuotedPrintableEscape = "quoted_printable_escape",
    /// A soft line break within an escape: `=4`, `=`, line end, `1`; kept as it stands.
    QuotedPrintableCut = "quoted_printable_cut",
    /// An escape in lower case (RFC 2045 §6.7 (1)); decoded.
    QuotedPrintableLowerCase = "quoted_printable_lower_case",
    /// Blanks after the `=` of a soft line break; taken for one.
    QuotedPrintableSoftBreak = "quoted_printable_soft_break",
    /// A run of blanks too long to decide whether it ends a line; kept.
    QuotedPrintableBlanks = "quoted_printable_blanks",
}

/// Which kinds were reported already, for one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct DefectSet(u64);

// One bit a kind: more than 64 kinds need a wider set.
const _: () = assert!(DefectKind::ALL.len() <= 64);

impl DefectSet {
    /// Adds `kind`; whether it is new.
    pub(crate) fn insert(&mut self, kind: DefectKind) -> bool {
        let bit = 1 << kind as u64;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    /// Whether it holds `kind`.
    pub(crate) fn contains(self, kind: DefectKind) -> bool {
        self.0 & 1 << kind as u64 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn names_are_unique_snake_case() {
        let names: BTreeSet<_> = DefectKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), DefectKind::ALL.len());
        assert!(
            names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
    }

    #[test]
    fn a_set_knows_what_it_holds() {
        let mut set = DefectSet::default();
        for &kind in DefectKind::ALL {
            assert!(set.insert(kind));
            assert!(!set.insert(kind));
        }
    }
}
