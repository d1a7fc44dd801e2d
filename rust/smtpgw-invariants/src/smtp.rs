//! SMTP in both roles: the cut does not show, and nobody disagrees on where a message ends.

use smtpgw_smtp::{
    BareNewline, Client, ClientEvent, Command, ContentWriter, ForwardPath, Limits, MailParameters, Mechanism,
    Mechanisms, Offer, RecipientParameters, ReplyCode, ReversePath, Server, ServerEvent, ServerOptions, StateName,
    replies,
};

use crate::cuts::{Cuts, cut_does_not_show};

/// Limits that end no conversation early, and that small inputs still reach.
fn limits() -> Limits {
    Limits {
        errors: 1_000_000,
        junk: 1_000_000,
        command_line: 512,
        text_line: 1_000,
        message_size: 3_000,
        recipients: 5,
        ..Limits::default()
    }
}

/// Without STARTTLS: a handshake makes the outcome depend on when octets come, which is its point.
fn offer() -> Offer {
    Offer {
        eight_bit_mime: true,
        chunking: true,
        smtputf8: true,
        dsn: true,
        pipelining: true,
        enhanced_status_codes: true,
        auth: Mechanisms::EMPTY.with(Mechanism::Plain).with(Mechanism::Login),
        ..Offer::default()
    }
}

/// What a server role made of its input.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    events: Vec<String>,
    /// Content of the messages that came to their end.
    messages: Vec<Vec<u8>>,
    output: Vec<u8>,
    state: Option<StateName>,
}

/// A server role that accepts everything but recipients whose name begins with `no`; whoever authenticates without an initial
/// response is asked once.
struct Listening {
    server: Server,
    unread: Vec<u8>,
    content: Vec<u8>,
    heard: Heard,
}

impl Listening {
    fn new(bare_newline: BareNewline, limits: Limits) -> Self {
        let options = ServerOptions { hostname: "mx.test".into(), limits, bare_newline };
        Self { server: Server::new(options, offer()), unread: Vec::new(), content: Vec::new(), heard: Heard::default() }
    }

    fn hear(&mut self, piece: &[u8]) {
        self.unread.extend_from_slice(piece);
        loop {
            let unread = std::mem::take(&mut self.unread);
            let received = self.server.receive(&unread);
            assert!(received.consumed <= unread.len());
            let progress = received.consumed > 0 || received.event.is_some();
            match received.event {
                Some(ServerEvent::Content(octets)) => self.content.extend_from_slice(octets),
                Some(event) => {
                    if matches!(event, ServerEvent::EndOfData) {
                        self.heard.messages.push(std::mem::take(&mut self.content));
                    } else if matches!(event, ServerEvent::Data | ServerEvent::ChunkStart) {
                        self.content.clear();
                    }
                    self.heard.events.push(format!("{event:?}"));
                    self.answer();
                }
                None => {}
            }
            self.unread = unread.get(received.consumed..).unwrap_or_default().to_vec();
            self.heard.output.append(self.server.output());
            if !progress {
                return;
            }
        }
    }

    fn answer(&mut self) {
        let refused = self.heard.events.last().is_some_and(|event| event.contains("local: \"no"));
        match self.server.state() {
            StateName::MailPending => self.server.reply(&replies::SENDER_OK),
            StateName::RecipientPending if refused => {
                if let Some(code) = ReplyCode::new(550) {
                    self.server.reply(&smtpgw_smtp::Reply::new(code, None, "no such user"));
                }
            }
            StateName::RecipientPending => self.server.reply(&replies::RECIPIENT_OK),
            StateName::AuthPending => {
                let last = self.heard.events.last().map_or("", String::as_str);
                let asked = last.ends_with("initial: None }");
                let code = if asked {
                    334
                } else if last.contains("Cancel") {
                    501
                } else {
                    235
                };
                if let Some(code) = ReplyCode::new(code) {
                    self.server.reply(&smtpgw_smtp::Reply::new(code, None, ""));
                }
            }
            StateName::DataPending => self.server.start_content(),
            StateName::EndPending => self.server.reply(&replies::MESSAGE_OK),
            _ => {}
        }
    }

    fn done(mut self) -> Heard {
        self.heard.state = Some(self.server.state());
        self.heard
    }
}

const HELLO: &[u8] = b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

/// Whatever a client says, from its first octet and in the middle of a transaction: the cut does not show, no message
/// is longer than allowed, and none has a bare CR or LF in it.
pub fn server(octets: &[u8]) {
    for bare_newline in [BareNewline::Reject, BareNewline::Normalize] {
        for before in [&b""[..], HELLO] {
            cut_does_not_show(octets, |pieces| {
                let mut listening = Listening::new(bare_newline, limits());
                listening.hear(before);
                pieces.iter().for_each(|piece| listening.hear(piece));
                let heard = listening.done();
                for message in &heard.messages {
                    assert!(message.len() as u64 <= limits().message_size);
                    assert!(is_canonical(message), "a bare CR or LF was let in");
                }
                heard
            });
        }
    }
}

