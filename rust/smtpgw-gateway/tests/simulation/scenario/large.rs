//! What the seeds draw of content that is too much for memory: it goes to a file, which may find no room.

use super::Scenario;
use crate::roll::Roll;

impl Scenario {
    /// Content of some messages becomes so large that it is written to files, and now and then there is no room for it.
    pub fn draw_large(mut self, roll: &mut Roll) -> Self {
        self.settings.limits.message_size = 400_000;
        self.settings.spool.memory = [1_000, 70_000, 150_000][roll.below(3)];
        if roll.chance(4) {
            // Memory that a few messages use up; then all the others go to files at once.
            self.settings.limits.memory = roll.within(30_000, 300_000) as u64;
        }
        if roll.chance(3) {
            self.settings.spool.total = roll.within(1, 500_000) as u64;
        }
        if roll.chance(4) {
            self.spool_vanishes = Some(roll.within(20, 200) as u64);
        }
        for backend in self.settings.backend.values_mut() {
            backend.stream_chunk = backend.stream_chunk.max(16_384);
            // It reads octet by octet, and all of it comes at once.
            backend.data_s *= 4;
        }
        for client in &mut self.clients {
            for message in &mut client.messages {
                if roll.chance(2) {
                    continue;
                }
                enlarge(&mut message.content, roll.within(66_000, 250_000), roll);
            }
            let octets: usize = client.messages.iter().map(|message| message.content.len() + 120).sum();
            client.piece = roll.within(8_000, 60_000);
            if let Some((after, _)) = &mut client.leaves {
                *after = roll.below(octets + 40);
            }
            let longest = client.messages.iter().map(|message| message.content.len()).max().unwrap_or_default();
            client.chunks = client.chunks.map(|_| roll.within(longest / 12 + 1, longest + 2));
        }
        self
    }

    /// The first message of each client becomes so large.
    pub fn with_large(mut self, octets: usize) -> Self {
        self.settings.limits.message_size = 400_000;
        self.settings.spool.memory = 1_000;
        self.settings.backend.values_mut().for_each(|backend| backend.data_s *= 4);
        for client in &mut self.clients {
            enlarge(&mut client.messages[0].content, octets, &mut Roll(1));
            client.piece = 20_000;
        }
        self
    }

    /// Whether there is room for everything.
    pub(super) fn spool_is_calm(&self) -> bool {
        let (spool, limits) = (&self.settings.spool, &self.settings.limits);
        self.spool_vanishes.is_none() && spool.total >= 1 << 30 && limits.memory >= 1 << 30
    }
}

/// Makes lines of text behind a header up to `octets`.
fn enlarge(content: &mut Vec<u8>, octets: usize, roll: &mut Roll) {
    let mut number = roll.below(1_000);
    while content.len() < octets {
        content.extend_from_slice(format!("{number} is the number of a line\r\n.{number}\r\n").as_bytes());
        number += 1;
    }
}
