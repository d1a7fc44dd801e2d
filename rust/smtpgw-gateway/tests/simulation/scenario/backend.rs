//! What a backend does wrong, on which connection and at which step.

use crate::roll::Roll;

#[derive(Clone, Debug, Default)]
pub struct BackendPlan {
    /// Until this millisecond nobody listens.
    pub opens_at: u64,
    /// What goes wrong on each connection to it, in the order in which they come, over and over. The first one is
    /// the gateway's own probe.
    pub connections: Vec<Vec<(Step, Act)>>,
    /// Whether it offers CHUNKING.
    pub chunking: bool,
    /// Whether it offers ENHANCEDSTATUSCODES. It writes them anyway.
    pub codes: bool,
    /// Whether it offers STARTTLS.
    pub tls: bool,
    /// Whether it offers AUTH, under TLS, and knows everybody.
    pub logins: bool,
}

/// What the backend is answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Ehlo,
    Mail,
    Recipient,
    Data,
    /// In the middle of content: a refusal comes there, and closes; [`Act::Drop`] and [`Act::Hang`] are themselves, and
    /// the rest means nothing.
    Content,
    /// A chunk that is not the last.
    Chunk,
    /// The end of content, be it a dot or the last chunk.
    Dot,
    Reset,
    /// What is asked behind the last chunk: EHLO once more, or QUIT. A backend that does not answer it drops, or denies
    /// both.
    Confirmation,
    /// STARTTLS itself.
    Starttls,
    /// AUTH.
    Login,
    /// Behind its 220: what is said in the place of the handshake, in clear; [`Act::Drop`] and [`Act::Hang`] are
    /// themselves.
    Handshake,
}

impl Step {
    /// All but those of TLS and of logins.
    pub const ALL: [Self; 10] = [
        Self::Greeting,
        Self::Ehlo,
        Self::Mail,
        Self::Recipient,
        Self::Data,
        Self::Content,
        Self::Dot,
        Self::Reset,
        Self::Chunk,
        Self::Confirmation,
    ];
    /// Those that mean something with a backend that gets no chunks.
    const WITHOUT_CHUNKS: usize = 8;
}

/// How it answers wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// 451.
    Temporary,
    /// 550.
    Permanent,
    /// 502, as if it did not know the command.
    Unknown,
    /// 421, and it closes.
    Closing,
    /// Closes without a word. At the dot: after it took the message.
    Drop,
    /// Never says anything again.
    Hang,
    /// The right reply, octet by octet, with that many milliseconds between them.
    Drip(u64),
    /// The right reply, that many milliseconds later.
    Late(u64),
    /// The right reply, and once more.
    Twice,
    /// The right reply, and once more after some milliseconds.
    TwiceLate(u64),
}

impl BackendPlan {
    pub fn draw(roll: &mut Roll) -> Self {
        let connections = (0..roll.within(2, 6)).map(|_| {
            (0..roll.below(3)).map(|_| (Step::ALL[roll.below(Step::WITHOUT_CHUNKS)], Act::draw(roll))).collect()
        });
        let connections = connections.collect();
        Self {
            opens_at: if roll.chance(6) { roll.below(120) as u64 } else { 0 },
            connections,
            chunking: false,
            codes: false,
            tls: false,
            logins: false,
        }
    }
}

impl Act {
    fn draw(roll: &mut Roll) -> Self {
        match roll.below(9) {
            0 => Self::Temporary,
            1 => Self::Permanent,
            2 => Self::Closing,
            3 => Self::Drop,
            4 => Self::Hang,
            5 => Self::Drip(roll.within(1, 12) as u64),
            6 => Self::Late(roll.within(1, 500) as u64),
            7 => Self::Twice,
            _ => Self::TwiceLate(roll.within(1, 30) as u64),
        }
    }
}
