//! Records on their way out: one JSON object each, written by a thread of their own.
//!
//! A log that blocks must never hold up mail: connections put records into a bounded ring and go on; when it is
//! full the record is lost, the loss is counted, and the count is the next record that gets through. A disk that is
//! full is no other matter (see [`lines`]).

mod file;
mod lines;

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use humantime::{Rfc3339Timestamp, format_rfc3339_millis};
use serde::Serialize;

use self::file::LogFile;
use self::lines::Losses;
use crate::record::displayed;
use crate::settings::{Log, LogFormat, LogLevel};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Record {
    /// How severe it is.
    pub level: LogLevel,
    /// What it is: `ready`, `connection`, `transaction`, ….
    pub event: &'static str,
    /// The whole record as one JSON object on one line, without a line end.
    pub json: String,
}

/// Something that takes records; runs on the log thread and may block it.
pub trait RecordSink: Send {
    /// Takes one record.
    fn write(&mut self, record: &Record);

    /// Called when no more records are at hand: what was gathered goes out now.
    fn flush(&mut self) {}
}

/// Hands records to the log thread. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    sender: Sender<Option<Record>>,
    level: LogLevel,
    lost: Arc<AtomicU64>,
}

impl Journal {
    /// Starts the log thread; it ends when the journal is closed and the ring is empty.
    pub(crate) fn start(
        level: LogLevel,
        sinks: Vec<Box<dyn RecordSink>>,
    ) -> io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (sender, receiver): (_, Receiver<Option<Record>>) = crossbeam_channel::bounded(RING);
        let lost = Arc::new(AtomicU64::new(0));
        let losses = Arc::clone(&lost);
        let thread = std::thread::Builder::new().name("smtpgw-log".into()).spawn(move || {
            let mut writer = Writer { sinks, losses };
            let mut open = true;
            while open && let Ok(Some(record)) = receiver.recv() {
                writer.write(&record);
                // Whoever writes a record while nobody waits for it pays no system call; so let some gather.
                std::thread::sleep(GATHER);
                for record in receiver.try_iter() {
                    match record {
                        Some(record) => writer.write(&record),
                        None => open = false,
                    }
                }
                writer.flush();
            }
        })?;
        Ok((Self { sender, level, lost }, thread))
    }

    /// Lets the log thread end once it has written what is in the ring. A sink that is stuck is not waited for
    /// longer than a moment.
    pub(crate) fn close(&self) {
        let _ = self.sender.send_timeout(None, CLOSE);
    }

    /// Writes a record: `body`'s fields behind `time`, `level` and `event`.
    pub(crate) fn write(&self, level: LogLevel, event: &'static str, now: SystemTime, body: &impl Serialize) {
        if level < self.level {
            return;
        }
        let record = record_of(level, event, Some(now), body);
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Some(record)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The log thread's side.
struct Writer {
    sinks: Vec<Box<dyn RecordSink>>,
    losses: Arc<AtomicU64>,
}

impl Writer {
    fn write(&mut self, record: &Record) {
        let count = self.losses.swap(0, Ordering::Relaxed);
        if count > 0 {
            let notice = record_of(LogLevel::Warning, "records-lost", None, &Lost { count });
            self.sinks.iter_mut().for_each(|sink| sink.write(&notice));
        }
        self.sinks.iter_mut().for_each(|sink| sink.write(record));
    }

    fn flush(&mut self) {
        self.sinks.iter_mut().for_each(|sink| sink.flush());
    }
}

#[derive(Serialize)]
struct Lost {
    count: u64,
}

#[derive(Serialize)]
struct Line<'a, B> {
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    time: Option<Rfc3339Timestamp>,
    level: LogLevel,
    event: &'static str,
    #[serde(flatten)]
    body: &'a B,
}

thread_local! {
    /// Where records are serialised. What waits for the log thread has as much room as it needs. Taken and put back,
    /// not borrowed: a panic on the way is itself a record.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn record_of(level: LogLevel, event: &'static str, now: Option<SystemTime>, body: &impl Serialize) -> Record {
    let line = Line { time: now.map(format_rfc3339_millis), level, event, body };
    let mut room = ROOM.take();
    room.clear();
    room.shrink_to(MOST);
    // Our own plain structures serialise; if one ever did not, the event's name is still worth a line.
    let json = match serde_json::to_writer(&mut room, &line) {
        Ok(()) => std::str::from_utf8(&room).ok().map(str::to_owned),
        Err(_) => None,
    };
    ROOM.set(room);
    Record { level, event, json: json.unwrap_or_else(|| format!("{{\"event\":\"{event}\"}}")) }
}

