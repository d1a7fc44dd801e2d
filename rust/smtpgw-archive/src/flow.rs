//! Handing members out, the part that all readers share: a member begins, gives octets within the limits,
//! and ends.

use std::borrow::Cow;
use std::io::{self, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::Crc;

use crate::decoder::{Packing, reason_of};
use crate::member::display_name;
use crate::packed::{Packed, Watch};
use crate::source::Source;
use crate::{Budget, Fact, Member, Members, Unscanned};

/// A container on its way out.
pub(crate) struct Flow<'a, R> {
    pub(crate) source: Source<R>,
    pub(crate) out: Out<'a>,
    buffer: Box<[u8]>,
}

/// Where members go.
pub(crate) struct Out<'a> {
    pub(crate) budget: &'a mut Budget,
    members: &'a mut dyn Members,
    /// Octets of the container.
    container: u64,
    /// Octets that the open member has given.
    given: u64,
    crc: Option<Crc>,
    /// What comes out is only summed.
    is_trial: bool,
    /// Another name of the member that begins next.
    other_name: Option<String>,
}

impl<'a, R: Read + Seek> Flow<'a, R> {
    pub(crate) fn new(source: Source<R>, budget: &'a mut Budget, members: &'a mut dyn Members) -> Self {
        let out = Out::new(budget, members, source.length());
        Self { source, out, buffer: vec![0; CHUNK].into() }
    }

    /// A whole member that lies in the container as it is. An error ends all unpacking.
    pub(crate) fn stored(
        &mut self,
        name: &[u8],
        start: u64,
        length: u64,
        remark: Result<(), Unscanned>,
    ) -> Result<(), Unscanned> {
        self.out.begin(name, Some(length))?;
        let outcome = self.copy(start, length).and(remark);
        self.out.end(outcome)
    }

    /// Gives `length` octets from `start` on to the member that is open.
    pub(crate) fn copy(&mut self, start: u64, length: u64) -> Result<(), Unscanned> {
        self.copy_of(start, length, length)
    }

    /// The same, of a member that has `whole` octets in several places.
    pub(crate) fn copy_of(&mut self, start: u64, length: u64, whole: u64) -> Result<(), Unscanned> {
        let end = start.saturating_add(length).min(self.source.length());
        let mut at = start;
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let octets = self.source.read_at(at, &mut self.buffer[..wanted])?;
            at += octets.len() as u64;
            self.out.give(octets, whole)?;
        }
        if at.saturating_sub(start) < length { Err(Unscanned::PartiallyCorrupted) } else { Ok(()) }
    }

    /// Up to `limit` octets of a name or a table, for the reader's own use; `None` where they are not all there.
    pub(crate) fn text(&mut self, start: u64, length: u64, limit: u64) -> Result<Option<Vec<u8>>, Unscanned> {
        if length > limit || start.saturating_add(length) > self.source.length() {
            return Ok(None);
        }
        let mut text = vec![0; usize::try_from(length).unwrap_or(0)];
        self.source.read_at(start, &mut text)?;
        Ok(Some(text))
    }
}

impl<'a> Out<'a> {
    pub(crate) fn new(budget: &'a mut Budget, members: &'a mut dyn Members, container: u64) -> Self {
        Self { budget, members, container, given: 0, crc: None, is_trial: false, other_name: None }
    }

    /// A member begins. One without a name is shown as `content`.
    pub(crate) fn begin(&mut self, name: &[u8], size: Option<u64>) -> Result<(), Unscanned> {
        let text = String::from_utf8_lossy(name);
        // Programs in C see it end at the first zero.
        if let Some((before, _)) = text.split_once('\0').filter(|(before, _)| !before.is_empty()) {
            self.also(before.to_owned());
        }
        let path = match &text {
            text if text.is_empty() => Cow::Borrowed("content"),
            text => display_name(text),
        };
        self.begin_shown(path, name, size)
    }

    /// The next member that begins has this name as well.
    pub(crate) fn also(&mut self, name: String) {
        self.other_name = Some(name);
    }

    /// A member begins, whose name is shown as `path`.
    pub(crate) fn begin_shown(&mut self, path: Cow<'_, str>, name: &[u8], size: Option<u64>) -> Result<(), Unscanned> {
        let other = self.other_name.take();
        self.budget.begin_member()?;
        (self.given, self.crc) = (0, None);
        let other_path = other.as_deref().map(display_name);
        self.members.begin(Member { path, other_path, raw_name: name, declared_size: size });
        Ok(())
    }

    /// Sums the octets of the open member up from here on.
    pub(crate) fn sum(&mut self) {
        self.crc = Some(Crc::new());
    }

    /// What comes out until [`Out::end_trial`] is summed and given to nobody.
    pub(crate) fn begin_trial(&mut self) {
        (self.given, self.crc, self.is_trial) = (0, Some(Crc::new()), true);
    }

    /// The open member is as if it had just begun. `packed`: of how many octets the trial was.
    pub(crate) fn end_trial(&mut self, packed: u64) {
        self.budget.take_back(self.given, packed);
        (self.given, self.crc, self.is_trial) = (0, Some(Crc::new()), false);
    }

    /// The member ends. An error ends all unpacking.
    pub(crate) fn end(&mut self, outcome: Result<(), Unscanned>) -> Result<(), Unscanned> {
        self.members.end(outcome);
        match outcome {
            Err(reason) if reason.is_final() => Err(reason),
            Err(Unscanned::Mailbomb) if self.budget.is_exhausted() => Err(Unscanned::Mailbomb),
            _ => Ok(()),
        }
    }

