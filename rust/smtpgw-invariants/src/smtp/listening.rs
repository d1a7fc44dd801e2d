//! A server role with the manners of the gateway around it: it answers what is pending, shakes hands where STARTTLS
//! was taken, and believes a proxy that says for whom it speaks.
//!
//! It accepts everything but recipients whose name begins with `no`; who authenticates without an initial response is
//! asked once. Whatever comes, it holds that replies are one to one with events, that after a handshake nothing is
//! remembered (RFC 3207 §4.2), and that a proxy brings no mail before it has said whose.

use smtpgw_smtp::{
    BareNewline, Body, CloseReason, Fact, Limits, Mechanism, Mechanisms, Offer, Reply, ReplyCode, Server, ServerEvent,
    ServerOptions, StateName, replies,
};

use super::simple::is_canonical;

/// Limits that end no conversation early, and that small inputs still reach.
pub(super) fn limits() -> Limits {
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

/// Limits that no input reaches.
pub(super) fn roomy() -> Limits {
    Limits { message_size: 1 << 30, text_line: 1 << 20, ..limits() }
}

/// Everything but what changes a connection as a whole: STARTTLS and XCLIENT.
pub(super) fn offer() -> Offer {
    Offer {
        eight_bit_mime: true,
        chunking: true,
        binary_mime: true,
        smtputf8: true,
        dsn: true,
        require_tls: true,
        pipelining: true,
        enhanced_status_codes: true,
        auth: Mechanisms::EMPTY.with(Mechanism::Plain).with(Mechanism::Login),
        ..Offer::default()
    }
}

/// What a server role made of its input.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Heard {
    pub(super) events: Vec<String>,
    /// Content of the messages that came to their end.
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) output: Vec<u8>,
    pub(super) state: Option<StateName>,
}

/// How it is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    pub(super) bare_newline: BareNewline,
    pub(super) limits: Limits,
    pub(super) offer: Offer,
    /// What it does where STARTTLS was taken.
    pub(super) tls: Tls,
}

/// What becomes of STARTTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// What comes next is inside it.
    Done,
    /// It is refused after all, in the place of the 220.
    Refused,
    /// The client is no TLS client: what comes next comes in clear.
    Missing,
}

pub(super) struct Listening {
    server: Server,
    manners: Manners,
    unread: Vec<u8>,
    content: Vec<u8>,
    binary: bool,
    greeted: bool,
    /// Whom a proxy speaks for is known, or need not be.
    known: bool,
    inside_tls: bool,
    /// Replies that must have been written.
    due: usize,
    pub(super) heard: Heard,
}

impl Listening {
    pub(super) fn new(manners: Manners) -> Self {
        let Manners { bare_newline, limits, offer, .. } = manners;
        let options = ServerOptions { hostname: "mx.test".into(), limits, bare_newline };
        Self {
            server: Server::new(options, offer),
            manners,
            unread: Vec::new(),
            content: Vec::new(),
            binary: false,
            greeted: false,
            known: !offer.xclient,
            inside_tls: false,
            due: 0,
            heard: Heard::default(),
        }
    }

    pub(super) fn hear(&mut self, piece: &[u8]) {
        if self.server.state() == StateName::Handshake && self.manners.tls == Tls::Done {
            self.server.starttls_done(self.offer());
            (self.inside_tls, self.greeted) = (true, false);
            assert!(
                !self.server.is_authenticated() && !self.server.in_transaction(),
                "remembered across the handshake"
            );
        }
        let injected = self.server.state() == StateName::Handshake && !piece.is_empty();
        self.unread.extend_from_slice(piece);
        self.read();
        assert!(!injected || self.server.state() == StateName::Closed, "it waits behind octets in clear");
    }

