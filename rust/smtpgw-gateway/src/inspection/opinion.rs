//! What an inspector said, and about what.

use std::fmt;
use std::time::Duration;

use crate::inspect::Subject;
use crate::verdict::Verdict;

/// What one inspector said in one hook call.
#[derive(Clone, Debug)]
pub(crate) struct Opinion {
    /// Index into the roster.
    pub(crate) inspector: usize,
    /// Which hook, and for `on_part` which part.
    pub(crate) about: About,
    pub(crate) result: Result<Vec<Verdict>, Failure>,
    pub(crate) elapsed: Duration,
}

/// What an opinion is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Connect,
    Recipient,
    Part(String),
    Message,
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The hook raised.
    Raised(String),
    /// It took longer than its own limit, or than the message's budget.
    TimedOut,
    /// It failed so often that it is not asked for a while.
    CircuitOpen,
}

impl Failure {
    /// For records.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Raised(reason) => reason,
            Self::TimedOut => "timed out",
            Self::CircuitOpen => "failed too often, not asked",
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connect => "connect",
            Self::Recipient => "recipient",
            Self::Part(path) => path,
            Self::Message => "message",
        })
    }
}

impl About {
    pub(super) fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Connect(_) => Self::Connect,
            Subject::Recipient { .. } => Self::Recipient,
            Subject::Part(part, _) => Self::Part(match &part.reading {
                Some(reading) => format!("{} ({reading})", part.path),
                None => part.path.clone(),
            }),
            Subject::Message(_) => Self::Message,
        }
    }
}
