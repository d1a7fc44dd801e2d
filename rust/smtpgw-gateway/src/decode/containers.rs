//! Opens containers among the leaves, on a thread that may block: their members become further parts, opened in turn
//! down to the limit.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use smtpgw_archive as archive;
use smtpgw_mime::Limits;

use super::collector::HeaderBudget;
use super::effort::Effort;
use super::inner::{self, Found};
use super::leaf::{Leaf, Rested};
use super::readings::{REREAD, Rereading};
use super::room::Room;
use super::sealed::{is_said_to_be_cms, is_smime};
use super::words::Texts;
use crate::content::Reader;
use crate::message::{Content, Message, Part};
use crate::record::UnscannedRecord;
use crate::settings::{Settings, Unscanned};
use crate::spool::Spool;

/// Opens containers, on a thread that may block.
pub(super) struct Opening {
    /// The members have one of their own: that of the leaves may hold the beginning of one that is still arriving.
    pub(super) spool: Spool,
    budget: archive::Budget,
    pub(super) effort: Arc<Effort>,
    message: Arc<Message>,
    /// What may name the password of an archive behind it.
    pub(super) texts: Texts,
    depth: usize,
    pub(super) limits: Limits,
    /// `decode.readings`
    pub(super) readings: usize,
    /// How much more may come out, of all that is opened.
    pub(super) room: Room,
    /// How many more octets may be read for further readings, of the message and of those attached.
    pub(super) reread_left: u64,
    pub(super) gaps: Vec<UnscannedRecord>,
}

impl Opening {
    /// `spool` takes the members; `texts` are those that came before the first container.
    pub(super) fn new(
        message: Arc<Message>,
        spool: Spool,
        texts: Texts,
        effort: &Arc<Effort>,
        settings: &Settings,
    ) -> Self {
        let limits = super::limits(settings);
        Self {
            spool,
            budget: budget(settings, effort),
            effort: Arc::clone(effort),
            message,
            texts,
            depth: settings.decode.archive.depth,
            readings: settings.decode.readings,
            room: Room { parts: limits.parts, octets: limits.decoded_total },
            reread_left: REREAD,
            limits,
            gaps: Vec::new(),
        }
    }

    pub(super) fn open_all(&mut self, parts: Vec<Rested>) -> io::Result<Vec<Arc<Part>>> {
        let mut finished = Vec::with_capacity(parts.len());
        // A work list rather than recursion: depth is the sender's choice.
        let mut waiting: VecDeque<(Rested, usize)> = parts.into_iter().map(|part| (part, 0)).collect();
        while let Some((rested, depth)) = waiting.pop_front() {
            // Of the others it has been told.
            self.gaps.extend(rested.gap().filter(|_| depth > 0));
            let Rested { part, has_files, has_parts, sealed } = rested;
            finished.push(Arc::clone(&part));
            if self.effort.is_over() {
                self.gap(Unscanned::Timeout, part.path.clone());
                continue;
            }
            let formats = Reader::new(&part.data).detect()?;
            let message = inner::message_at(&part)?;
            if sealed.is_none()
                && !formats.contains(&archive::Format::Cms)
                && is_said_to_be_cms(&part.media_type, &part.names)
            {
                // It began as one and is none by all that is known of it now.
                self.gap(Unscanned::Unhandled, part.path.clone());
            }
            // A text that holds files is read as any other.
            let is_leaf = formats.iter().all(|format| format.is_text());
            if is_leaf {
                self.texts.note(&part);
            }
            if formats.is_empty() && message.is_none() && !has_files && !has_parts {
                continue;
            }
            if depth >= self.depth {
                self.gap(Unscanned::Nested, part.path.clone());
                continue;
            }
            let mut members = Vec::new();
            let mut facts = Vec::new();
            let has_parts = has_parts && is_leaf && message.is_none();
            for format in formats {
                members.extend(self.open(&part, format, &mut facts)?);
            }
            _ = part.facts.set(facts);
            if let Some(at) = message {
                members.extend(self.message(&part, at)?);
            }
            if has_parts {
                members.extend(self.parts(&part)?);
            }
            if has_files {
                members.extend(self.files(&part)?);
            }
            // What holds itself (by one reading, the text of a message may be that message again) shows nothing new.
            let (same, members): (Vec<_>, Vec<_>) =
                members.into_iter().partition(|member| member.part.sha256 == part.sha256);
            finished.extend(same.into_iter().map(|member| member.part));
            // Members come right behind their container, before its siblings.
            members.into_iter().rev().for_each(|member| waiting.push_front((member, depth + 1)));
        }
        Ok(finished)
    }