    fn read(&mut self) {
        loop {
            let unread = std::mem::take(&mut self.unread);
            let before = self.server.state();
            let received = self.server.receive(&unread);
            assert!(received.consumed <= unread.len());
            let progress = received.consumed > 0 || received.event.is_some();
            if let Some(event) = received.event {
                let behind = unread.len() - received.consumed;
                self.event(event, before, behind);
            }
            self.unread = unread.get(received.consumed..).unwrap_or_default().to_vec();
            self.heard.output.append(self.server.output());
            if !progress {
                return;
            }
        }
    }

    pub(super) fn done(mut self) -> Heard {
        self.heard.state = Some(self.server.state());
        let lines: Vec<&[u8]> = self.heard.output.split_inclusive(|octet| *octet == b'\n').collect();
        assert!(lines.iter().all(|line| line.ends_with(b"\r\n") && is_canonical(line)), "no lines");
        let ends = lines.iter().filter(|line| line.get(3) == Some(&b' '));
        assert_eq!(ends.count(), self.due, "replies and what they answer: {:?}", self.heard.events);
        self.heard
    }

    fn event(&mut self, event: ServerEvent<'_>, before: StateName, behind: usize) {
        self.due += match &event {
            ServerEvent::Content(_) | ServerEvent::ChunkStart => 0,
            ServerEvent::Close(_) if before == StateName::Handshake => 0,
            _ => 1,
        };
        match event {
            ServerEvent::Content(octets) => {
                self.content.extend_from_slice(octets);
                return;
            }
            ServerEvent::EndOfData => {
                let message = std::mem::take(&mut self.content);
                assert!(message.len() as u64 <= self.manners.limits.message_size);
                assert!(self.binary || is_canonical(&message), "a bare CR or LF was let in");
                self.heard.messages.push(message);
            }
            ServerEvent::Data => {
                assert!(!self.binary, "binary content in lines");
                self.content.clear();
            }
            ServerEvent::ChunkStart => self.content.clear(),
            ServerEvent::Hello { .. } => self.greeted = true,
            ServerEvent::Mail { ref parameters, .. } => {
                assert!(self.greeted, "mail before EHLO");
                assert!(self.known, "mail of nobody knows whom");
                assert!(self.inside_tls || !parameters.require_tls, "REQUIRETLS in clear");
                self.binary = parameters.body == Some(Body::Binary);
            }
            ServerEvent::Starttls => {
                assert!(!self.inside_tls, "TLS in TLS");
                assert_eq!(behind, 0, "octets behind STARTTLS were kept");
                if self.manners.tls == Tls::Refused {
                    self.server.refuse_starttls(&replies::TLS_UNAVAILABLE);
                }
            }
            ServerEvent::Xclient(ref said) => {
                assert!(!self.known, "who the client is was said twice");
                self.known = matches!(said.address, Fact::Known(_));
                self.greeted = false;
            }
            ServerEvent::Close(reason) if before == StateName::Handshake => {
                assert_eq!(reason, CloseReason::PlaintextBehindStarttls);
            }
            _ => {}
        }
        self.heard.events.push(format!("{event:?}"));
        self.answer();
    }

    fn offer(&self) -> Offer {
        Offer { xclient: self.manners.offer.xclient && !self.known, ..self.manners.offer }
    }

    fn answer(&mut self) {
        let last = self.heard.events.last().map_or("", String::as_str);
        let said = |code: u16| ReplyCode::new(code).map(|code| Reply::new(code, None, ""));
        let reply = match self.server.state() {
            StateName::MailPending => Some(replies::SENDER_OK),
            StateName::RecipientPending if last.contains("local: \"no") => said(550),
            StateName::RecipientPending => Some(replies::RECIPIENT_OK),
            StateName::AuthPending if last.ends_with("initial: None }") => said(334),
            StateName::AuthPending if last.contains("Cancel") => said(501),
            StateName::AuthPending => said(235),
            StateName::EndPending => Some(replies::MESSAGE_OK),
            StateName::DataPending => return self.server.start_content(),
            StateName::XclientPending => return self.server.xclient_done(self.offer()),
            _ => return,
        };
        if let Some(reply) = reply {
            self.server.reply(&reply);
        }
    }
}