    /// Something is known of the container.
    pub(crate) fn fact(&mut self, fact: Fact) {
        self.members.fact(fact);
    }

    /// Octets have come out of `packed` ones.
    pub(crate) fn give(&mut self, octets: &[u8], packed: u64) -> Result<(), Unscanned> {
        self.budget.tick()?;
        let taken = self.budget.take(octets.len(), self.given, packed, self.container);
        let (within, beyond) = octets.split_at(taken);
        if !within.is_empty() {
            self.given += taken as u64;
            if let Some(crc) = &mut self.crc {
                crc.update(within);
            }
            if !self.is_trial {
                self.members.data(within);
            }
        }
        if beyond.is_empty() { Ok(()) } else { Err(Unscanned::Mailbomb) }
    }

    /// Octets that the open member has given.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// What the octets of the open member sum up to, if that was asked for.
    pub(crate) fn crc(&self) -> u32 {
        self.crc.as_ref().map_or(0, Crc::sum)
    }

    /// Gives everything that the stream at the position of `source` unpacks to. `packed` is what the ratio counts from.
    /// Decoders are libraries: one that panics costs its member only.
    pub(crate) fn stream<R: Read + Seek>(
        &mut self,
        packing: Packing,
        source: &mut Packed<'_, R>,
        watch: &Watch,
        buffer: &mut [u8],
        packed: u64,
    ) -> Result<(), Unscanned> {
        let (start, before) = (source.position(), self.given);
        let outcome = open(packing, source)
            .map_err(|error| watch.trouble().unwrap_or(reason_of(&error)))
            .and_then(|mut decoder| self.drain(&mut decoder, watch, buffer, packed));
        if outcome != Err(Unscanned::PartiallyCorrupted) {
            return outcome;
        }
        // Decoders drop what they made in the step that ends at the damage. In steps of one octet that is nothing.
        let end = source.position();
        source.return_to(start);
        let again = match open(packing, source) {
            Ok(mut decoder) => match skip(&mut decoder, self.given - before, buffer) {
                true => self.drain(&mut decoder, watch, buffer.get_mut(..1).unwrap_or(&mut []), packed),
                false => outcome,
            },
            Err(_) => outcome,
        };
        source.return_to(end);
        again.and(outcome)
    }

    /// Gives so many octets of a decoder; fewer are damage. `left` is how many have not been read from it.
    pub(crate) fn drain_some(
        &mut self,
        decoder: &mut impl Read,
        watch: &Watch,
        buffer: &mut [u8],
        packed: u64,
        left: &mut u64,
    ) -> Result<(), Unscanned> {
        let mut limited = decoder.take(*left);
        let outcome = self.drain(&mut limited, watch, buffer, packed);
        *left = limited.limit();
        if outcome.is_ok() && *left > 0 { Err(Unscanned::PartiallyCorrupted) } else { outcome }
    }

    /// Gives everything a decoder yields.
    pub(crate) fn drain(
        &mut self,
        decoder: &mut impl Read,
        watch: &Watch,
        buffer: &mut [u8],
        packed: u64,
    ) -> Result<(), Unscanned> {
        loop {
            match guarded(|| decoder.read(buffer)) {
                Ok(0) => return Ok(()),
                Ok(octets) => self.give(buffer.get(..octets).unwrap_or(&[]), packed)?,
                Err(error) => match watch.trouble() {
                    Some(reason) => return Err(reason),
                    None if error.kind() == io::ErrorKind::Interrupted => self.budget.tick()?,
                    None => return Err(reason_of(&error)),
                },
            }
        }
    }
}

/// Octets that are unpacked for nobody, to reach others. All of them together are bounded as those that come out are.
#[derive(Default)]
pub(crate) struct Dropped(u64);

impl Dropped {
    /// So many more of a stream; `Corrupted` if they are not there.
    pub(crate) fn skip(
        &mut self,
        out: &Out<'_>,
        stream: &mut impl Read,
        octets: u64,
        watch: &Watch,
        buffer: &mut [u8],
    ) -> Result<(), Unscanned> {
        self.0 = self.0.saturating_add(octets);
        if self.0 > out.budget.limits().total {
            return Err(Unscanned::Mailbomb);
        }
        let skipped = octets == 0 || skip(stream, octets, buffer);
        if skipped { Ok(()) } else { Err(watch.trouble().unwrap_or(Unscanned::Corrupted)) }
    }
}

/// The decoder of a stream.
fn open<'p, R: Read + Seek>(packing: Packing, source: &'p mut Packed<'_, R>) -> io::Result<Box<dyn Read + 'p>> {
    guarded(move || packing.open(source))
}

/// Calls a library. One that panics is one that found damage.
pub(crate) fn guarded<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(io::ErrorKind::InvalidData.into()))
}

/// Reads so many octets and drops them; whether they were there.
pub(crate) fn skip(decoder: &mut impl Read, octets: u64, buffer: &mut [u8]) -> bool {
    let mut left = octets;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        match guarded(|| decoder.read(buffer.get_mut(..wanted).unwrap_or(&mut []))) {
            Ok(octets) if octets > 0 => left = left.saturating_sub(octets as u64),
            _ => return false,
        }
    }
    true
}

/// Octets that are moved at a time.
pub(crate) const CHUNK: usize = 32 << 10;