/// Content behind DATA, against the simplest reader there is: it ends at the first CRLF.CRLF and nowhere else, and a
/// bare CR or LF before that refuses it.
pub fn content(octets: &[u8]) {
    let behind = [b"\r\n", octets].concat();
    let end = behind.windows(5).position(|five| five == b"\r\n.\r\n");
    let roomy = Limits { message_size: 1 << 30, text_line: 1 << 20, ..limits() };
    cut_does_not_show(octets, |pieces| {
        let mut listening = Listening::new(BareNewline::Reject, roomy);
        listening.hear(HELLO);
        listening.hear(b"DATA\r\n");
        pieces.iter().for_each(|piece| listening.hear(piece));
        let heard = listening.done();
        let ends = heard.events.iter().filter(|event| event.starts_with("EndOfData"));
        let refusals = heard.events.iter().filter(|event| event.starts_with("ContentRefused"));
        match end {
            None => assert_eq!(ends.count() + refusals.count(), 0, "content that has no end was ended"),
            Some(end) => {
                let raw = behind.get(2..end + 2).unwrap_or_default();
                let expected = unstuffed(raw);
                if is_canonical(raw) && longest_line(raw) < 1 << 20 {
                    assert_eq!(heard.messages.first(), Some(&expected));
                } else {
                    assert!(refusals.count() >= 1, "content with a bare CR or LF was taken");
                    assert_ne!(heard.messages.first(), Some(&expected));
                }
            }
        }
        heard
    });
}

fn is_canonical(octets: &[u8]) -> bool {
    let mut before = 0;
    for (at, &octet) in octets.iter().enumerate() {
        if (octet == b'\n') != (before == b'\r') && (octet == b'\n' || before == b'\r') {
            return false;
        }
        before = if octet == b'\r' && at + 1 == octets.len() { return false } else { octet };
    }
    true
}

fn longest_line(octets: &[u8]) -> usize {
    octets.split(|octet| *octet == b'\n').map(<[u8]>::len).max().unwrap_or(0)
}

fn unstuffed(raw: &[u8]) -> Vec<u8> {
    let lines = raw.split_inclusive(|octet| *octet == b'\n');
    lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
}

/// Whatever a server says to a client that goes on with its mail: how each reply is cut does not show, and only its own
/// error comes back. Where one reply ends and the next begins may show: what comes before it was due answers nothing.
pub fn client(octets: &[u8]) {
    let turns = turns(octets);
    let whole = conversation(turns.iter().copied());
    let mut cuts = Cuts::of(octets);
    assert_eq!(conversation(turns.iter().flat_map(|turn| cuts.pieces(turn))), whole, "in pieces and whole");
    assert_eq!(conversation(octets.chunks(1)), whole, "octet by octet and whole");
}

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

fn conversation<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut client = Client::new(Limits::default());
    let mut commands = letter().into_iter();
    let mut unread = Vec::new();
    let mut told = Vec::new();
    for piece in pieces {
        unread.extend_from_slice(piece);
        loop {
            match client.receive(&unread) {
                Err(error) => {
                    told.push(format!("{error:?}"));
                    return told;
                }
                Ok((0, None)) => break,
                Ok((consumed, event)) => {
                    assert!(consumed <= unread.len());
                    unread.drain(..consumed);
                    if let Some(event) = event {
                        told.push(format!("{event:?}"));
                        go_on(&mut client, &mut commands);
                    }
                }
            }
        }
    }
    told
}

fn letter() -> Vec<Command> {
    let mail = || ReversePath::parse("<a@b>").ok().map(mail_from);
    let recipient = || ForwardPath::parse("<c@d>").ok().map(recipient_of);
    let all = [Some(Command::Ehlo("c".into())), mail(), recipient(), Some(Command::Data), mail(), Some(Command::Reset)];
    all.into_iter().flatten().collect()
}

fn mail_from(reverse_path: ReversePath) -> Command {
    Command::Mail { reverse_path, parameters: MailParameters::default() }
}

fn recipient_of(forward_path: ForwardPath) -> Command {
    Command::Recipient { forward_path, parameters: RecipientParameters::default() }
}

fn go_on(client: &mut Client, commands: &mut impl Iterator<Item = Command>) {
    if client.state() == smtpgw_smtp::ClientStateName::Content {
        assert!(client.content(b"Subject: x\r\n\r\n.\r\n").is_ok());
        assert!(client.end_content().is_ok());
    } else if client.outstanding().len() == 0
        && let Some(command) = commands.next()
    {
        // Out of place after a refusal, and then there is nothing to send.
        let _ = client.send(&command);
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

/// Messages from the client role to the server role: as many arrive as were sent, and as what was sent. What is no
/// canonical text is mended on its way out, and is still one message.
pub fn back_to_back(octets: &[u8]) {
    let messages: Vec<&[u8]> = octets.split(|octet| *octet == 0).take(8).collect();
    let mut cuts = Cuts::of(octets);
    let mut listening =
        Listening::new(BareNewline::Reject, Limits { message_size: 1 << 30, text_line: 1 << 20, ..limits() });
    listening.hear(b"EHLO c\r\n");
    let mut sent = Vec::new();
    for message in &messages {
        let (mut wire, mut writer) = (Vec::new(), ContentWriter::new());
        cuts.pieces(message).iter().for_each(|piece| writer.write(piece, &mut wire));
        let end = writer.finish(&mut wire);
        let untouched = !end.repaired && !end.line_end_added;
        assert_eq!(untouched, is_canonical(message) && (message.is_empty() || message.ends_with(b"\n")));
        sent.push(untouched.then_some(*message));
        listening.hear(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
        cuts.pieces(&wire).iter().for_each(|piece| listening.hear(piece));
    }
    let heard = listening.done();
    assert_eq!(heard.messages.len(), messages.len(), "{:?}", heard.events);
    for (arrived, sent) in heard.messages.iter().zip(sent) {
        assert!(sent.is_none_or(|sent| sent == arrived));
    }
}
