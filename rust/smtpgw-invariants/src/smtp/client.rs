//! The client role, whatever a server says to it.

use std::collections::VecDeque;

use smtpgw_smtp::{
    AuthAnswer, Body, Client, ClientEvent, ClientStateName, Command, ForwardPath, Limits, MailParameters, Mechanism,
    Misuse, RecipientParameters, ReversePath, Secret, Verb, XclientAttributes, XclientName, XclientValue,
    XforwardAttributes, XforwardName, xclient_commands, xforward_commands,
};

use super::simple::is_canonical;
use crate::cuts::Cuts;

/// Whatever a server says to a client that goes on with its mail: how each reply is cut does not show, only its own
/// error comes back, and each reply answers the oldest command without one. Where one reply ends and the next begins
/// may show: what comes before it was due answers nothing.
pub fn client(octets: &[u8]) {
    let turns = turns(octets);
    let mut cuts = Cuts::of(octets);
    for plan in PLANS {
        let whole = conversation(*plan, turns.iter().copied());
        let pieces = turns.iter().flat_map(|turn| cuts.pieces(turn));
        assert_eq!(conversation(*plan, pieces), whole, "in pieces and whole");
        assert_eq!(conversation(*plan, octets.chunks(1)), whole, "octet by octet and whole");
        // In time up to some reply, and then all the rest at once: whatever it comes to, nothing that came behind the
        // 220 is read inside TLS.
        let mut begin = 0;
        for (at, turn) in turns.iter().enumerate().take(GLUTS) {
            conversation(*plan, turns.iter().copied().take(at).chain(octets.get(begin..)));
            begin += turn.len();
        }
    }
}

/// How many replies come in time at most, where the rest does not.
const GLUTS: usize = 16;

/// What stands between the ends of replies: the lines whose fourth octet is no hyphen.
fn turns(octets: &[u8]) -> Vec<&[u8]> {
    let mut turns = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        at += line.len();
        if line.get(3) != Some(&b'-') {
            turns.extend(octets.get(begin..at));
            begin = at;
        }
    }
    turns.extend(octets.get(begin..));
    turns
}

