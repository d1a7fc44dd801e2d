//! What charset a label asks for.
//!
//! First as the WHATWG Encoding Standard has it, then as other programs do, which take any run of marks between letters
//! and digits for one (`utf_7`, `UTF 7`).

use alloc::string::String;

use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::ebcdic::Table;
use super::unicode::Order;

/// What a label asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charset {
    /// No label, or US-ASCII.
    Ascii,
    /// One that nobody knows.
    Unknown,
    /// One that other programs know, and by which ASCII is not ASCII.
    Foreign,
    Standard(&'static Encoding),
    /// UTF-16 in an order that the label leaves open.
    Utf16,
    /// `imap`: as names of folders are written (RFC 3501 §5.1.3).
    Utf7 {
        imap: bool,
    },
    Utf32(Option<Order>),
    Hz,
    Iso2022 {
        korean: bool,
    },
    Ebcdic(Table),
    /// `all`: escapes as in C, not only those by code point.
    Escaped {
        all: bool,
    },
}

impl Charset {
    pub(super) fn of(label: Option<&str>) -> Self {
        let Some(label) = label.map(|label| label.trim_matches(|c: char| c.is_ascii_whitespace() || "'\"".contains(c)))
        else {
            return Self::Ascii;
        };
        // Nearly all.
        if label.eq_ignore_ascii_case("utf-8") {
            return Self::Standard(UTF_8);
        }
        let plain = plain(label);
        if matches!(plain.as_str(), "us-ascii" | "ascii") {
            return Self::Ascii;
        }
        for label in [label, &plain] {
            match Encoding::for_label(label.as_bytes()) {
                // RFC 2781 §4.3 has big-endian without a mark, browsers little-endian.
                Some(encoding) if encoding == UTF_16LE && plain != "utf-16le" => return Self::Utf16,
                // The Encoding Standard maps labels that it finds dangerous to a decoder that swallows everything.
                Some(encoding) if encoding != REPLACEMENT => return Self::Standard(encoding),
                _ => {}
            }
        }
        match plain.as_str() {
            "utf-7" | "utf7" | "u7" | "unicode-1-1-utf-7" | "x-unicode-2-0-utf-7" | "csunicode11utf7" | "csutf7" => {
                Self::Utf7 { imap: false }
            }
            "utf-7-imap" | "imap-utf-7" | "x-imap-modified-utf-7" | "imap4-utf-7" => Self::Utf7 { imap: true },
            "utf-32" | "utf32" | "u32" | "ucs-4" | "ucs4" | "iso-10646-ucs-4" | "csucs4" | "csutf32" => {
                Self::Utf32(None)
            }
            "utf-32le" | "utf-32-le" | "utf32le" | "csutf32le" | "ucs-4le" => Self::Utf32(Some(Order::Little)),
            "utf-32be" | "utf-32-be" | "utf32be" | "csutf32be" | "ucs-4be" => Self::Utf32(Some(Order::Big)),
            "utf16" | "u16" | "ucs2" | "unicode" => Self::Utf16,
            "utf-16-le" | "utf16le" | "ucs-2le" | "unicodelittle" => Self::Standard(UTF_16LE),
            "utf-16-be" | "utf16be" | "ucs-2be" | "unicodebig" => Self::Standard(UTF_16BE),
            "hz-gb-2312" | "hz" | "hz-gb" | "hzgb" => Self::Hz,
            "iso-2022-kr" | "csiso2022kr" | "iso2022-kr" | "iso2022kr" => Self::Iso2022 { korean: true },
            "iso-2022-cn" | "iso-2022-cn-ext" | "iso2022cn" | "iso2022cnext" => Self::Iso2022 { korean: false },
            "unicode-escape" | "unicodeescape" => Self::Escaped { all: true },
            "raw-unicode-escape" | "rawunicodeescape" | "java" | "c99" => Self::Escaped { all: false },
            "scsu" | "csscsu" | "bocu-1" | "csbocu1" | "csbocu-1" | "utf-ebcdic" | "punycode" | "brf" | "vietqr" => {
                Self::Foreign
            }
            // Those of the family that add tables to it, of which what is ASCII is not.
            other
                if other.starts_with("iso-2022-jp")
                    || other.starts_with("iso2022-jp")
                    || other.starts_with("iso2022jp") =>
            {
                Self::Standard(ISO_2022_JP)
            }
            other => Table::of(other).map_or(Self::Unknown, Self::Ebcdic),
        }
    }

    /// Whether ASCII octets are ASCII in it.
    pub(super) fn keeps_ascii(self) -> bool {
        match self {
            Self::Ascii | Self::Unknown => true,
            Self::Standard(encoding) => encoding.is_ascii_compatible(),
            _ => false,
        }
    }

    /// Whether it is read as its sender meant it.
    pub(super) fn is_read(self) -> bool {
        match self {
            Self::Foreign => false,
            Self::Ebcdic(table) => table.is_exact,
            _ => true,
        }
    }
}

/// In lower case, with a hyphen for each run of other marks.
fn plain(label: &str) -> String {
    let mut plain = String::with_capacity(label.len());
    for letter in label.chars() {
        if letter.is_ascii_alphanumeric() {
            plain.push(letter.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('-') {
            plain.push('-');
        }
    }
    plain.truncate(plain.trim_end_matches('-').len());
    plain
}
