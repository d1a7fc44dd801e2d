//! Where real programs read a broken message in different ways: one named choice for each such place.
//!
//! [`Dialect::default`] is the RFCs' reading; where they are silent or leave it open, the reading that shows more.
//! Each place where a choice changed what is seen is also reported as a [`crate::DefectKind`], so that a message
//! with defects can be decoded again from its raw content under the other choices.

/// The choices. All are honoured by the one decoder; they cost nothing on mail that has no defects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// Which of two Content-Type, Content-Transfer-Encoding or Content-Disposition fields counts
    /// ([`crate::DefectKind::DuplicateField`]). RFC 5322 §3.6 forbids two.
    pub duplicate_field: Pick,
    /// Which of two parameters of one name in one field counts ([`crate::DefectKind::DuplicateParameter`]).
    pub duplicate_parameter: Pick,
    /// How much of a line must match for it to be a delimiter ([`crate::DefectKind::DelimiterTrailer`]).
    pub delimiter: DelimiterMatch,
    /// What an open delimiter does after its multipart was closed ([`crate::DefectKind::DelimiterAfterClose`]).
    pub after_close: AfterClose,
    /// What a line that is no field does in a header ([`crate::DefectKind::JunkInHeader`]).
    pub junk_line: JunkLine,
    /// What base64 does after padding ([`crate::DefectKind::Base64AfterPadding`]).
    pub base64_after_padding: AfterPadding,
    /// What an encoding on a multipart means ([`crate::DefectKind::EncodedMultipart`]).
    pub encoded_multipart: EncodedMultipart,
}

/// Which of two counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pick {
    /// The first.
    #[default]
    First,
    /// The last.
    Last,
}

/// How much of a line must match for it to be a delimiter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DelimiterMatch {
    /// Its beginning (RFC 2046 §5.1.1: "An exact match of the entire candidate line is not required"). A boundary
    /// that matches whole wins over one that is only a prefix of the line.
    #[default]
    Prefix,
    /// All of it, but for blanks at its end.
    Exact,
}

/// What an open delimiter does in the epilogue of its own multipart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AfterClose {
    /// Nothing: what follows the close delimiter is to be ignored (RFC 2046 §5.1.1).
    #[default]
    Ignore,
    /// It begins one more part.
    Reopen,
}

/// What a line that is neither a field nor the continuation of one does in a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum JunkLine {
    /// It ends the header and is the first line of the body, as mail servers and many programs read it.
    #[default]
    EndsHeader,
    /// It is skipped.
    Skip,
}

/// What base64 does after padding when more follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AfterPadding {
    /// Begins anew. RFC 2045 §6.8 says that padding "may be taken as evidence" of the end; going on shows more.
    #[default]
    Continue,
    /// Ignores the rest.
    Stop,
}

/// What base64 or quoted-printable on a multipart means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EncodedMultipart {
    /// Nothing: RFC 2045 §6.4 forbids it, the parts are read as they stand.
    #[default]
    Ignore,
    /// The whole body is decoded first.
    Decode,
}
