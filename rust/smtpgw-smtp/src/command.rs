//! The commands of the client role, written from parsed pieces and from nothing else.
//!
//! RFC 5321 §4.1.1. No command holds text that a stranger wrote: paths are [`ReversePath`] and [`ForwardPath`],
//! parameters are typed pieces, and the name behind EHLO is cleaned.

use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::auth::{Mechanism, Secret};
use crate::extensions::Extensions;
use crate::parameters::{MailParameters, RecipientParameters};
use crate::path::{ForwardPath, ReversePath};
use crate::verb::Verb;
use crate::word_set::Word as _;
use crate::xclient::XclientLine;
use crate::xforward::XforwardLine;

/// One command to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// EHLO with our name.
    Ehlo(Arc<str>),
    /// HELO with our name, for servers that refuse EHLO.
    Helo(Arc<str>),
    /// STARTTLS
    Starttls,
    /// MAIL; SIZE and BODY are written where the server announced them, the others must have been announced.
    Mail {
        /// The sender.
        reverse_path: ReversePath,
        /// What goes with it.
        parameters: MailParameters,
    },
    /// RCPT; what its parameters need must have been announced.
    Recipient {
        /// The recipient.
        forward_path: ForwardPath,
        /// What goes with it.
        parameters: RecipientParameters,
    },
    /// AUTH; the mechanism must have been announced.
    Auth {
        /// Which.
        mechanism: Mechanism,
        /// What is said at once.
        initial: Option<Secret>,
    },
    /// DATA
    Data,
    /// RSET
    Reset,
    /// NOOP
    Noop,
    /// QUIT
    Quit,
    /// XCLIENT; made by [`xclient_commands`](crate::xclient_commands).
    Xclient(XclientLine),
    /// XFORWARD; made by [`xforward_commands`](crate::xforward_commands).
    Xforward(XforwardLine),
}

impl Command {
    /// The verb it begins with.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Ehlo(_) => Verb::Ehlo,
            Self::Helo(_) => Verb::Helo,
            Self::Starttls => Verb::Starttls,
            Self::Mail { .. } => Verb::Mail,
            Self::Recipient { .. } => Verb::Recipient,
            Self::Auth { .. } => Verb::Auth,
            Self::Data => Verb::Data,
            Self::Reset => Verb::Reset,
            Self::Noop => Verb::Noop,
            Self::Quit => Verb::Quit,
            Self::Xclient(_) => Verb::Xclient,
            Self::Xforward(_) => Verb::Xforward,
        }
    }

    /// Whether everything that it asks for was announced.
    pub(crate) fn is_offered(&self, extensions: &Extensions) -> bool {
        match self {
            Self::Mail { reverse_path, parameters } => {
                extensions.missing(parameters).is_none() && (parameters.smtputf8 || reverse_path.is_ascii())
            }
            Self::Recipient { forward_path, parameters } => {
                let ascii = parameters.original_recipient.as_ref().is_none_or(|original| original.is_ascii());
                extensions.missing_for(parameters).is_none()
                    && (extensions.smtputf8 || (forward_path.is_ascii() && ascii))
            }
            Self::Auth { mechanism, .. } => extensions.auth.contains(*mechanism),
            _ => true,
        }
    }

    /// Appends the line, with its CRLF.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>, extensions: &Extensions) {
        out.extend_from_slice(self.verb().as_str().as_bytes());
        match self {
            Self::Ehlo(name) | Self::Helo(name) => {
                out.push(b' ');
                crate::replies::push_hostname(out, name);
            }
            Self::Mail { reverse_path, parameters } => {
                out.extend_from_slice(b" FROM:<");
                out.extend_from_slice(reverse_path.as_str().as_bytes());
                out.push(b'>');
                let known = MailParameters {
                    size: parameters.size.filter(|_| extensions.size.is_some()),
                    body: parameters.body.filter(|_| extensions.eight_bit_mime),
                    submitter: parameters.submitter.clone().filter(|_| !extensions.auth.is_empty()),
                    ..parameters.clone()
                };
                out.extend_from_slice(known.to_string().as_bytes());
            }
            Self::Recipient { forward_path, parameters } => {
                out.extend_from_slice(b" TO:<");
                out.extend_from_slice(forward_path.as_str().as_bytes());
                out.push(b'>');
                out.extend_from_slice(parameters.to_string().as_bytes());
            }
            Self::Auth { mechanism, initial } => {
                out.push(b' ');
                out.extend_from_slice(mechanism.as_str().as_bytes());
                if let Some(initial) = initial {
                    out.push(b' ');
                    out.extend_from_slice(initial.as_str().as_bytes());
                }
            }
            Self::Xforward(line) => out.extend_from_slice(line.as_str().as_bytes()),
            Self::Xclient(line) => out.extend_from_slice(line.as_str().as_bytes()),
            Self::Starttls | Self::Data | Self::Reset | Self::Noop | Self::Quit => {}
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;
    use crate::notification::Notify;
    use crate::parameters::Body;
    use alloc::string::String;

    #[test]
    fn lines_are_written_from_pieces() {
        let all = Extensions { size: Some(0), eight_bit_mime: true, ..Extensions::default() };
        let none = Extensions::default();
        let reverse_path = ReversePath::parse("<a@b>").unwrap();
        let parameters = MailParameters { size: Some(12), body: Some(Body::EightBitMime), ..MailParameters::default() };
        let mail = Command::Mail { reverse_path, parameters };
        let null = Command::Mail { reverse_path: ReversePath::NULL, parameters: MailParameters::default() };
        let recipient = |path: &str| Command::Recipient {
            forward_path: ForwardPath::parse(path).unwrap(),
            parameters: RecipientParameters { notify: Notify::parse("NEVER"), original_recipient: None },
        };
        for (command, extensions, expected) in [
            (Command::Ehlo("mx.example".into()), &all, "EHLO mx.example\r\n"),
            (Command::Helo("m\r\nQUIT x".into()), &all, "HELO m--QUIT-x\r\n"),
            (Command::Starttls, &all, "STARTTLS\r\n"),
            (mail.clone(), &all, "MAIL FROM:<a@b> SIZE=12 BODY=8BITMIME\r\n"),
            (mail, &none, "MAIL FROM:<a@b>\r\n"),
            (null, &all, "MAIL FROM:<>\r\n"),
            (recipient("<@x:c@d>"), &all, "RCPT TO:<c@d> NOTIFY=NEVER\r\n"),
            (recipient("<Postmaster>"), &all, "RCPT TO:<Postmaster> NOTIFY=NEVER\r\n"),
            (Command::Data, &all, "DATA\r\n"),
            (Command::Reset, &all, "RSET\r\n"),
            (Command::Noop, &all, "NOOP\r\n"),
            (Command::Quit, &all, "QUIT\r\n"),
        ] {
            let mut out = Vec::new();
            command.write_to(&mut out, extensions);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
