//! Messages from a sender to a gateway to a backend, role to role, each leg by its own way: as many arrive as were
//! sent, and as what was sent. DATA becomes BDAT and BDAT becomes DATA on the way, with the dots that this takes.

use std::collections::VecDeque;

use smtpgw_smtp::{
    BareNewline, Body, Client, ClientEvent, Command, ContentWriter, ForwardPath, Limits, MailParameters,
    RecipientParameters, ReversePath, Verb, replies,
};

use super::listening::{Listening, Manners, Tls, offer, roomy};
use super::simple::{canonical, ended, is_canonical, messages, stuffed};
use crate::cuts::Cuts;

/// How a message goes over one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// DATA, by the client role.
    Data,
    /// BDAT by the client role, of which so many may be under way at a time.
    Chunks(usize),
    /// The same, and MAIL says that the content is binary.
    Binary(usize),
    /// DATA by a sender that leaves newlines as they are and stuffs only what stands behind CRLF.
    SloppyData,
    /// BDAT by one that leaves everything as it is.
    SloppyChunks,
}

impl Way {
    fn draw(cuts: &mut Cuts) -> Self {
        let window = usize::try_from(1 + cuts.below(3)).unwrap_or(1);
        match cuts.below(6) {
            0 => Self::SloppyData,
            1 => Self::SloppyChunks,
            2 => Self::Binary(window),
            3 => Self::Data,
            _ => Self::Chunks(window),
        }
    }

    /// The way behind this one: binary content stays binary (RFC 3030 §3), and no client role is sloppy.
    fn onward(self, cuts: &mut Cuts) -> Self {
        match (self, Self::draw(cuts)) {
            (Self::Binary(_), Self::Binary(window) | Self::Chunks(window)) => Self::Binary(window),
            (Self::Binary(_), _) => Self::Binary(1),
            (_, Self::Chunks(window) | Self::Binary(window)) => Self::Chunks(window),
            _ => Self::Data,
        }
    }

    /// What arrives of `message`, if it may.
    fn result(self, message: &[u8], bare_newline: BareNewline) -> Option<Vec<u8>> {
        match self {
            Self::Binary(_) => Some(message.to_vec()),
            Self::Data | Self::Chunks(_) => Some(ended(&canonical(message))),
            // A CR at its end stands before the CRLF that must be added.
            Self::SloppyData => permitted(&ended(message), bare_newline),
            Self::SloppyChunks => permitted(message, bare_newline),
        }
    }
}

fn permitted(content: &[u8], bare_newline: BareNewline) -> Option<Vec<u8>> {
    (bare_newline == BareNewline::Normalize || is_canonical(content)).then(|| canonical(content))
}

/// Messages, which a NUL separates, over two legs. What is no canonical text is mended on its way out, and is still one
/// message; or refused whole, and the next one arrives.
pub fn back_to_back(octets: &[u8]) {
    let mut cuts = Cuts::of(octets);
    let bare_newline = if cuts.below(2) == 0 { BareNewline::Reject } else { BareNewline::Normalize };
    let (mut first, mut second) = (Leg::new(bare_newline), Leg::new(BareNewline::Reject));
    let mut expected = Vec::new();
    for message in octets.split(|octet| *octet == 0).take(8) {
        written_whole(message, &mut cuts);
        // From the message alone: to change one changes no other's way.
        let mut cuts = Cuts::of(message);
        let way = Way::draw(&mut cuts);
        let arrived = first.bring(message, way, &mut cuts);
        assert_eq!(arrived, way.result(message, bare_newline), "{way:?}, {bare_newline:?}");
        let Some(content) = arrived else { continue };
        let onward = way.onward(&mut cuts);
        let delivered = second.bring(&content, onward, &mut cuts);
        assert_eq!(delivered, onward.result(&content, BareNewline::Reject), "{way:?}, then {onward:?}");
        expected.extend(delivered);
    }
    assert_eq!(messages(&second.wire), expected, "as the simplest reader reads it");
    first.end();
    second.end();
}

/// What the writer says of a message is so.
fn written_whole(message: &[u8], cuts: &mut Cuts) {
    let (mut wire, mut writer) = (Vec::new(), ContentWriter::new());
    cuts.pieces(message).iter().for_each(|piece| writer.write(piece, &mut wire));
    let end = writer.finish(&mut wire);
    let untouched = !end.repaired && !end.line_end_added;
    assert_eq!(untouched, is_canonical(message) && (message.is_empty() || message.ends_with(b"\n")));
    assert_eq!(wire, [stuffed(&ended(&canonical(message))), b".\r\n".to_vec()].concat());
}

/// A client role and a server role, and the wire between them.
struct Leg {
    client: Client,
    listening: Listening,
    /// All that the client role wrote.
    wire: Vec<u8>,
    /// Octets of the server role's output that were carried.
    carried: usize,
}

impl Leg {
    fn new(bare_newline: BareNewline) -> Self {
        let manners = Manners { bare_newline, limits: roomy(), offer: offer(), tls: Tls::Missing };
        let client = Client::new(Limits::default());
        let mut leg = Self { client, listening: Listening::new(manners), wire: Vec::new(), carried: 0 };
        let greeting = replies::greeting("mx.test");
        assert!(matches!(leg.client.receive(&greeting), Ok((_, Some(ClientEvent::Greeting(_))))));
        leg.ask(&[Command::Ehlo("c".into())], &mut Cuts::of(b""));
        leg
    }

