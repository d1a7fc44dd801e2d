//! Dialogues as text files: anyone can write one, and it runs against a machine in every cutting.
//!
//! One line, one thing; blank lines and lines that begin with `#` are skipped:
//!
//! | line | meaning |
//! |---|---|
//! | `@ server` or `@ client` | first of all: which side is under test |
//! | `C: text` | a line of the client, CRLF is added |
//! | `C> text` | octets of the client, nothing is added |
//! | `S: text`, `S> text` | the same of the server |
//! | `S~ text` | (expected side only) a line that begins with this |
//! | `! text` | an instruction to the machine's driver: a decision, an option |
//! | `= text` | what the driver must have noted by now, in order |
//!
//! In texts `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` stand for octets, and `\*9{x}` for nine times `x`. What the side
//! under test says is compared to the octet; at the end nothing may be left unsaid or unexpected.

use std::fmt::Write as _;

/// The machine under test, with something that makes its decisions.
pub trait Speaker {
    /// Octets from the other side.
    fn hear(&mut self, octets: &[u8]);
    /// What it wants to say since the last call.
    fn speak(&mut self) -> Vec<u8>;
    /// Follows an instruction of the dialogue.
    ///
    /// # Errors
    /// If the driver does not know it.
    fn instruct(&mut self, instruction: &str) -> Result<(), String>;
    /// What happened since the last call, one text each.
    fn notes(&mut self) -> Vec<String>;
}

/// Which side is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one that says `S:`.
    Server,
    /// The one that says `C:`.
    Client,
}

/// One dialogue.
#[derive(Clone, Debug)]
pub struct Dialogue {
    name: String,
    role: Role,
    steps: Vec<(usize, Step)>,
}

#[derive(Clone, Debug)]
enum Step {
    Hear(Vec<u8>),
    Expect(Vec<u8>),
    ExpectLine(Vec<u8>),
    Instruct(String),
    Note(String),
}

impl Dialogue {
    /// Reads a dialogue; `name` is for messages.
    ///
    /// # Errors
    /// Names the line that cannot be read.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut role = None;
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let at = index + 1;
            let wrong = |what: &str| format!("{name}:{at}: {what}: {line}");
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (sign, rest) = line.split_once(' ').unwrap_or((line, ""));
            let step = match (sign, role) {
                ("@", None) => {
                    role = Some(match rest {
                        "server" => Role::Server,
                        "client" => Role::Client,
                        _ => return Err(wrong("no such side")),
                    });
                    continue;
                }
                (_, None) => return Err(wrong("the side under test must be named first")),
                ("!", _) => Step::Instruct(rest.into()),
                ("=", _) => Step::Note(rest.into()),
                (_, Some(role)) => {
                    let mut octets = unescape(rest).ok_or_else(|| wrong("bad escape"))?;
                    let heard = sign.starts_with(if role == Role::Server { 'C' } else { 'S' });
                    if !sign.starts_with(['C', 'S']) {
                        return Err(wrong("unknown line"));
                    }
                    match (sign.get(1..), heard) {
                        (Some("~"), false) => Step::ExpectLine(octets),
                        (Some(":"), _) => {
                            octets.extend_from_slice(b"\r\n");
                            if heard { Step::Hear(octets) } else { Step::Expect(octets) }
                        }
                        (Some(">"), true) => Step::Hear(octets),
                        (Some(">"), false) => Step::Expect(octets),
                        _ => return Err(wrong("unknown line")),
                    }
                }
            };
            steps.push((at, step));
        }
        let role = role.ok_or_else(|| format!("{name}: the dialogue is empty"))?;
        Ok(Self { name: name.into(), role, steps })
    }

    /// Which side is under test.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Plays the dialogue; what is said to `speaker` without an expectation between is one burst, cut into pieces of
    /// `cut` octets.
    ///
    /// # Errors
    /// The first difference, with the line it shows at.
    pub fn play(&self, speaker: &mut dyn Speaker, cut: usize) -> Result<(), String> {
        let mut burst = Vec::new();
        let mut said = Vec::new();
        let mut notes = std::collections::VecDeque::new();
        for (at, step) in &self.steps {
            if let Step::Hear(octets) = step {
                burst.extend_from_slice(octets);
                continue;
            }
            hear(speaker, &mut burst, cut);
            said.extend(speaker.speak());
            notes.extend(speaker.notes());
            let wrong = |what: String| Err(format!("{}:{at} (cut {cut}): {what}", self.name));
            match step {
                Step::Hear(_) => {}
                Step::Instruct(instruction) => {
                    if let Err(error) = speaker.instruct(instruction) {
                        return wrong(error);
                    }
                }
                Step::Note(expected) => match notes.pop_front() {
                    Some(note) if note == *expected => {}
                    found => return wrong(format!("expected the note {expected:?}, found {found:?}")),
                },
                Step::Expect(expected) if said.starts_with(expected) => drop(said.drain(..expected.len())),
                Step::ExpectLine(expected) if said.starts_with(expected) => {
                    let end = said.iter().position(|octet| *octet == b'\n').map_or(said.len(), |end| end + 1);
                    said.drain(..end);
                }
                Step::Expect(expected) | Step::ExpectLine(expected) => {
                    return wrong(format!("expected {}, said {}", escape(expected), escape(&said)));
                }
            }
        }
        hear(speaker, &mut burst, cut);
        said.extend(speaker.speak());
        notes.extend(speaker.notes());
        if said.is_empty() && notes.is_empty() {
            Ok(())
        } else {
            Err(format!("{} (cut {cut}): left at the end: said {}, noted {notes:?}", self.name, escape(&said)))
        }
    }
}

