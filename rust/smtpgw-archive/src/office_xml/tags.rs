//! The tags of an XML document, by position. A tokenizer, not a parser: nothing is checked, nothing nests, and what a
//! broken document has that some program reads is seen as well.
//!
//! Takes its input in pieces, in UTF-8 or in UTF-16, of which it drops every NUL.

use crate::limits::XML_TAG;

/// A tag, without its brackets; of a very long one the beginning.
pub(super) struct Tag<'a> {
    pub(super) text: &'a [u8],
    /// Where its first bracket stands.
    pub(super) start: u64,
    /// Where its last one ends.
    pub(super) end: u64,
}

/// Finds the tags.
#[derive(Default)]
pub(super) struct Tags {
    state: State,
    text: Vec<u8>,
    start: u64,
    /// Octets taken.
    at: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Tag,
    /// Within a value, that ends with this.
    Quoted(u8),
    /// `<!-- … -->`, in which there is no tag; so many octets of its end have come.
    Comment(usize),
    /// `<![CDATA[ … ]]>`, likewise.
    Verbatim(usize),
}

impl Tags {
    /// Takes octets up to the next tag's end, or all; how many were taken, and the tag.
    pub(super) fn next(&mut self, octets: &[u8]) -> (usize, Option<Tag<'_>>) {
        for (index, &octet) in octets.iter().enumerate() {
            let at = self.at;
            self.at += 1;
            if octet != 0 && self.take(octet, at) {
                return (index + 1, Some(Tag { text: &self.text, start: self.start, end: self.at }));
            }
        }
        (octets.len(), None)
    }

    /// Takes the octet at a position; whether a tag ends with it.
    fn take(&mut self, octet: u8, at: u64) -> bool {
        match self.state {
            State::Text if octet == b'<' => {
                self.state = State::Tag;
                self.start = at;
                self.text.clear();
            }
            State::Text => {}
            State::Tag if octet == b'>' => {
                self.state = State::Text;
                return true;
            }
            // Brackets are escaped in text: here a new one begins, whatever came before.
            State::Tag if octet == b'<' => {
                self.start = at;
                self.text.clear();
            }
            State::Tag => {
                if self.text.len() < XML_TAG {
                    self.text.push(octet);
                }
                self.state = match octet {
                    b'"' | b'\'' => State::Quoted(octet),
                    _ if self.text == b"!--" => State::Comment(0),
                    _ if self.text == b"![CDATA[" => State::Verbatim(0),
                    _ => State::Tag,
                };
            }
            State::Quoted(quote) => {
                if self.text.len() < XML_TAG {
                    self.text.push(octet);
                }
                if octet == quote {
                    self.state = State::Tag;
                }
            }
            State::Comment(ended) => self.state = ending(b"--", octet, ended).map_or(State::Text, State::Comment),
            State::Verbatim(ended) => self.state = ending(b"]]", octet, ended).map_or(State::Text, State::Verbatim),
        }
        false
    }
}

/// How many octets of an end have come with `octet`, after so many before it; `None`: all, and the bracket.
pub(super) fn ending(end: &[u8; 2], octet: u8, ended: usize) -> Option<usize> {
    match octet {
        b'>' if ended == 2 => None,
        _ if octet == end[0] => Some((ended + 1).min(2)),
        _ => Some(0),
    }
}

impl Tag<'_> {
    pub(super) fn is_end(&self) -> bool {
        self.text.starts_with(b"/")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.ends_with(b"/")
    }

    /// Its name, without a prefix.
    pub(super) fn name(&self) -> &[u8] {
        let text = self.text.strip_prefix(b"/").unwrap_or(self.text);
        let end = text.iter().position(|octet| octet.is_ascii_whitespace() || *octet == b'/').unwrap_or(text.len());
        let name = text.get(..end).unwrap_or_default();
        name.rsplit(|&octet| octet == b':').next().unwrap_or(name)
    }

    /// The value of the attribute of that name, whatever its prefix.
    pub(super) fn attribute(&self, name: &[u8]) -> Option<&[u8]> {
        memchr::memmem::find_iter(self.text, name).find_map(|at| {
            let before = at.checked_sub(1).and_then(|before| self.text.get(before))?;
            let rest = self.text.get(at + name.len()..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
            let (quote, value) = rest.split_first()?;
            let end = memchr::memchr(*quote, value)?;
            let stands_alone = before.is_ascii_whitespace() || *before == b':';
            (stands_alone && matches!(quote, b'"' | b'\'')).then(|| value.get(..end)).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &[u8], size: usize) -> Vec<(String, u64, u64)> {
        let mut tags = Tags::default();
        let mut found = Vec::new();
        for piece in text.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (taken, tag) = tags.next(rest);
                found.extend(tag.map(|tag| (String::from_utf8_lossy(tag.text).into_owned(), tag.start, tag.end)));
                rest = &rest[taken..];
            }
        }
        found
    }

    #[test]
    fn tags_stand_where_they_stand_at_every_cut() {
        let text = b"<?xml v='1'?><a b='>'><!-- <no> -- --><![CDATA[<no>]]]>t</a><b/>< x<c>";
        let expected = ["?xml v='1'?", "a b='>'", "/a", "b/", "c"];
        let whole = tags(text, text.len());
        assert_eq!(whole.iter().map(|tag| tag.0.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!((whole[1].1, whole[1].2), (13, 22));
        for size in 1..text.len() {
            assert_eq!(tags(text, size), whole, "in pieces of {size}");
        }
        let wide: Vec<u8> = text.iter().flat_map(|&octet| [octet, 0]).collect();
        assert_eq!(tags(&wide, 7).iter().map(|tag| tag.0.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn names_and_attributes() {
        let tag = |text| Tag { text, start: 0, end: 0 };
        let part = tag(b"pkg:part pkg:filename='x' pkg:name = \"/word/a.bin\" y=''");
        assert_eq!((part.name(), part.attribute(b"name")), (&b"part"[..], Some(&b"/word/a.bin"[..])));
        assert_eq!((tag(b"/pkg:part").name(), tag(b"part/").name()), (&b"part"[..], &b"part"[..]));
        assert!(tag(b"/a").is_end() && tag(b"a/").is_empty() && part.attribute(b"nothing").is_none());
    }
}
