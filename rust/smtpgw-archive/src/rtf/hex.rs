//! The octets that stand as hexadecimal digits in a group of RTF, as far as a reading takes them for such.
//!
//! | what stands there                | what happens                                                              |
//! |----------------------------------|---------------------------------------------------------------------------|
//! | a digit                          | half an octet, if the reading counts it                                   |
//! | `{`, `}`                         | a group in the group begins, ends; the last one ends the data             |
//! | `\word`, with a number or without| skipped; digits right behind a word are its number                        |
//! | `\bin` and a number              | so many octets follow as they are                                         |
//! | `\'` and two digits              | a character of text, skipped                                              |
//! | `\*` first in a group            | the group may be ignored                                                  |
//! | anything else                    | skipped                                                                   |
//!
//! Takes its input in pieces; a cut may be anywhere. Groups are counted, not followed.

/// Which digits count: programs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Those of the group, and of groups in it that do not say that they may be ignored.
    Shown,
    /// Every one.
    All,
    /// Those of the group alone.
    Own,
}

/// Reads one group, from behind the word that says what it holds.
pub(super) struct Hexed {
    reading: Reading,
    state: State,
    /// Groups within the group.
    depth: u64,
    /// Where a group may be ignored: the depth of the outermost one.
    ignored: Option<u64>,
    /// Nothing but blanks stood behind the last brace.
    is_first: bool,
    half: Option<u8>,
    /// The group has ended.
    pub(super) over: bool,
    /// Some digits count in [`Reading::All`] alone.
    pub(super) has_hidden: bool,
    /// Some digits do not count in [`Reading::Own`].
    pub(super) has_inner: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Data,
    Backslash,
    /// So many letters of `bin` have come, and nothing else; `None`: another word.
    Word(Option<usize>),
    Number {
        of_bin: bool,
        value: u64,
    },
    /// So many digits of a character follow.
    Character(u8),
    /// So many octets follow as they are.
    Raw(u64),
}

impl Hexed {
    pub(super) const fn new(reading: Reading) -> Self {
        // The word itself may have a number.
        let state = State::Number { of_bin: false, value: 0 };
        Self {
            reading,
            state,
            depth: 0,
            ignored: None,
            is_first: false,
            half: None,
            over: false,
            has_hidden: false,
            has_inner: false,
        }
    }