/// The sink that the settings name: a file or standard error.
///
/// # Errors
/// If the file cannot be opened for appending.
pub fn log_sink(settings: &Log) -> io::Result<Box<dyn RecordSink>> {
    let output = match &settings.file {
        Some(path) => Output::File(LogFile::open(path.clone())?),
        None => Output::StandardError,
    };
    let for_people =
        settings.format == LogFormat::Logfmt || (matches!(output, Output::StandardError) && io::stderr().is_terminal());
    Ok(Box::new(LineSink { output, for_people, lines: String::new(), losses: Losses::default() }))
}

enum Output {
    File(LogFile),
    StandardError,
}

struct LineSink {
    output: Output,
    for_people: bool,
    /// Whole lines that wait to be written together.
    lines: String,
    losses: Losses,
}

impl RecordSink for LineSink {
    fn write(&mut self, record: &Record) {
        push_line(&mut self.lines, &record.json, self.for_people);
        if self.lines.len() >= PIECE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Self { output, for_people, lines, losses } = self;
        let notice = |count| {
            let mut line = String::new();
            let lost = record_of(LogLevel::Warning, "records-lost", None, &Lost { count });
            push_line(&mut line, &lost.json, *for_people);
            line
        };
        match output {
            Output::File(file) => {
                // Half a line is left behind with the file that it stands in.
                if file.follow() {
                    losses.begin_file();
                }
                losses.write(file, lines, notice);
            }
            Output::StandardError => losses.write(&mut io::stderr().lock(), lines, notice),
        }
        lines.clear();
    }
}

fn push_line(lines: &mut String, json: &str, for_people: bool) {
    if for_people {
        lines.push_str(&logfmt(json));
    } else {
        lines.push_str(json);
    }
    lines.push('\n');
}

/// A JSON object as `key=value` pairs; values that need it are quoted as JSON does.
fn logfmt(json: &str) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(json) else { return json.to_owned() };
    let mut line = String::new();
    for (key, value) in &fields {
        let text = match value {
            serde_json::Value::String(text) if is_plain(text) => text.clone(),
            serde_json::Value::Null => continue,
            other => other.to_string(),
        };
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(key);
        line.push('=');
        line.push_str(&text);
    }
    line
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'=' | b'\\'))
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn timestamp(now: SystemTime) -> String {
    format_rfc3339_millis(now).to_string()
}

/// How long the log thread lets records gather, which are then written together: nobody who reads along sees it.
const GATHER: Duration = Duration::from_millis(10);

/// Octets of a large record. What is larger leaves no room behind.
const MOST: usize = 64 << 10;

/// Octets of lines that are written at once.
const PIECE: usize = 64 << 10;

/// How long closing waits for a place in the ring.
const CLOSE: Duration = Duration::from_secs(1);

/// Records that may wait for the log thread.
const RING: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logfmt_quotes_what_could_be_mistaken() {
        let json = r#"{"event":"x","reason":"a \"b\"","n":1,"gone":null,"list":["a"]}"#;
        assert_eq!(logfmt(json), r#"event=x reason="a \"b\"" n=1 list=["a"]"#);
    }

    #[test]
    fn a_blocked_sink_loses_records_and_counts_them() {
        struct Stuck(Receiver<()>, Sender<String>);
        impl RecordSink for Stuck {
            fn write(&mut self, record: &Record) {
                let _ = self.0.recv();
                let _ = self.1.send(record.json.clone());
            }
        }
        let (release, gate) = crossbeam_channel::unbounded();
        let (out, lines) = crossbeam_channel::unbounded();
        let Ok((journal, thread)) = Journal::start(LogLevel::Info, vec![Box::new(Stuck(gate, out))]) else {
            panic!("no thread")
        };
        for _ in 0..RING + 100 {
            journal.write(LogLevel::Info, "x", SystemTime::UNIX_EPOCH, &Lost { count: 0 });
        }
        drop(journal);
        drop(release);
        assert!(thread.join().is_ok());
        let all: Vec<String> = lines.iter().collect();
        assert!(all.iter().any(|line| line.contains("records-lost")));
        assert!(all.len() <= RING + 3);
    }
}
