//! Whether a backend that offers CHUNKING is sent chunks.
//!
//! What it says to the last chunk counts if its code shows that it is not another command's, or once it has answered
//! one more command (see [`super::streaming`]). A backend that fails in that, because it has codes of its own, hangs up
//! on a second EHLO or does not know BDAT at all, would have each message deferred, and be brought it again and again.
//! So after the first time it gets no more chunks for [`GIVEN_UP`], and content goes by DATA, whose reply needs no such
//! proof. Binary content, for which there is no other way (RFC 3030 §3), is not offered meanwhile.
//!
//! All addresses of a backend are meant: they are one kind of server, and each of them would cost a message its time.

use std::time::Duration;

use parking_lot::Mutex;

use crate::world::Instant;

/// What is remembered of a backend.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    given_up_until: Mutex<Option<Instant>>,
}

impl Chunks {
    /// Whether it gets none at the moment.
    pub(super) fn are_given_up(&self, now: Instant) -> bool {
        self.given_up_until.lock().is_some_and(|until| now < until)
    }

    /// It did not let us make sure of its reply. Whether that is news.
    pub(super) fn give_up(&self, now: Instant) -> bool {
        let mut until = self.given_up_until.lock();
        let news = until.is_none_or(|until| now >= until);
        if news {
            *until = Some(now + GIVEN_UP);
        }
        news
    }
}

/// How long a backend gets no chunks. Finding out whether it has been mended costs a message its time, perhaps a copy.
pub(super) const GIVEN_UP: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_news_once_and_forgotten_after_its_time() {
        let (chunks, now) = (Chunks::default(), Instant::now());
        assert!(!chunks.are_given_up(now));
        assert!(chunks.give_up(now));
        let later = now + GIVEN_UP / 2;
        assert!(chunks.are_given_up(later) && !chunks.give_up(later));
        assert!(!chunks.are_given_up(now + GIVEN_UP), "what was under way when it failed puts nothing off");
        assert!(chunks.give_up(now + GIVEN_UP) && chunks.are_given_up(now + GIVEN_UP));
    }
}