/// One thing a client does when it may.
#[derive(Clone, Copy)]
enum Step {
    Ehlo,
    Helo,
    Starttls,
    Auth(bool),
    Xclient,
    Xforward,
    Mail(Option<Body>),
    Recipient,
    Data,
    Chunk(&'static [u8]),
    LastChunk(&'static [u8]),
    Reset,
    Quit,
}

/// What a client is about, and whether it sends as much as it may without waiting.
type Plan = (bool, &'static [Step]);

const MAIL: Step = Step::Mail(None);

const PLANS: &[Plan] = &[
    (false, &[Step::Helo, MAIL, Step::Recipient, Step::Data, Step::Quit]),
    (false, &[Step::Ehlo, MAIL, Step::Recipient, Step::Data, MAIL, Step::Reset]),
    (
        true,
        &[
            Step::Ehlo,
            MAIL,
            Step::Recipient,
            Step::Recipient,
            Step::Data,
            MAIL,
            Step::Recipient,
            Step::Data,
            Step::Quit,
        ],
    ),
    (
        true,
        &[
            Step::Ehlo,
            MAIL,
            Step::Recipient,
            Step::Chunk(b"Subject: x\r\n\r"),
            Step::Chunk(b"\n.\r\n"),
            Step::LastChunk(b".."),
            Step::Mail(Some(Body::Binary)),
            Step::Recipient,
            Step::Chunk(b"\n\0\r"),
            Step::Reset,
            MAIL,
            Step::Recipient,
            Step::LastChunk(b""),
            Step::Quit,
        ],
    ),
    (
        true,
        &[Step::Ehlo, Step::Starttls, Step::Ehlo, Step::Auth(true), Step::Starttls, MAIL, Step::Recipient, Step::Data],
    ),
    (
        true,
        &[
            Step::Ehlo,
            Step::Auth(false),
            Step::Auth(true),
            MAIL,
            Step::Recipient,
            Step::LastChunk(b"x\r\n"),
            Step::Quit,
        ],
    ),
    (
        true,
        &[
            Step::Ehlo,
            Step::Xclient,
            Step::Xclient,
            Step::Ehlo,
            Step::Xforward,
            MAIL,
            Step::Recipient,
            Step::Data,
            Step::Quit,
        ],
    ),
];

impl Step {
    fn command(self) -> Option<Command> {
        Some(match self {
            Self::Ehlo => Command::Ehlo("c".into()),
            Self::Helo => Command::Helo("c".into()),
            Self::Starttls => Command::Starttls,
            Self::Auth(initial) => Command::Auth {
                mechanism: if initial { Mechanism::Plain } else { Mechanism::Login },
                initial: if initial { Secret::parse(b"AGEAYg==") } else { None },
            },
            Self::Xclient => {
                let attributes = XclientAttributes::EMPTY.with(XclientName::Addr);
                let value = (XclientName::Addr, XclientValue::Known("192.0.2.1"));
                xclient_commands(attributes, &[value]).into_iter().next()?
            }
            Self::Xforward => {
                let attributes = XforwardAttributes::EMPTY.with(XforwardName::Addr);
                let value = (XforwardName::Addr, XclientValue::Known("192.0.2.1"));
                xforward_commands(attributes, &[value]).into_iter().next()?
            }
            Self::Mail(body) => {
                let mut parameters = MailParameters::default();
                parameters.body = body;
                Command::Mail { reverse_path: ReversePath::parse("<a@b>").ok()?, parameters }
            }
            Self::Recipient => Command::Recipient {
                forward_path: ForwardPath::parse("<c@d>").ok()?,
                parameters: RecipientParameters::default(),
            },
            Self::Data => Command::Data,
            Self::Reset => Command::Reset,
            Self::Quit => Command::Quit,
            Self::Chunk(_) | Self::LastChunk(_) => return None,
        })
    }
}

struct Talking {
    client: Client,
    pipelines: bool,
    steps: VecDeque<Step>,
    /// Commands in the order in which they were sent, as long as they are not answered.
    sent: VecDeque<Verb>,
    answers: usize,
    /// The last answer was that there is none.
    cancelled: bool,
    /// Some content was binary.
    binary: bool,
    told: Vec<String>,
    written: Vec<u8>,
}

/// What came of it: what was told, and what was written.
fn conversation<'a>((pipelines, steps): Plan, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Vec<u8>) {
    let client = Client::new(Limits::default());
    let mut talking = Talking {
        client,
        pipelines,
        steps: steps.iter().copied().collect(),
        sent: VecDeque::new(),
        answers: 0,
        cancelled: false,
        binary: false,
        told: Vec::new(),
        written: Vec::new(),
    };
    let mut unread = Vec::new();
    for piece in pieces {
        unread.extend_from_slice(piece);
        if !talking.hear(&mut unread) {
            break;
        }
    }
    (talking.told, talking.written)
}

impl Talking {
    /// Reads what there is; false once the connection is of no use.
    fn hear(&mut self, unread: &mut Vec<u8>) -> bool {
        loop {
            match self.client.receive(unread) {
                Err(error) => {
                    self.told.push(format!("{error:?}"));
                    assert_eq!(self.client.state(), ClientStateName::Closed);
                    return false;
                }
                Ok((0, None)) => return true,
                Ok((consumed, event)) => {
                    assert!(consumed <= unread.len());
                    unread.drain(..consumed);
                    let Some(event) = event else { continue };
                    if let ClientEvent::Reply { to, reply } = &event {
                        assert_eq!(self.sent.pop_front(), Some(*to), "a reply to another command");
                        let refused = reply.is_transient() || reply.is_permanent();
                        assert!(refused || !std::mem::take(&mut self.cancelled), "authenticated by giving up");
                        self.cancelled = false;
                    }
                    self.told.push(format!("{event:?}"));
                    if self.client.state() == ClientStateName::Handshake {
                        assert!(unread.is_empty(), "octets behind the 220 were kept");
                    }
                    self.go_on();
                }
            }
        }
    }

    /// Sends what may be sent.
    fn go_on(&mut self) {
        match self.client.state() {
            ClientStateName::Content => {
                assert!(self.client.content(b"Subject: x\r\n\r\n.\r\n").is_ok());
                assert!(self.client.end_content().is_ok());
                self.sent.push_back(Verb::EndOfData);
            }
            ClientStateName::Handshake => {
                assert!(self.sent.is_empty(), "commands before the handshake wait for replies behind it");
                self.client.starttls_done();
                assert!(!self.client.is_authenticated() && !self.client.extensions().pipelining);
            }
            ClientStateName::Exchange => {
                self.answers += 1;
                let answer = Secret::parse(b"YQ==").filter(|_| !self.answers.is_multiple_of(3));
                self.cancelled = answer.is_none();
                let answer = answer.map_or(AuthAnswer::Cancel, AuthAnswer::Response);
                assert!(self.client.answer(&answer).is_ok());
                self.sent.push_back(Verb::Auth);
            }
            _ => {}
        }
        while self.client.state() != ClientStateName::Exchange
            && let Some(step) = self.steps.front().copied()
        {
            let before = self.client.outstanding().len();
            if before > 0 && !self.pipelines {
                break;
            }
            match self.perform(step) {
                Err(Misuse::MustWait | Misuse::OutOfPlace) if before > 0 => break,
                done => assert_ne!(done, Err(Misuse::MustWait), "there is nothing to wait for"),
            }
            // Out of place after a refusal, or not offered, and then there is nothing to send.
            self.steps.pop_front();
            if self.client.outstanding().len() > before {
                self.sent.extend(self.client.outstanding().last());
            }
        }
        let output = std::mem::take(self.client.output());
        self.binary |= self.client.is_binary();
        assert!(self.binary || is_canonical(&output), "a bare CR or LF was written");
        self.written.extend(output);
    }

    fn perform(&mut self, step: Step) -> Result<(), Misuse> {
        match step {
            Step::Chunk(content) => self.client.chunk(content),
            Step::LastChunk(content) => self.client.last_chunk(content).map(drop),
            step => step.command().map_or(Ok(()), |command| self.client.send(&command)),
        }
    }
}

/// A reply as it comes in, if it is one, and as it would go out to a client: it is the same reply, on lines that
/// nobody reads otherwise.
pub fn reply(octets: &[u8]) {
    let Ok((_, Some(ClientEvent::Greeting(first)))) = Client::new(Limits::default()).receive(octets) else { return };
    let mut written = Vec::new();
    first.write_to(&mut written);
    assert!(written.ends_with(b"\r\n") && is_canonical(&written));
    let lines: Vec<&[u8]> = written.split_inclusive(|octet| *octet == b'\n').collect();
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line.get(..3), Some(first.code().value().to_string().as_bytes()));
        assert_eq!(line.get(3), Some(if at + 1 == lines.len() { &b' ' } else { &b'-' }));
        assert!(line.iter().all(|octet| matches!(octet, b'\r' | b'\n' | b'\t' | b' '..=b'~' | 0x80..)));
    }
    match Client::new(Limits::default()).receive(&written) {
        Ok((consumed, Some(ClientEvent::Greeting(second)))) => {
            assert_eq!(consumed, written.len());
            assert_eq!(second, first);
        }
        other => panic!("what we write is no reply to ourselves: {other:?}"),
    }
}
