//! Removes header fields from a raw message while it streams by.
//!
//! Used to take out forged fields (`X-Spam-Status`) before ours go on top. Everything else passes octet for octet.
//! Names match in upper and lower case alike, also with blanks, NUL or other controls before the colon, as lenient
//! programs accept them. The continuation lines of a removed field go with it. Looked at is the message's own
//! header, up to its first empty line; lines that are no field do not end it here, so that a program which skips
//! them finds no forged field behind them. Memory: the beginning of one line, at most 1,024 octets.

use alloc::vec::Vec;

/// Octets of a line that may be held back while it still could be a field to remove. A line of that name with more
/// blanks before its colon than fit is removed without having seen the colon.
const HELD: usize = 1024;

/// Removes named fields.
#[derive(Clone, Debug)]
pub struct FieldRemover {
    /// In lower case.
    names: Vec<Vec<u8>>,
    state: State,
    /// The beginning of the current line, while it is undecided.
    held: Vec<u8>,
}

/// What the field before the current line was is kept as `removing`, for its continuation lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the beginning of a line, or in what may be a name to remove.
    Name { removing: bool },
    /// After such a name and blanks: a colon decides.
    Blanks,
    /// Decided: the line stays or goes.
    Line { removing: bool },
    /// After the header.
    Body,
}

enum Verdict {
    Undecided,
    /// A name to remove is complete, its colon has not come yet.
    Named,
    Remove,
    Keep,
    /// The empty line.
    End,
}

impl FieldRemover {
    /// Will remove all fields of these names.
    pub fn new(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| name.to_ascii_lowercase().into_bytes()).collect(),
            state: State::Name { removing: false },
            held: Vec::new(),
        }
    }

    /// Reads the next octets of the message and appends what stays to `out`.
    pub fn push(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        let mut rest = raw;
        while !rest.is_empty() {
            match self.state {
                State::Body => {
                    out.extend_from_slice(rest);
                    return;
                }
                State::Line { removing } => {
                    let end = memchr::memchr(b'\n', rest).map(|at| at + 1);
                    let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
                    if !removing {
                        out.extend_from_slice(line);
                    }
                    if end.is_some() {
                        self.state = State::Name { removing };
                    }
                    rest = after;
                }
                State::Name { .. } | State::Blanks => {
                    let Some((&octet, after)) = rest.split_first() else { return };
                    rest = after;
                    self.held.push(octet);
                    self.state = match self.judge(octet) {
                        Verdict::Undecided => continue,
                        Verdict::Named => State::Blanks,
                        Verdict::End => {
                            out.append(&mut self.held);
                            State::Body
                        }
                        Verdict::Keep => {
                            out.append(&mut self.held);
                            after_decision(octet, false)
                        }
                        Verdict::Remove => {
                            self.held.clear();
                            after_decision(octet, true)
                        }
                    };
                }
            }
        }
    }

    /// The message is complete: gives back what was held.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.state = State::Body;
    }

    /// Judges the beginning of a line by what is held of it; `last` is the last octet of that.
    fn judge(&self, last: u8) -> Verdict {
        if self.state == State::Blanks {
            return match last {
                b':' => Verdict::Remove,
                b'\n' => Verdict::Keep,
                0..=b' ' if self.held.len() >= HELD => Verdict::Remove,
                0..=b' ' => Verdict::Undecided,
                _ => Verdict::Keep,
            };
        }
        let removing = self.state == State::Name { removing: true };
        match self.held.as_slice() {
            [b'\n'] | [b'\r', b'\n'] => return Verdict::End,
            [b'\r'] => return Verdict::Undecided,
            [b' ' | b'\t'] if removing => return Verdict::Remove,
            [b' ' | b'\t'] => return Verdict::Keep,
            _ => {}
        }
        let name = match last {
            b':' | 0..=b' ' => self.held.split_last().map_or(&[][..], |(_, name)| name),
            _ => &self.held,
        };
        let known = |whole: bool| {
            self.names.iter().any(|known| {
                let head = if whole { Some(known.as_slice()) } else { known.get(..name.len()) };
                head.is_some_and(|head| head.eq_ignore_ascii_case(name))
            })
        };
        match last {
            b':' if known(true) => Verdict::Remove,
            b':' | b'\n' => Verdict::Keep,
            0..=b' ' if known(true) => Verdict::Named,
            0..=b' ' => Verdict::Keep,
            _ if known(false) => Verdict::Undecided,
            _ => Verdict::Keep,
        }
    }
}