    /// Takes the next octets, and adds what they give to `out`; how many were taken.
    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while let (Some(&octet), false) = (octets.get(at), self.over) {
            if let State::Raw(left) = self.state {
                let rest = octets.get(at..).unwrap_or_default();
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                if self.counts(false) {
                    out.extend_from_slice(rest.get(..taken).unwrap_or_default());
                }
                let left = left - taken as u64;
                self.state = if left == 0 { State::Data } else { State::Raw(left) };
                at += taken;
                continue;
            }
            at += usize::from(self.take(octet, out));
        }
        at
    }

    /// Takes one octet; whether it is done with.
    fn take(&mut self, octet: u8, out: &mut Vec<u8>) -> bool {
        match self.state {
            State::Data => self.data(octet, out),
            State::Backslash => {
                self.state = match octet {
                    b'\'' => State::Character(2),
                    b'a'..=b'z' | b'A'..=b'Z' => State::Word((octet == b'b').then_some(1)),
                    _ => State::Data,
                };
                if octet == b'*' && self.is_first && self.depth > 0 {
                    self.ignored.get_or_insert(self.depth);
                }
                self.is_first = false;
            }
            State::Word(letters) => match octet {
                b'a'..=b'z' | b'A'..=b'Z' => {
                    let goes_on = letters.filter(|&at| b"bin".get(at) == Some(&octet));
                    self.state = State::Word(goes_on.map(|at| at + 1));
                }
                _ => {
                    self.state = State::Number { of_bin: letters == Some(3), value: 0 };
                    return false;
                }
            },
            State::Number { of_bin, value } => match octet {
                b'0'..=b'9' => {
                    self.has_hidden |= !of_bin;
                    let value = value.saturating_mul(10).saturating_add(u64::from(octet - b'0'));
                    self.state = State::Number { of_bin, value };
                    if self.reading == Reading::All && !of_bin {
                        self.digit(octet, out);
                    }
                }
                b'-' if value == 0 => self.state = State::Number { of_bin: false, value },
                _ => {
                    self.state = if of_bin && value > 0 { State::Raw(value) } else { State::Data };
                    // One blank belongs to the word.
                    return octet == b' ';
                }
            },
            State::Character(left) => {
                self.state = if left > 1 { State::Character(left - 1) } else { State::Data };
                self.has_hidden |= octet.is_ascii_hexdigit();
                if self.reading == Reading::All {
                    self.digit(octet, out);
                }
            }
            State::Raw(_) => self.state = State::Data,
        }
        true
    }

    fn data(&mut self, octet: u8, out: &mut Vec<u8>) {
        match octet {
            b'{' => {
                self.depth += 1;
                self.is_first = true;
            }
            b'}' => {
                self.over = self.depth == 0;
                if self.ignored == Some(self.depth) {
                    self.ignored = None;
                }
                self.depth = self.depth.saturating_sub(1);
                self.is_first = false;
            }
            b'\\' => self.state = State::Backslash,
            _ if octet.is_ascii_hexdigit() => {
                self.is_first = false;
                if self.counts(true) {
                    self.digit(octet, out);
                }
            }
            _ => {}
        }
    }

    /// Whether what stands here counts. `noted`: and that others may see it otherwise is noted.
    fn counts(&mut self, noted: bool) -> bool {
        self.has_hidden |= noted && self.ignored.is_some();
        self.has_inner |= noted && self.depth > 0 && self.ignored.is_none();
        match self.reading {
            Reading::Shown => self.ignored.is_none(),
            Reading::All => true,
            Reading::Own => self.depth == 0,
        }
    }

    fn digit(&mut self, octet: u8, out: &mut Vec<u8>) {
        let Some(value) = char::from(octet).to_digit(16).and_then(|value| u8::try_from(value).ok()) else { return };
        match self.half.take() {
            Some(high) => out.push(high << 4 | value),
            None => self.half = Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reading makes of it, at every cut; up to where, and what it notes.
    fn read(text: &[u8], reading: Reading) -> (Vec<u8>, usize, bool, bool) {
        let whole = {
            let (mut hexed, mut out) = (Hexed::new(reading), Vec::new());
            let taken = hexed.push(text, &mut out);
            (out, taken, hexed.has_hidden, hexed.has_inner)
        };
        for size in 1..text.len() {
            let (mut hexed, mut out, mut taken) = (Hexed::new(reading), Vec::new(), 0);
            for piece in text.chunks(size) {
                taken += hexed.push(piece, &mut out);
            }
            assert_eq!((out, taken, hexed.has_hidden, hexed.has_inner), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn digits_are_octets_whatever_stands_between_them() {
        let table: &[(&[u8], &[u8])] = &[
            (b" 6162}63", b"ab"),
            (b"\r\n6 1\t6\n2}", b"ab"),
            (b" 61xyz62}", b"ab"),
            (b" 6\\mmmm1\\par 162}", b"ab"),
            (b" 61\\'6262}", b"ab"),
            (b" 61{62}63}64", b"abc"),
            (b" 61{\\*\\x 62}63}64", b"ac"),
            (b" 61{\\*\\x{62}}63}64", b"ac"),
            (b" 61\\bin3 }}{62}", b"a}}{b"),
            (b" 61\\bin003 xyz62}", b"axyzb"),
            (b" 61\\bin-3 62}", b"ab"),
            (b" 61\\binx3 62}", b"ab"),
            (b" 61\\bin99999999999999999999999 xyz", b"axyz"),
            (b"1 6162}", b"ab"),
            (b"\\x1 6162}", b"ab"),
            (b" 616}", b"a"),
            (b"}61", b""),
            (b"", b""),
        ];
        for (text, octets) in table {
            assert_eq!(read(text, Reading::Shown).0, *octets, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn programs_that_count_others_are_noted() {
        let all = |text: &[u8]| read(text, Reading::All).0;
        let own = |text: &[u8]| read(text, Reading::Own).0;
        let noted = |text: &[u8]| (read(text, Reading::Shown).2, read(text, Reading::Shown).3);
        assert_eq!((all(b" 61{\\*\\x 62}63}"), noted(b" 61{\\*\\x 62}63}")), (b"abc".to_vec(), (true, false)));
        assert_eq!((own(b" 61{62}63}"), noted(b" 61{62}63}")), (b"ac".to_vec(), (false, true)));
        assert_eq!((all(b"6162}"), noted(b"6162}")), (b"ab".to_vec(), (true, false)));
        assert_eq!((all(b" 61\\'6263}"), noted(b" 61\\'6263}")), (b"abc".to_vec(), (true, false)));
        assert_eq!(noted(b" 6162{}\\par 63}"), (false, false));
    }
}
