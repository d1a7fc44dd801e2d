//! What the seeds draw of content with bare CR and LF (RFC 5321 §2.3.8), look-alikes of an end among it: the gateway
//! refuses it to its true end, or makes line ends of them.

use smtpgw_gateway::settings::BareNewline;

use super::Scenario;
use crate::roll::Roll;

impl Scenario {
    /// Some messages have line ends that are none.
    pub fn draw_newlines(mut self, roll: &mut Roll) -> Self {
        self.settings.limits.bare_newline = if roll.chance(2) { BareNewline::Reject } else { BareNewline::Normalize };
        for message in self.clients.iter_mut().flat_map(|client| &mut client.messages) {
            if roll.chance(2) {
                continue;
            }
            for _ in 0..roll.within(1, 4) {
                // In front of a line, so that the content still ends with one.
                let ends = message.content.windows(2).zip(2..).filter(|(two, _)| two == b"\r\n").map(|(_, at)| at);
                let begins: Vec<usize> = ends.filter(|at| *at < message.content.len()).collect();
                let (at, odd) = (begins[roll.below(begins.len())], ODD[roll.below(ODD.len())]);
                message.content.splice(at..at, odd.bytes());
            }
        }
        self
    }

    /// What a backend gets of `content`: its last line has an end in any case.
    pub fn passed_on(&self, content: &[u8]) -> Vec<u8> {
        let mut passed_on = match self.settings.limits.bare_newline {
            BareNewline::Reject => content.to_vec(),
            BareNewline::Normalize => normalized(content),
        };
        if !passed_on.is_empty() && !passed_on.ends_with(b"\r\n") {
            passed_on.extend_from_slice(b"\r\n");
        }
        passed_on
    }

    /// Whether the gateway is to refuse `content`.
    pub fn refuses(&self, content: &[u8]) -> bool {
        self.settings.limits.bare_newline == BareNewline::Reject && has_bare_newline(content)
    }
}

/// Whether there is a CR or LF that is not part of a CRLF.
pub fn has_bare_newline(content: &[u8]) -> bool {
    normalized(content) != content
}

/// With each bare CR or LF as CRLF.
fn normalized(mut content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    loop {
        content = match content {
            [] => return out,
            [b'\r', b'\n', behind @ ..] | [b'\r' | b'\n', behind @ ..] => {
                out.extend_from_slice(b"\r\n");
                behind
            }
            [octet, behind @ ..] => {
                out.push(*octet);
                behind
            }
        };
    }
}

/// Put in front of a line. None of them ends content, whatever they look like to whom.
const ODD: [&str; 9] = [
    "\n",
    "\r",
    "x\n.\nRSET\n",
    "x\n.\r\nx",
    "x\r.\r",
    "x\r\r\n",
    ".\n",
    "x\n..\r\n",
    "\r.\nMAIL FROM:<x@client.example>\n",
];
