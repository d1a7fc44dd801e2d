//! The driver that the tests share: the server role with a backend that decides by a list.
#![allow(dead_code)] // Every test file uses its own part of it.

use std::collections::VecDeque;

use smtpgw_smtp::{
    AuthAnswer, BareNewline, Limits, Mechanism, Mechanisms, Offer, Reply, ReplyCode, Server, ServerEvent,
    ServerOptions, SessionLimits, StateName, Word as _, replies,
};
use smtpgw_testkit::dialogue::{Speaker, escape};

pub fn full_offer() -> Offer {
    Offer {
        size: 10_000,
        eight_bit_mime: true,
        pipelining: true,
        starttls: true,
        enhanced_status_codes: true,
        ..Offer::default()
    }
}

pub fn plain_and_login() -> Mechanisms {
    Mechanisms::default().with(Mechanism::Plain).with(Mechanism::Login)
}

pub fn small_limits() -> Limits {
    Limits {
        command_line: 512,
        text_line: 1_000,
        message_size: 20_000,
        recipients: 3,
        transactions: 5,
        errors: 5,
        junk: 8,
        skipped_line: 2_000,
        swallowed_content: 30_000,
        ..Limits::default()
    }
}

/// `550 5.1.1 text` as a reply.
pub fn reply(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    Reply::new(ReplyCode::new(code.parse().unwrap()).unwrap(), None, text)
}

/// The server role, its read buffer, and decisions for what is pending (accepting everything when there are none).
pub struct Driver {
    pub server: Server,
    pub unread: Vec<u8>,
    pub output: Vec<u8>,
    pub decisions: VecDeque<Reply>,
    pub notes: Vec<String>,
    pub content: Vec<u8>,
    limits: Limits,
    offer: Offer,
}

impl Driver {
    pub fn new(limits: Limits, offer: Offer) -> Self {
        Self::with_newlines(limits, offer, BareNewline::Reject)
    }

    pub fn with_newlines(limits: Limits, offer: Offer, bare_newline: BareNewline) -> Self {
        let options = ServerOptions { hostname: "mx.test".into(), limits, bare_newline };
        Self {
            server: Server::new(options, offer),
            unread: Vec::new(),
            output: Vec::new(),
            decisions: VecDeque::new(),
            notes: Vec::new(),
            content: Vec::new(),
            limits,
            offer,
        }
    }

    /// Hands over what stands in the buffer until the machine asks for more.
    pub fn run(&mut self) {
        loop {
            let unread = std::mem::take(&mut self.unread);
            let received = self.server.receive(&unread);
            let consumed = received.consumed;
            let progress = consumed > 0 || received.event.is_some();
            let decision = match received.event {
                None | Some(ServerEvent::Answered(_)) => None,
                Some(ServerEvent::Content(octets)) => {
                    self.content.extend_from_slice(octets);
                    None
                }
                Some(event) => {
                    let (note, default) = self.note(&event);
                    self.notes.push(note);
                    default
                }
            };
            self.unread = unread[consumed..].to_vec();
            if let Some(default) = decision {
                let decided = self.decisions.pop_front().unwrap_or(default);
                if self.server.state() == StateName::DataPending && decided.is_intermediate() {
                    self.server.start_content();
                } else {
                    self.server.reply(&decided);
                }
            }
            self.output.append(self.server.output());
            if !progress {
                return;
            }
        }
    }

    fn note(&mut self, event: &ServerEvent<'_>) -> (String, Option<Reply>) {
        match event {
            ServerEvent::Hello { kind, name } => (format!("{kind:?} {name}"), None),
            ServerEvent::Mail { reverse_path, parameters } => {
                (format!("MAIL {reverse_path}{parameters}"), Some(replies::SENDER_OK))
            }
            ServerEvent::Recipient { forward_path, parameters } => {
                (format!("RCPT {forward_path}{parameters}"), Some(replies::RECIPIENT_OK))
            }
            ServerEvent::Data => {
                self.content.clear();
                ("DATA".into(), Some(replies::START_CONTENT))
            }
            ServerEvent::ChunkStart => {
                self.content.clear();
                ("BDAT".into(), None)
            }
            ServerEvent::EndOfData => {
                let content = escape(&std::mem::take(&mut self.content));
                let content = if content.is_empty() { "(empty)".into() } else { content };
                (format!("message {content}"), Some(replies::MESSAGE_OK))
            }
            ServerEvent::ContentRefused(error) => {
                self.content.clear();
                (format!("refused {error:?}"), None)
            }
            ServerEvent::Auth { mechanism, initial } => {
                let initial = initial.as_ref().map_or("", |initial| initial.as_str());
                (format!("AUTH {} {initial}", mechanism.as_str()).trim_end().into(), Some(replies::AUTH_UNAVAILABLE))
            }
            ServerEvent::AuthAnswer(AuthAnswer::Response(secret)) => {
                (format!("response {}", secret.as_str()).trim_end().into(), Some(replies::AUTH_UNAVAILABLE))
            }
            ServerEvent::AuthAnswer(AuthAnswer::Cancel) => ("cancel".into(), Some(replies::AUTH_UNAVAILABLE)),
            ServerEvent::Close(reason) => (format!("close {reason:?}"), None),
            other => (format!("{other:?}"), None),
        }
    }

    /// What was replied since the last call, as codes.
    pub fn codes(&mut self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut self.output)).unwrap();
        text.split_terminator("\r\n").filter(|line| line.as_bytes()[3] == b' ').map(|line| line[..3].into()).collect()
    }
}

impl Speaker for Driver {
    fn hear(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
        self.run();
    }

    fn speak(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn instruct(&mut self, instruction: &str) -> Result<(), String> {
        let (word, rest) = instruction.split_once(' ').unwrap_or((instruction, ""));
        match word {
            "decide" => self.decisions.push_back(reply(rest)),
            "handshake" => {
                self.unread.clear();
                self.server.starttls_done(self.offer);
            }
            "close" => {
                self.server.close_with(&reply(rest));
                self.run();
            }
            "offer" => {
                let has = |word: &str| rest.split(' ').any(|offered| offered == word);
                self.offer = Offer {
                    size: self.offer.size,
                    eight_bit_mime: has("8BITMIME"),
                    pipelining: has("PIPELINING"),
                    starttls: has("STARTTLS"),
                    enhanced_status_codes: has("ENHANCEDSTATUSCODES"),
                    chunking: has("CHUNKING"),
                    smtputf8: has("SMTPUTF8"),
                    dsn: has("DSN"),
                    auth: if has("AUTH") { plain_and_login() } else { Mechanisms::default() },
                    xclient: has("XCLIENT"),
                    binary_mime: has("BINARYMIME"),
                    require_tls: has("REQUIRETLS"),
                    session_limits: has("LIMITS").then(SessionLimits::default),
                };
                self.server.set_offer(self.offer);
            }
            "unread" => {
                let unread = escape(&self.unread);
                if unread != rest {
                    return Err(format!("unread is {unread}"));
                }
            }
            "state" => {
                let state = format!("{:?}", self.server.state());
                if state != rest {
                    return Err(format!("the state is {state}"));
                }
            }
            _ => return Err("unknown instruction".into()),
        }
        Ok(())
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}
