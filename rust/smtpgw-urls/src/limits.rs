//! Every limit, with its reason.

/// Different places that a page's relative URLs may start from (`base href`). A page has one; forwarded pages and
/// comments within one add some. Each is combined with each relative URL.
pub const BASES: usize = 8;

/// Tags that name a base and are read as a browser does, quotes observed, besides the plain way. Each may be looked
/// through to the end of the text, and there are as many as the limit above, with some that say the same.
pub(crate) const BASE_TAGS: usize = 32;

/// Letters of a label of a host name (RFC 1035 §2.3.4).
pub(crate) const LABEL: usize = 63;

/// Characters of a URL that is broken into lines between angle brackets (RFC 3986 appendix C), or stands between
/// quotes. What stands on the first line is found whatever its length.
pub(crate) const ENCLOSED: usize = 2_000;

/// Codings that are undone of what a URL carries. Two are common: a redirector's URL in another's parameter; each takes
/// as long as the first.
pub(crate) const CODINGS: usize = 4;

/// Letters of base64 from which it may hold a URL: `http://a.b`.
pub(crate) const PACKED: usize = 14;