    /// The files within a text.
    fn files(&mut self, part: &Part) -> io::Result<Vec<Rested>> {
        let found = inner::files(part, &mut self.spool, self.room)?;
        self.room = found.room;
        if found.parts.is_empty() && found.gaps.is_empty() && inner::is_inline_encoding(&part.transfer_encoding) {
            self.gap(Unscanned::Unhandled, part.path.clone());
        }
        self.gaps.extend(found.gaps);
        Ok(found.parts)
    }

    /// The parts of a message that was attached as a file, and begins at `at`.
    fn message(&mut self, part: &Part, at: u64) -> io::Result<Vec<Rested>> {
        self.decoded(part, at, inner::message)
    }

    /// The parts within what is no multipart.
    fn parts(&mut self, part: &Part) -> io::Result<Vec<Rested>> {
        self.decoded(part, 0, inner::parts)
    }

    fn decoded(
        &mut self,
        part: &Part,
        at: u64,
        decode: impl FnOnce(&Part, Rereading<'_>) -> io::Result<Found>,
    ) -> io::Result<Vec<Rested>> {
        let limits = self.room.limits(&self.limits);
        let raw = part.data.skip(at);
        let mut headers = HeaderBudget::new(limits.header_octets);
        let rereading = Rereading {
            limits: &limits,
            readings: self.readings,
            left: &mut self.reread_left,
            room: self.room,
            effort: &self.effort,
            raw: &raw,
            spool: &mut self.spool,
            headers: &mut headers,
        };
        let found = decode(part, rereading)?;
        self.room = found.room;
        self.gaps.extend(found.gaps);
        Ok(found.parts)
    }

    /// The members of a container.
    fn open(&mut self, part: &Part, format: archive::Format, known: &mut Vec<&'static str>) -> io::Result<Vec<Rested>> {
        let mut members = Members {
            spool: &mut self.spool,
            container: part,
            format,
            leaf: None,
            ended: Vec::new(),
            rested: Vec::new(),
            gaps: Vec::new(),
            facts: Vec::new(),
            error: None,
        };
        let before = (self.budget.members(), self.budget.unpacked());
        self.budget.allow(self.room.parts, self.room.octets);
        self.budget.set_words(self.texts.words(&self.message));
        let outcome = archive::unpack(format, Reader::new(&part.data), &mut self.budget, &mut members);
        self.room.take(self.budget.members() - before.0, self.budget.unpacked() - before.1);
        let Members { ended, mut rested, gaps, facts, error, .. } = members;
        known.extend(facts);
        self.gaps.extend(gaps);
        if matches!(outcome, Err(archive::Unscanned::Unreadable)) {
            // Our own trouble, not the sender's: the message is deferred.
            return Err(io::Error::other("a container could not be read back"));
        }
        if let Err(reason) = outcome {
            self.gap(reason_of_archive(&reason), part.path.clone());
        }
        if let Some(error) = error {
            return Err(error);
        }
        rested.extend(self.spool.settle_blocking()?);
        Ok(ended.into_iter().zip(rested).map(|(leaf, content)| leaf.rest(content)).collect())
    }

    fn gap(&mut self, reason: Unscanned, what: String) {
        self.gaps.push(UnscannedRecord { reason, what });
    }
}

/// Takes the members of one container.
struct Members<'a> {
    spool: &'a mut Spool,
    container: &'a Part,
    format: archive::Format,
    leaf: Option<Leaf>,
    ended: Vec<Leaf>,
    rested: Vec<Content>,
    gaps: Vec<UnscannedRecord>,
    facts: Vec<&'static str>,
    error: Option<io::Error>,
}