    /// Sends a message; what arrived.
    fn bring(&mut self, message: &[u8], way: Way, cuts: &mut Cuts) -> Option<Vec<u8>> {
        let before = self.listening.heard.messages.len();
        match way {
            Way::Data => self.data(message, cuts),
            Way::Chunks(window) | Way::Binary(window) => {
                let body = matches!(way, Way::Binary(_)).then_some(Body::Binary);
                self.chunks(message, body, window, cuts);
            }
            Way::SloppyData => self.sloppy_data(message, cuts),
            Way::SloppyChunks => self.sloppy_chunks(message, cuts),
        }
        assert!(self.listening.heard.messages.len() <= before + 1, "it became several messages");
        self.listening.heard.messages.get(before).cloned()
    }

    fn data(&mut self, message: &[u8], cuts: &mut Cuts) {
        let [mail, recipient] = envelope(None);
        self.ask(&[mail, recipient, Command::Data], cuts);
        for piece in cuts.pieces(message) {
            assert_eq!(self.client.content(piece), Ok(()));
        }
        assert!(self.client.end_content().is_ok());
        assert_eq!(self.pump(cuts), [Verb::EndOfData]);
    }

    fn chunks(&mut self, message: &[u8], body: Option<Body>, window: usize, cuts: &mut Cuts) {
        self.ask(&envelope(body), cuts);
        let mut chunks: VecDeque<&[u8]> = cuts.pieces(message).into();
        if cuts.below(4) == 0 {
            // Half of it, taken back.
            for chunk in chunks.iter().take(chunks.len().div_ceil(2)) {
                assert_eq!(self.client.chunk(chunk), Ok(()));
                self.pump(cuts);
            }
            self.ask(&[Command::Reset], cuts);
            self.ask(&envelope(body), cuts);
        }
        let mut ended = false;
        while !ended {
            while !ended && self.client.outstanding().len() < window {
                let chunk = chunks.pop_front().unwrap_or_default();
                // The last octets stand in the last chunk, or in front of an empty one.
                ended = chunk.is_empty() || (chunks.is_empty() && cuts.below(2) == 0);
                let sent = if ended { self.client.last_chunk(chunk).map(drop) } else { self.client.chunk(chunk) };
                assert_eq!(sent, Ok(()));
            }
            self.pump(cuts);
        }
        assert_eq!(self.client.outstanding().len(), 0);
    }

    fn sloppy_data(&mut self, message: &[u8], cuts: &mut Cuts) {
        let content = [stuffed(&ended(message)), b".\r\n".to_vec()].concat();
        self.say(&[b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", &content[..]].concat(), cuts);
    }

    fn sloppy_chunks(&mut self, message: &[u8], cuts: &mut Cuts) {
        let mut wire = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n".to_vec();
        for chunk in cuts.pieces(message) {
            wire.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
        }
        // Behind a refused chunk, where there is no transaction, it is refused as well.
        wire.extend_from_slice(b"BDAT 0 LAST\r\n");
        self.say(&wire, cuts);
    }

    /// Says something without the client role, which hears nothing of the replies.
    fn say(&mut self, octets: &[u8], cuts: &mut Cuts) {
        cuts.pieces(octets).into_iter().for_each(|piece| self.listening.hear(piece));
        self.carried = self.listening.heard.output.len();
    }

    /// Sends commands in one group; each is answered.
    fn ask(&mut self, commands: &[Command], cuts: &mut Cuts) {
        for command in commands {
            assert_eq!(self.client.send(command), Ok(()));
        }
        let verbs: Vec<Verb> = commands.iter().map(Command::verb).collect();
        assert_eq!(self.pump(cuts), verbs);
    }

    /// Carries what is written to and fro, in pieces, until nobody says anything more; what was answered.
    fn pump(&mut self, cuts: &mut Cuts) -> Vec<Verb> {
        let output = std::mem::take(self.client.output());
        cuts.pieces(&output).into_iter().for_each(|piece| self.listening.hear(piece));
        self.wire.extend(output);
        let replies = self.listening.heard.output.get(self.carried..).unwrap_or_default().to_vec();
        self.carried += replies.len();
        let (mut unread, mut answered) = (Vec::new(), Vec::new());
        for piece in cuts.pieces(&replies) {
            unread.extend_from_slice(piece);
            loop {
                match self.client.receive(&unread) {
                    Ok((0, None)) => break,
                    Ok((consumed, event)) => {
                        unread.drain(..consumed);
                        if let Some(ClientEvent::Reply { to, reply }) = event {
                            let right =
                                if to == Verb::Data { reply.is_intermediate() } else { reply.is_positive_completion() };
                            assert!(right, "{to:?} was answered {reply}");
                            answered.push(to);
                        }
                    }
                    Err(error) => panic!("the client role is not content: {error:?}"),
                }
            }
        }
        assert!(unread.is_empty(), "half a reply");
        answered
    }

    fn end(self) {
        self.listening.done();
    }
}

fn envelope(body: Option<Body>) -> [Command; 2] {
    let (Ok(reverse_path), Ok(forward_path)) = (ReversePath::parse("<a@b>"), ForwardPath::parse("<c@d>")) else {
        panic!("paths");
    };
    let mut parameters = MailParameters::default();
    parameters.body = body;
    let recipient = Command::Recipient { forward_path, parameters: RecipientParameters::default() };
    [Command::Mail { reverse_path, parameters }, recipient]
}
