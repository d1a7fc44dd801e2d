//! Files that are looked at now and then: what is new in them is taken up once it has come to rest, so that nobody
//! loads what is just being written.

/// What was seen of them when they were loaded last, good or bad, and at the last look, if that was something else.
#[derive(Debug, Default)]
pub(crate) struct Watched<T> {
    known: T,
    unsettled: Option<T>,
}

impl<T: PartialEq> Watched<T> {
    /// To be seen before they are loaded: a change in between is found by the next look.
    pub(crate) const fn new(known: T) -> Self {
        Self { known, unsettled: None }
    }

    /// Whether nothing is new.
    pub(crate) fn knows(&self, seen: &T) -> bool {
        self.known == *seen
    }

    /// Whether what is `seen` is new, and the same as at the last look. From now on it is known.
    pub(crate) fn has_come_to_rest(&mut self, seen: T) -> bool {
        if self.knows(&seen) {
            self.unsettled = None;
            return false;
        }
        if self.unsettled.as_ref() != Some(&seen) {
            self.unsettled = Some(seen);
            return false;
        }
        *self = Self::new(seen);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_taken_up_once_it_has_been_seen_twice() {
        let mut watched = Watched::new(0);
        for (seen, taken_up) in
            [(0, false), (1, false), (2, false), (2, true), (2, false), (3, false), (2, false), (3, false), (3, true)]
        {
            assert_eq!(watched.has_come_to_rest(seen), taken_up, "{seen}");
        }
        assert!(watched.knows(&3));
    }
}
