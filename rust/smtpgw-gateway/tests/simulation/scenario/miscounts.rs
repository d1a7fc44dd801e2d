//! What the seeds draw of chunks whose count is wrong (RFC 3030 §2): the count alone says what is content, so what was
//! meant as a command may be content, and what was meant as content a command.

use super::Scenario;
use crate::roll::Roll;

/// What is wrong about the count of a last chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miscount {
    /// So many octets too much, and so many commands stand behind the chunk: they fill it up, or do not.
    More { octets: usize, commands: usize },
    /// So many too few.
    Fewer(usize),
}

impl Miscount {
    /// The count, and what is sent, for a chunk that should have been this.
    pub fn of(self, chunk: &[u8]) -> (usize, Vec<u8>) {
        match self {
            Self::More { octets, commands } => (chunk.len() + octets, [chunk, &b"NOOP\r\n".repeat(commands)].concat()),
            Self::Fewer(octets) => (chunk.len().saturating_sub(octets), chunk.to_vec()),
        }
    }
}

impl Scenario {
    /// Some clients cannot count.
    pub fn draw_miscounts(mut self, roll: &mut Roll) -> Self {
        for client in &mut self.clients {
            if roll.chance(2) {
                continue;
            }
            let longest = client.messages.iter().map(|message| message.content.len()).max().unwrap_or_default();
            client.chunks.get_or_insert(longest / 2 + 1);
            client.miscount = Some(if roll.chance(2) {
                Miscount::Fewer(roll.within(1, 100))
            } else {
                Miscount::More { octets: roll.within(1, 40), commands: roll.below(12) }
            });
        }
        self
    }
}
