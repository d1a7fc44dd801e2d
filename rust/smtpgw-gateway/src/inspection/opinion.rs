//! What an inspector said, and about what.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::inspect::Subject;
use crate::message::Part;
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
    /// The part is larger than what it looks at.
    TooLarge,
}

impl Opinion {
    /// Whether the hook was called.
    pub(crate) const fn was_asked(&self) -> bool {
        !matches!(self.result, Err(Failure::CircuitOpen | Failure::TooLarge))
    }

    /// Whether the inspector has failed; not to look at what is too large is no failure.
    pub(crate) const fn failed(&self) -> bool {
        matches!(self.result, Err(Failure::Raised(_) | Failure::TimedOut | Failure::CircuitOpen))
    }
}

impl Failure {
    /// For records.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Raised(reason) => reason,
            Self::TimedOut => "timed out",
            Self::CircuitOpen => "failed too often, not asked",
            Self::TooLarge => "larger than it looks at, not asked",
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
    /// A part by its path, and by the reading that shows it.
    pub(crate) fn part(part: &Part) -> Cow<'_, str> {
        match &part.reading {
            Some(reading) => format!("{} ({reading})", part.path).into(),
            None => part.path.as_str().into(),
        }
    }

    pub(super) fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Connect(_) => Self::Connect,
            Subject::Recipient { .. } => Self::Recipient,
            Subject::Part(part, _) => Self::Part(Self::part(part).into_owned()),
            Subject::Message(_) => Self::Message,
        }
    }
}