fn hear(speaker: &mut dyn Speaker, burst: &mut Vec<u8>, cut: usize) {
    for piece in burst.chunks(cut.max(1)) {
        speaker.hear(piece);
    }
    burst.clear();
}

/// Octets as they are written in a dialogue.
pub fn escape(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            0 => text.push_str("\\0"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*octet)),
            // Writing to a String cannot fail.
            other => drop(write!(text, "\\x{other:02x}")),
        }
    }
    text
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        octets.extend_from_slice(&rest.as_bytes()[..at]);
        let escaped = &rest[at + 1..];
        let mut used = 1;
        match escaped.chars().next()? {
            'r' => octets.push(b'\r'),
            'n' => octets.push(b'\n'),
            't' => octets.push(b'\t'),
            '0' => octets.push(0),
            '\\' => octets.push(b'\\'),
            'x' => {
                octets.push(u8::from_str_radix(escaped.get(1..3)?, 16).ok()?);
                used = 3;
            }
            '*' => {
                let (count, behind) = escaped.get(1..)?.split_once('{')?;
                let (what, _) = behind.split_once('}')?;
                let count: usize = count.parse().ok()?;
                octets.extend(what.as_bytes().repeat(count));
                used = escaped.find('}')? + 1;
            }
            _ => return None,
        }
        rest = &escaped[used..];
    }
    octets.extend_from_slice(rest.as_bytes());
    Some(octets)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;

    /// Answers every octet with its upper case, and notes how many octets each call brought.
    #[derive(Default)]
    struct Shouter {
        said: Vec<u8>,
        notes: Vec<String>,
    }

    impl Speaker for Shouter {
        fn hear(&mut self, octets: &[u8]) {
            self.notes.push(format!("{} octets", octets.len()));
            self.said.extend(octets.to_ascii_uppercase());
        }
        fn speak(&mut self) -> Vec<u8> {
            std::mem::take(&mut self.said)
        }
        fn instruct(&mut self, instruction: &str) -> Result<(), String> {
            if instruction == "cough" { Ok(()) } else { Err("unknown instruction".into()) }
        }
        fn notes(&mut self) -> Vec<String> {
            std::mem::take(&mut self.notes)
        }
    }

    fn play(text: &str, cut: usize) -> Result<(), String> {
        Dialogue::parse("t", text).unwrap().play(&mut Shouter::default(), cut)
    }

    #[test]
    fn what_is_said_and_noted_is_compared() {
        play("@ server\n# a comment\n\n! cough\nC: ab\nC> c\\x64\nS: AB\nS~ C\n= 6 octets\n", usize::MAX).unwrap();
        play("@ client\nS: a\nC: A\n= 2 octets\n= 1 octets\n", 2).unwrap();
        play("@ server\nC> \\*3{ab}!\nS> ABABAB!\n= 7 octets\n", 9).unwrap();
    }

    #[test]
    fn every_difference_is_found() {
        for (text, message) in [
            ("@ server\nC: a\nS: B\n", "t:3 (cut 9): expected B\\r\\n, said A\\r\\n"),
            ("@ server\nC: a\nS: A\nS: B\n= 3 octets", "expected B"),
            ("@ server\nC: a\nS: A\n", "noted [\"3 octets\"]"),
            ("@ server\nC: a\n= 3 octets\n", "said A"),
            ("@ server\nC: a\n= 4 octets\n", "expected the note"),
            ("@ server\n! sneeze\n", "unknown instruction"),
        ] {
            let error = play(text, 9).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        for text in ["", "C: a", "@ nobody", "@ server\nX: a", "@ server\nC? a", "@ server\nC: \\q", "@ server\nC~ a"] {
            assert!(Dialogue::parse("t", text).is_err(), "{text}");
        }
    }

    #[test]
    fn escapes_are_read_back() {
        let octets: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&escape(&octets)).unwrap(), octets);
    }
}
