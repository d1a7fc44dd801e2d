//! What octets are, by their content: for records and inspectors, beside what a message declares.
//!
//! Containers are known as [`smtpgw_archive::detect`] knows them, so what is opened and what is named never differ.

use smtpgw_archive::Format;

/// The media type of content that begins with `head`; of nothing `application/x-empty`.
pub fn real_type(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "application/x-empty";
    }
    // A text that holds files is named as a text.
    if let Some(format) = smtpgw_archive::detect_all(head, head).find(|format| !format.is_text()) {
        return of_format(format);
    }
    if let Some((_, _, name)) = MARKS.iter().find(|(at, mark, _)| head.get(*at..).is_some_and(|h| h.starts_with(mark)))
    {
        return name;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |word: &&[u8]| text.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
    if HTML.iter().any(begins) {
        "text/html"
    } else if text.starts_with(b"<?xml") {
        "text/xml"
    } else if head.iter().fold(false, |seen, &octet| seen | is_control(octet)) {
        "application/octet-stream"
    } else {
        "text/plain"
    }
}

/// Whether texts do without it. No branches: compilers look at many octets at a time.
const fn is_control(octet: u8) -> bool {
    octet < 0x20 && !matches!(octet, b'\t' | b'\n' | b'\x0c' | b'\r' | b'\x1b')
}

fn of_format(format: Format) -> &'static str {
    match format.name() {
        "zip" => "application/zip",
        "gzip" => "application/gzip",
        "bzip2" => "application/x-bzip2",
        "xz" => "application/x-xz",
        "zstd" => "application/zstd",
        "tar" => "application/x-tar",
        "7z" => "application/x-7z-compressed",
        "rar" => "application/vnd.rar",
        "cab" => "application/vnd.ms-cab-compressed",
        "cms" => "application/pkcs7-mime",
        "cfb" => "application/x-ole-storage",
        "rtf" => "text/rtf",
        "office_xml" => "text/xml",
        "pdf" => "application/pdf",
        "iso" => "application/x-iso9660-image",
        "tnef" => "application/ms-tnef",
        // Other archives have no registered name; the record of their members says which.
        _ => "application/x-archive",
    }
}

/// Octets of content that [`real_type`] looks at.
pub(crate) const HEAD: usize = 512;

/// Where, what, which.
const MARKS: [(usize, &[u8], &str); 15] = [
    (0, b"MZ", "application/x-msdownload"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"#!", "text/x-script"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftyp", "video/mp4"),
    (0, b"OggS", "application/ogg"),
];

const HTML: [&[u8]; 8] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<svg", b"<a ", b"<table"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_what_it_is() {
        let table: &[(&[u8], &str)] = &[
            (b"", "application/x-empty"),
            (b"hello", "text/plain"),
            ("gr\u{fc}n".as_bytes(), "text/plain"),
            (b"\r\n <HTML><p>", "text/html"),
            (b"\xef\xbb\xbf<!DOCTYPE html>", "text/html"),
            (b"<?xml version", "text/xml"),
            (b"MZ\x90\0", "application/x-msdownload"),
            (b"%PDF-1.7", "application/pdf"),
            (b"PK\x03\x04rest", "application/zip"),
            (b"Rar!\x1a\x07\0", "application/vnd.rar"),
            (b"\0\x01\x02", "application/octet-stream"),
            (b"RIFF....WEBP", "image/webp"),
            (b"{\\rtf1 hello", "text/rtf"),
        ];
        for (head, name) in table {
            assert_eq!(real_type(head), *name, "{head:?}");
        }
    }
}