impl archive::Members for Members<'_> {
    fn begin(&mut self, member: archive::Member<'_>) {
        let other = member.other_path.map(std::borrow::Cow::into_owned);
        let name = match self.format {
            archive::Format::Cms => within_cms(self.container),
            _ => member.path.into_owned(),
        };
        let path = format!("{}/{name}", self.container.path);
        let mut leaf = Leaf::member(path, name, self.format.name(), self.container);
        leaf.names.extend(other.filter(|other| !leaf.names.contains(other)));
        self.leaf = Some(leaf);
    }

    fn data(&mut self, octets: &[u8]) {
        if let (Some(leaf), None) = (&mut self.leaf, &self.error) {
            leaf.take(octets);
            self.spool.append(octets);
            match self.spool.settle_blocking() {
                Ok(contents) => self.rested.extend(contents),
                Err(error) => self.error = Some(error),
            }
        }
    }

    fn end(&mut self, outcome: Result<(), archive::Unscanned>) {
        let Some(leaf) = self.leaf.take() else { return };
        if let Err(reason) = outcome {
            self.gaps.push(UnscannedRecord { reason: reason_of_archive(&reason), what: leaf.path.clone() });
        }
        self.spool.cut();
        self.ended.push(leaf);
    }

    fn fact(&mut self, fact: archive::Fact) {
        self.facts.push(fact.name());
    }
}

/// What a CMS holds has no name of its own: an entity where a mail program takes it for S/MIME, otherwise the file that
/// was signed, whose own name has a suffix.
fn within_cms(container: &Part) -> String {
    if is_smime(&container.media_type) {
        return ENTITY.to_owned();
    }
    let names = container.filename.iter().chain(&container.names).map(|name| name.trim_end_matches(['.', ' ']));
    let mut signed = names.filter_map(|name| {
        let (name, suffix) = name.rsplit_once('.')?;
        suffix.eq_ignore_ascii_case("p7m").then_some(name)
    });
    let first = signed.next();
    match first {
        Some(name) if first.into_iter().chain(signed).all(|name| name.contains('.')) => name.to_owned(),
        Some(_) => ENTITY.to_owned(),
        None => "content".to_owned(),
    }
}

/// The name of an entity, by which it is opened as a message.
const ENTITY: &str = "smime.eml";

fn budget(settings: &Settings, effort: &Arc<Effort>) -> archive::Budget {
    let limits = &settings.decode.archive;
    let limits = archive::Limits {
        total: limits.total,
        member: limits.member,
        ratio: limits.ratio,
        members: limits.members,
        depth: limits.depth,
        duration: limits.seconds,
        password_tries: settings.decode.password_tries,
        disabled: settings.decode.disabled_formats.clone(),
    };
    let effort = Arc::clone(effort);
    archive::Budget::new(limits, move || effort.clock())
}

const fn reason_of_archive(reason: &archive::Unscanned) -> Unscanned {
    match reason {
        archive::Unscanned::Encrypted => Unscanned::Encrypted,
        archive::Unscanned::Corrupted => Unscanned::Corrupted,
        archive::Unscanned::PartiallyCorrupted => Unscanned::PartiallyCorrupted,
        archive::Unscanned::Multipart => Unscanned::Multipart,
        archive::Unscanned::Nested => Unscanned::Nested,
        archive::Unscanned::Mailbomb => Unscanned::Mailbomb,
        archive::Unscanned::FilesLimit => Unscanned::FilesLimit,
        archive::Unscanned::Timeout => Unscanned::Timeout,
        archive::Unscanned::DisabledFormat => Unscanned::DisabledFormat,
        _ => Unscanned::Unhandled,
    }
}
