//! The header side of the machine: lines are collected until an empty one, a delimiter, the end of the message, or a
//! line that is no field.

use super::{Entity, Machine, Place, Report, State, delimiters};
use crate::dialect::JunkLine;
use crate::header::{JUDGED, Line};
use crate::multipart::{Judgement, ends_bare};
use crate::transfer::Offset;

impl Machine {
    pub(super) fn begin_header(&mut self, place: Place, default_type: &'static str) {
        self.collector.clear();
        self.collector.of_message = matches!(place, Place::Top(_));
        self.state = State::Header(Entity { place, default_type, at: self.offset, line_at: self.offset });
    }

    /// Reads at most one line of a header; how many octets that was.
    pub(super) fn header(&mut self, raw: &[u8], report: &mut Report<'_>) -> usize {
        let State::Header(entity) = &mut self.state else { return 0 };
        let before = self.collector.line_len();
        if before == 0 {
            entity.line_at = self.offset;
        }
        // A line is looked at when it is complete, and once before when it is long: a body that follows without an
        // empty line may have no line end at all.
        let window = if before < JUDGED { raw.get(..JUDGED - before).unwrap_or(raw) } else { raw };
        let len = memchr::memchr(b'\n', window).map_or(window.len(), |at| at + 1);
        let taken = window.get(..len).unwrap_or_default();
        self.collector.extend(taken, &report.context.dialect, &report.context.limits);
        self.offset = self.offset.plus(len);
        let complete = taken.ends_with(b"\n");
        if complete || before + len == JUDGED {
            self.header_line(complete, report);
        }
        len
    }

    fn header_line(&mut self, complete: bool, report: &mut Report<'_>) {
        let State::Header(entity) = &self.state else { return };
        let line_at = entity.line_at;
        if self.multiparts > 0 && self.collector.line().starts_with(b"--") {
            let line = self.collector.line();
            let delimiters = delimiters(&self.frames, report.context);
            match delimiters.judge(line, complete || line.len() >= delimiters.judged()) {
                Judgement::Delimiter(found) => {
                    let line = self.collector.take_line();
                    self.begin_unclosed(line_at, report);
                    self.splitter.go_on_after(&line);
                    self.delimiter(found, line_at, ends_bare(&line), report);
                    return;
                }
                Judgement::Undecided => return,
                Judgement::NearMiss(found) => self.near_miss(found, line_at, report),
                Judgement::Content | Judgement::Guess(_) => {}
            }
        }
        let dialect = report.context.dialect;
        if complete {
            match self.collector.end_line(line_at.get(), &dialect, &report.context.limits) {
                Line::Taken => {}
                Line::End => self.begin_entity(None, report),
                Line::Junk => self.end_header_at_junk(line_at, report),
            }
        } else if dialect.junk_line == JunkLine::EndsHeader && self.collector.is_junk(&dialect) {
            self.collector.note_junk(line_at.get());
            self.end_header_at_junk(line_at, report);
        }
    }

    /// The current line is no field: it is the first of the body.
    fn end_header_at_junk(&mut self, line_at: Offset, report: &mut Report<'_>) {
        let line = self.collector.take_line();
        let end = self.offset;
        self.offset = line_at;
        self.begin_entity(None, report);
        // Recursion ends: only the header of a message is followed by another one, and that one, empty as it is,
        // makes a leaf.
        self.read(&line, report);
        self.offset = end;
    }

    pub(super) fn finish_header(&mut self, report: &mut Report<'_>) {
        if matches!(self.state, State::Header(_)) && self.collector.line_len() > 0 {
            self.header_line(true, report);
        }
        self.begin_unclosed(self.offset, report);
    }

    /// Begins the entity at hand, and those in it, though their headers were not closed: at `at` they end.
    pub(super) fn begin_unclosed(&mut self, at: Offset, report: &mut Report<'_>) {
        while matches!(self.state, State::Header(_)) {
            self.begin_entity(Some(at), report);
        }
    }
}
