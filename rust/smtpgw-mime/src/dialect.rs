//! Where real programs read a broken message in different ways: one named choice for each such place.
//!
//! [`Dialect::default`] is the RFCs' reading; where they are silent or leave it open, the reading that shows more.
//! Each place where a choice changes what is seen is also reported as a [`crate::DefectKind`], so that a message
//! with defects can be decoded again from its raw content under the other choices ([`crate::Readings`]).

use alloc::string::{String, ToString};
use core::fmt;

macro_rules! choices {
    ($($(#[$doc:meta])* $choice:ident { $($(#[$value_doc:meta])* $value:ident = $name:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $choice { $($(#[$value_doc])* $value,)* }

        impl $choice {
            /// All of them, the default first.
            pub const ALL: &'static [Self] = &[$(Self::$value,)*];

            /// The name in records.
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)* }
            }
        }
    )*};
}

choices! {
    /// Which of two counts.
    Pick {
        /// The first.
        #[default]
        First = "first",
        /// The last.
        Last = "last",
    }

    /// How much of a line must match for it to be a delimiter.
    DelimiterMatch {
        /// Its beginning (RFC 2046 §5.1.1: "An exact match of the entire candidate line is not required"). A boundary
        /// that matches whole wins over one that is only a prefix of the line.
        #[default]
        Prefix = "prefix",
        /// All of it, but for blanks at its end.
        Exact = "exact",
        /// Its beginning, upper and lower case alike.
        AnyCase = "any_case",
    }

    /// Which of two multiparts within one another a delimiter belongs to, if it may be either's.
    Shared {
        /// The inner one's, and of two boundaries of which one begins with the other the longer one's.
        #[default]
        Inner = "inner",
        /// The outer one's.
        Outer = "outer",
    }

    /// What an open delimiter does in the epilogue of its own multipart.
    AfterClose {
        /// Nothing: what follows the close delimiter is to be ignored (RFC 2046 §5.1.1).
        #[default]
        Ignore = "ignore",
        /// It begins one more part.
        Reopen = "reopen",
    }

    /// What the boundary of a multipart is that names none, or one that never comes.
    MissingBoundary {
        /// None: without one it is a leaf (RFC 2046 §5.1.1 requires it).
        #[default]
        None = "none",
        /// The first line that looks like a delimiter.
        Guess = "guess",
    }

    /// What a line that is neither a field nor the continuation of one does in a header.
    JunkLine {
        /// It ends the header and is the first line of the body, as mail servers and many programs read it.
        #[default]
        EndsHeader = "ends_header",
        /// It is skipped.
        Skip = "skip",
        /// If its first word holds the name of a field of MIME, it is that field, and its colon is whichever comes
        /// next, or missing; otherwise it is skipped.
        Field = "field",
    }

    /// What a line of blanks does in a header.
    BlankLine {
        /// It continues the field before it (RFC 5322 §4.2).
        #[default]
        Continues = "continues",
        /// It ends the header as an empty one does.
        EndsHeader = "ends_header",
    }

    /// What a line is whose name has blanks before its colon, or is empty.
    BlankBeforeColon {
        /// A field (RFC 5322 §4.5).
        #[default]
        Field = "field",
        /// No field; see [`JunkLine`].
        Junk = "junk",
    }

    /// What a NUL in a header does.
    Nul {
        /// It is a character like others, which no name of a field can have.
        #[default]
        Keep = "keep",
        /// It is dropped.
        Drop = "drop",
        /// It ends its line.
        EndsLine = "ends_line",
    }

    /// What base64 does after padding when more follows.
    AfterPadding {
        /// Begins anew. RFC 2045 §6.8 says that padding "may be taken as evidence" of the end; going on shows more.
        #[default]
        Continue = "continue",
        /// Ignores the rest.
        Stop = "stop",
        /// Skips padding that does not complete its group, and ignores the rest after one that does.
        Resume = "resume",
        /// Skips all padding, wherever it stands.
        Skip = "skip",
        /// Begins anew, and a single character before padding is an octet: its six bits, and two of zero.
        Fill = "fill",
    }

    /// What base64 does at a character outside its alphabet.
    Base64Junk {
        /// Skips it (RFC 2045 §6.8).
        #[default]
        Skip = "skip",
        /// Ignores the rest.
        Stop = "stop",
        /// Reads hyphen and low line as RFC 4648 §5 does, and skips all others.
        UrlAlphabet = "url_alphabet",
        /// Does not decode at all: the body is shown as it stands.
        AsIs = "as_is",
    }

    /// How strictly quoted-printable is read.
    QuotedPrintableRules {
        /// Lower case and blanks behind a soft line break are undone.
        #[default]
        Lenient = "lenient",
        /// They stay as they stand.
        Strict = "strict",
        /// As the first, and soft line breaks are undone before escapes, so that one may be cut by another.
        Joined = "joined",
    }

    /// What base64 or quoted-printable on a multipart means.
    EncodedMultipart {
        /// Nothing: RFC 2045 §6.4 forbids it, the parts are read as they stand.
        #[default]
        Ignore = "ignore",
        /// The whole body is decoded first.
        Decode = "decode",
    }
}

