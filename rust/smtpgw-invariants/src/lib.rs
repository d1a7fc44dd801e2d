#![forbid(unsafe_code)]
//! What holds for every input, as functions that panic where it does not; nothing that ships depends on it.
//!
//! Each takes whatever octets there are. The fuzz targets in `rust/fuzz` look for octets that break one, and
//! `tests/seeds.rs` goes through those that are kept, with every build. So a find becomes a test by becoming a file.
//!
//! - [`cuts`]: the same octets in other pieces. How often and where is drawn from the octets themselves, so an input
//!   is one file that needs no frame, and a message is an input as it stands.
//! - [`smtp`], [`mime`], [`archive`], [`urls`], [`entry`]: one for each machine that reads what a stranger wrote.
//!
//! "It does not panic" is the least of them: the outcome does not depend on the cut, both roles agree on where a
//! message ends, nothing that comes out is longer than its limit, only the typed error comes back.
#![allow(clippy::missing_panics_doc, reason = "to panic is the purpose of every function here")]

pub mod archive;
pub mod cuts;
pub mod entry;
pub mod mime;
pub mod smtp;
pub mod urls;

/// An invariant: whatever the octets are, it returns.
pub type Invariant = fn(&[u8]);

/// All of them by name, which is that of the fuzz target and of its folder of seeds.
pub const ALL: &[(&str, Invariant)] = &[
    ("server", smtp::server),
    ("content", smtp::content),
    ("client", smtp::client),
    ("reply", smtp::reply),
    ("back_to_back", smtp::back_to_back),
    ("client_hello", entry::client_hello),
    ("proxy_header", entry::proxy_header),
    ("mime", mime::decoder),
    ("union", mime::union),
    ("charset", mime::charset),
    ("field_remover", mime::field_remover),
    ("inline", mime::inline),
    ("urls", urls::urls),
    ("zip", archive::zip),
    ("sevenzip", archive::sevenzip),
    ("rar", archive::rar),
    ("cab", archive::cab),
    ("cfb", archive::cfb),
    ("rtf", archive::rtf),
    ("packed_rtf", archive::packed_rtf),
    ("office_xml", archive::office_xml),
    ("embedded", archive::embedded),
    ("active_mime", archive::active_mime),
    ("pdf", archive::pdf),
    ("cms", archive::cms),
    ("tnef", archive::tnef),
    ("iso", archive::iso),
    ("tar", archive::tar),
    ("cpio", archive::cpio),
    ("ar", archive::ar),
    ("gzip", archive::gzip),
    ("bzip2", archive::bzip2),
    ("xz", archive::xz),
    ("lzma", archive::lzma),
    ("zstd", archive::zstd),
];

/// Files of `tests/corpus` that are inputs of an invariant as well: its name, their folder, how their names end.
pub const CORPUS: &[(&str, &str, &str)] = &[
    ("mime", "mime", ".eml"),
    ("union", "mime", ".eml"),
    ("urls", "mime", ".eml"),
    ("zip", "archive", ".zip"),
    ("sevenzip", "archive", ".7z"),
    ("cab", "archive", ".cab"),
    ("iso", "archive", ".iso"),
    ("cpio", "archive", ".cpio"),
    ("ar", "archive", ".ar"),
    ("pdf", "pdf", ".pdf"),
];
