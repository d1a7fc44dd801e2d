//! How much more one message may consist of: `decode.parts` and `decode.total_ratio` are shared by all that comes out
//! of it, its own leaves, members of containers, files within texts, attached messages, further readings.
//!
//! The decoder of the message keeps the count. Whoever opens something takes the room that is left along, stops where
//! it ends while octets come out, and what was taken is charged to the decoder afterwards.

use smtpgw_mime::{Decoder, Limits};

/// Parts and octets that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) parts: usize,
    pub(super) octets: u64,
}

impl Room {
    /// What `decoder` leaves of its limits.
    pub(super) fn beside(decoder: &Decoder, limits: &Limits) -> Self {
        let mut room = Self { parts: limits.parts, octets: limits.decoded_total };
        let (parts, octets) = decoder.used();
        room.take(parts, octets);
        room
    }

    /// Something of this size came out.
    pub(super) fn take(&mut self, parts: usize, octets: u64) {
        self.parts = self.parts.saturating_sub(parts);
        self.octets = self.octets.saturating_sub(octets);
    }

    /// Charges the decoder with what was taken from `before` on.
    pub(super) fn settle(self, before: Self, decoder: &mut Decoder) {
        decoder.charge(before.parts.saturating_sub(self.parts), before.octets.saturating_sub(self.octets));
    }

    /// The limits of a message that is decoded within it.
    pub(super) fn limits(self, limits: &Limits) -> Limits {
        Limits { parts: self.parts, decoded_total: self.octets, ..limits.clone() }
    }
}
