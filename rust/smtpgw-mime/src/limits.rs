//! Every limit of the decoder, with its reason.
//!
//! A limit that is hit is never silent: the decoder says so once a message with [`crate::Event::LimitHit`], and
//! goes on where it safely can. What happens then stands beside each limit.

/// How much of a message the decoder follows. All are caps on work and memory, none is a judgement on mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Containers (multipart, message) within one another. Mail that people forward seldom passes 10; beyond the
    /// limit a container is delivered as one opaque leaf. Also bounds the decoder's own call depth.
    pub depth: usize,
    /// Parts (leaves and containers) in one message. The largest honest digests have a few hundred; what follows
    /// is not delivered.
    pub parts: usize,
    /// Octets of one entity's header that are kept. Honest headers stay below 100 kB; further lines are skipped.
    pub header_octets: usize,
    /// Fields of one header that are kept. Honest headers stay below 200; further fields are skipped.
    pub fields: usize,
    /// Parameters read from one entity's structured fields, all fields together. Further ones are not read.
    pub parameters: usize,
    /// Pieces (`name*7*=`) of one entity's parameters by RFC 2231 §3. Further ones are not read.
    pub rfc2231_pieces: usize,
    /// Octets of a boundary that are compared. RFC 2046 §5.1.1 allows 70, more is a defect; beyond the limit the
    /// boundary is cut and a delimiter only has to begin with it.
    pub boundary: usize,
    /// Encoded messages (base64 on message/rfc822) within one another. Each costs the work for all octets in it once
    /// more; honest mail has one. Beyond the limit such a message is delivered as one leaf, decoded.
    pub encoded_depth: usize,
    /// Octets of decoded leaves that are delivered in one message. Decoding never expands, so this only bites where
    /// it is set below the size of messages; what follows is not delivered.
    pub decoded_total: u64,
    /// Types, encodings or boundaries that one header may be read to give. Honest headers have one, broken ones two;
    /// further ones are not tried.
    pub alternatives: u8,
    /// Defects reported in one message: a record has to stay readable. Further ones are not reported.
    pub defects: usize,
}

impl Limits {
    /// For messages of up to 25 MiB.
    pub const DEFAULT: Self = Self {
        depth: 50,
        parts: 10_000,
        header_octets: 1024 * 1024,
        fields: 2_000,
        parameters: 200,
        rfc2231_pieces: 100,
        boundary: 2_048,
        encoded_depth: 10,
        decoded_total: 4 * 25 * 1024 * 1024,
        alternatives: 8,
        defects: 1_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Which limit of [`Limits`] was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::depth`]
    Depth,
    /// [`Limits::parts`]
    Parts,
    /// [`Limits::header_octets`]
    HeaderOctets,
    /// [`Limits::fields`]
    Fields,
    /// [`Limits::parameters`]
    Parameters,
    /// [`Limits::rfc2231_pieces`]
    Rfc2231Pieces,
    /// [`Limits::boundary`]
    Boundary,
    /// [`Limits::encoded_depth`]
    EncodedDepth,
    /// [`Limits::decoded_total`]
    DecodedTotal,
    /// [`Limits::alternatives`]
    Alternatives,
    /// [`Limits::defects`]
    Defects,
}

impl LimitKind {
    /// The name in records, that of the field of [`Limits`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Parts => "parts",
            Self::HeaderOctets => "header_octets",
            Self::Fields => "fields",
            Self::Parameters => "parameters",
            Self::Rfc2231Pieces => "rfc2231_pieces",
            Self::Boundary => "boundary",
            Self::EncodedDepth => "encoded_depth",
            Self::DecodedTotal => "decoded_total",
            Self::Alternatives => "alternatives",
            Self::Defects => "defects",
        }
    }

    /// A set of one, to remember which were reported.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }
}