/// The state after a line was decided on; `last` is the octet that decided.
fn after_decision(last: u8, removing: bool) -> State {
    if last == b'\n' { State::Name { removing } } else { State::Line { removing } }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use alloc::string::String;
    use alloc::vec;
    use smtpgw_testkit::splits::every_split;

    fn remove(raw: &str) -> String {
        every_split(raw.as_bytes(), |pieces| {
            let mut remover = FieldRemover::new(&["X-Spam-Flag", "X-Spam-Status", "X-Spam"]);
            let mut out = Vec::new();
            for piece in pieces {
                remover.push(piece, &mut out);
            }
            remover.finish(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn removes_by_name_alone() {
        let table = [
            ("A: 1\r\nX-Spam-Flag: YES\r\nB: 2\r\n\r\nbody", "A: 1\r\nB: 2\r\n\r\nbody"),
            ("x-SPAM-flag:YES\r\n\r\n", "\r\n"),
            ("X-Spam-Flag : YES\r\nB: 2\r\n\r\n", "B: 2\r\n\r\n"),
            ("X-Spam-Flag\t \0: YES\r\nB: 2\r\n\r\n", "B: 2\r\n\r\n"),
            ("X-Spam: 1\r\nX-Spam-Status: 2\r\nX-Spam-Statu: 3\r\n\r\n", "X-Spam-Statu: 3\r\n\r\n"),
            ("X-Spam-Fl: 1\r\nX-Spam-Fl : 2\r\n\r\n", "X-Spam-Fl: 1\r\nX-Spam-Fl : 2\r\n\r\n"),
            ("X-Spam-Flag x: 1\r\n\r\n", "X-Spam-Flag x: 1\r\n\r\n"),
            ("X-Spam-Flags: 1\r\n\r\n", "X-Spam-Flags: 1\r\n\r\n"),
            ("X-Spam-Flag: a\r\n b\r\n\tc\r\nB: 2\r\n folded\r\n\r\n", "B: 2\r\n folded\r\n\r\n"),
            ("A: 1\r\n X-Spam-Flag: YES\r\n\r\n", "A: 1\r\n X-Spam-Flag: YES\r\n\r\n"),
            ("A: 1\r\n\r\nX-Spam-Flag: YES\r\n", "A: 1\r\n\r\nX-Spam-Flag: YES\r\n"),
            ("A: 1\n\nX-Spam-Flag: YES\n", "A: 1\n\nX-Spam-Flag: YES\n"),
            ("X-Spam-Flag: YES\nA: 1\n", "A: 1\n"),
            ("no field\r\nX-Spam-Flag: YES\r\n\r\nbody", "no field\r\n\r\nbody"),
            ("X-Spam-Flag\r\nX-Spam-Flag: YES\r\n\r\n", "X-Spam-Flag\r\n\r\n"),
            ("\r\nX-Spam-Flag: YES\r\n", "\r\nX-Spam-Flag: YES\r\n"),
            ("X-Spam-Flag", "X-Spam-Flag"),
            ("X-Spam-Flag: YES", ""),
            ("", ""),
        ];
        for (raw, kept) in table {
            assert_eq!(remove(raw), kept, "{raw:?}");
        }
    }

    #[test]
    fn endless_blanks_before_the_colon_do_not_hide_a_field_nor_fill_memory() {
        let mut remover = FieldRemover::new(&["X-Spam-Flag"]);
        let mut out = Vec::new();
        remover.push(b"X-Spam-Flag", &mut out);
        for _ in 0..100 {
            remover.push(&[b' '; 1000], &mut out);
            assert!(remover.held.capacity() <= 2 * HELD);
        }
        remover.push(b": YES\r\nA: 1\r\n\r\n", &mut out);
        assert_eq!(out, b"A: 1\r\n\r\n");
    }

    #[test]
    fn octets_of_the_body_pass_untouched() {
        let body: Vec<u8> = (0..=255).collect();
        let mut remover = FieldRemover::new(&["X"]);
        let mut out = Vec::new();
        remover.push(b"X: 1\r\n\r\n", &mut out);
        remover.push(&body, &mut out);
        assert_eq!(out, [&b"\r\n"[..], &body].concat());
        assert_eq!(vec![out.len()], [258]);
    }
}
