//! Plays every dialogue of `tests/corpus/smtp` in several cuttings.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

mod common;

use common::{Driver, full_offer, small_limits};
use smtpgw_smtp::{
    AuthAnswer, Client, ClientEvent, Command, ForwardPath, Limits, MailParameters, Mechanism, Notify,
    RecipientParameters, Return, ReversePath, Secret, Word as _, XclientName, XclientValue, xclient_commands,
};
use smtpgw_testkit::corpus;
use smtpgw_testkit::dialogue::{Dialogue, Role, Speaker};

#[test]
fn every_dialogue_in_every_cutting() {
    for (name, text) in corpus::files("smtp", "dialogue") {
        let dialogue = Dialogue::parse(&name, &String::from_utf8(text).unwrap()).unwrap();
        for cut in [usize::MAX, 1, 2, 3, 5, 7, 11, 64] {
            let mut speaker: Box<dyn Speaker> = match dialogue.role() {
                Role::Server => Box::new(Driver::new(small_limits(), full_offer())),
                Role::Client => Box::new(Caller::new()),
            };
            if let Err(difference) = dialogue.play(speaker.as_mut(), cut) {
                panic!("{difference}");
            }
        }
    }
}

/// The client role and its read buffer; what it sends is in the dialogue.
struct Caller {
    client: Client,
    unread: Vec<u8>,
    notes: Vec<String>,
}

impl Caller {
    fn new() -> Self {
        Self { client: Client::new(Limits::default()), unread: Vec::new(), notes: Vec::new() }
    }

    fn command(text: &str) -> Option<Command> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match verb {
            "EHLO" => Command::Ehlo(rest.into()),
            "HELO" => Command::Helo(rest.into()),
            "STARTTLS" => Command::Starttls,
            "MAIL" => {
                let (path, words) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut parameters = MailParameters::default();
                parameters.size = Some(100);
                parameters.smtputf8 = words.contains("SMTPUTF8");
                parameters.ret = words.contains("RET=HDRS").then_some(Return::Header);
                Command::Mail { reverse_path: ReversePath::parse(path).ok()?, parameters }
            }
            "RCPT" => {
                let (path, words) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut parameters = RecipientParameters::default();
                parameters.notify = words.contains("NOTIFY=NEVER").then_some(Notify::NEVER);
                Command::Recipient { forward_path: ForwardPath::parse(path).ok()?, parameters }
            }
            "AUTH" => {
                let (name, initial) = rest.split_once(' ').unwrap_or((rest, ""));
                let initial = (!initial.is_empty()).then(|| Secret::parse(initial.as_bytes()));
                Command::Auth { mechanism: Mechanism::known(name)?, initial: initial.flatten() }
            }
            "DATA" => Command::Data,
            "RSET" => Command::Reset,
            "NOOP" => Command::Noop,
            "QUIT" => Command::Quit,
            _ => return None,
        })
    }
}

impl Speaker for Caller {
    fn hear(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
        loop {
            match self.client.receive(&self.unread) {
                Ok((0, None)) => return,
                Ok((consumed, event)) => {
                    self.unread.drain(..consumed);
                    self.notes.extend(event.map(|event| match event {
                        ClientEvent::Greeting(reply) => format!("greeting {reply}"),
                        ClientEvent::Reply { to, reply } => format!("{to} {reply}"),
                        _ => "unknown event".into(),
                    }));
                }
                Err(error) => {
                    self.unread.clear();
                    self.notes.push(match error {
                        smtpgw_smtp::ClientError::Unsolicited(reply) => format!("error unsolicited {reply}"),
                        other => format!("error {}", other.name()),
                    });
                    return;
                }
            }
        }
    }

    fn speak(&mut self) -> Vec<u8> {
        std::mem::take(self.client.output())
    }

    fn instruct(&mut self, instruction: &str) -> Result<(), String> {
        let (word, rest) = instruction.split_once(' ').unwrap_or((instruction, ""));
        let unfit = |what: &dyn std::fmt::Display| what.to_string();
        match word {
            "send" => self.client.send(&Self::command(rest).ok_or("no such command")?).map_err(|e| unfit(&e))?,
            "misuse" => {
                let command = Self::command(rest).ok_or("no such command")?;
                if self.client.send(&command).is_ok() {
                    return Err("the command was not refused".into());
                }
            }
            "xclient" => {
                let (name, value) = rest.split_once(' ').ok_or("no value")?;
                let name = XclientName::known(name).ok_or("no such name")?;
                let offered = self.client.extensions().xclient.unwrap_or_default();
                for command in xclient_commands(offered, &[(name, XclientValue::Known(value))]) {
                    self.client.send(&command).map_err(|e| unfit(&e))?;
                }
            }
            "content" => {
                let octets = rest.replace("\\r", "\r").replace("\\n", "\n");
                self.client.content(octets.as_bytes()).map_err(|e| unfit(&e))?;
            }
            "end" => drop(self.client.end_content().map_err(|e| unfit(&e))?),
            "answer" => {
                let answer = match rest {
                    "*" => AuthAnswer::Cancel,
                    text => AuthAnswer::Response(Secret::parse(text.as_bytes()).ok_or("no base64")?),
                };
                self.client.answer(&answer).map_err(|e| unfit(&e))?;
            }
            "handshake" => self.client.starttls_done(),
            "state" => {
                let state = format!("{:?}", self.client.state());
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