/// The choices. All are honoured by the one decoder; they cost nothing on mail that has no defects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dialect {
    /// Which of the types counts that the fields of an entity may give it: 0 is that of the first field as the
    /// grammar has it ([`crate::DefectKind::DuplicateField`], [`crate::DefectKind::InvalidContentType`]).
    pub content_type: u8,
    /// The same for its encoding ([`crate::DefectKind::EncodingReadings`]).
    pub encoding: u8,
    /// The same for its boundary ([`crate::DefectKind::BoundaryReadings`]).
    pub boundary: u8,
    /// Which of two parameters of one name in one field counts ([`crate::DefectKind::DuplicateParameter`]).
    pub duplicate_parameter: Pick,
    /// [`crate::DefectKind::DelimiterTrailer`], [`crate::DefectKind::DelimiterCase`]
    pub delimiter: DelimiterMatch,
    /// [`crate::DefectKind::AmbiguousBoundary`]
    pub shared: Shared,
    /// [`crate::DefectKind::DelimiterAfterClose`]
    pub after_close: AfterClose,
    /// [`crate::DefectKind::MissingBoundary`], [`crate::DefectKind::MultipartWithoutParts`]
    pub missing_boundary: MissingBoundary,
    /// [`crate::DefectKind::JunkInHeader`], [`crate::DefectKind::LooseFieldName`]
    pub junk_line: JunkLine,
    /// [`crate::DefectKind::BlankContinuation`]
    pub blank_line: BlankLine,
    /// [`crate::DefectKind::BlankBeforeColon`]
    pub blank_before_colon: BlankBeforeColon,
    /// [`crate::DefectKind::NulInHeader`]
    pub nul: Nul,
    /// [`crate::DefectKind::Base64AfterPadding`]
    pub base64_after_padding: AfterPadding,
    /// [`crate::DefectKind::Base64Junk`]
    pub base64_junk: Base64Junk,
    /// [`crate::DefectKind::QuotedPrintableLowerCase`], [`crate::DefectKind::QuotedPrintableSoftBreak`],
    /// [`crate::DefectKind::QuotedPrintableCut`]
    pub quoted_printable: QuotedPrintableRules,
    /// [`crate::DefectKind::EncodedMultipart`]
    pub encoded_multipart: EncodedMultipart,
}

/// The choices that are not the default, `name=value`, with commas between them.
impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |choice: u8| choice.to_string();
        let table: [(&str, String, bool); 16] = [
            ("content_type", number(self.content_type), self.content_type != 0),
            ("encoding", number(self.encoding), self.encoding != 0),
            ("boundary", number(self.boundary), self.boundary != 0),
            named("duplicate_parameter", self.duplicate_parameter, Pick::name),
            named("delimiter", self.delimiter, DelimiterMatch::name),
            named("shared", self.shared, Shared::name),
            named("after_close", self.after_close, AfterClose::name),
            named("missing_boundary", self.missing_boundary, MissingBoundary::name),
            named("junk_line", self.junk_line, JunkLine::name),
            named("blank_line", self.blank_line, BlankLine::name),
            named("blank_before_colon", self.blank_before_colon, BlankBeforeColon::name),
            named("nul", self.nul, Nul::name),
            named("base64_after_padding", self.base64_after_padding, AfterPadding::name),
            named("base64_junk", self.base64_junk, Base64Junk::name),
            named("quoted_printable", self.quoted_printable, QuotedPrintableRules::name),
            named("encoded_multipart", self.encoded_multipart, EncodedMultipart::name),
        ];
        let mut comma = "";
        for (name, value, _) in table.iter().filter(|(_, _, differs)| *differs) {
            write!(f, "{comma}{name}={value}")?;
            comma = ",";
        }
        Ok(())
    }
}

fn named<T: Default + PartialEq + Copy>(
    name: &'static str,
    choice: T,
    text: fn(T) -> &'static str,
) -> (&'static str, String, bool) {
    (name, text(choice).to_string(), choice != T::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_is_not_the_default() {
        assert_eq!(Dialect::default().to_string(), "");
        let dialect = Dialect { content_type: 1, nul: Nul::Drop, ..Dialect::default() };
        assert_eq!(dialect.to_string(), "content_type=1,nul=drop");
    }
}
