//! What could not be scanned, as facts with names: a reason, and what is done about it.

use serde::{Deserialize, Serialize};

/// Why something could not be scanned. Every reason has its own action; none is ever silently clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unscanned {
    /// Needs a password.
    Encrypted,
    /// Cannot be read at all.
    Corrupted,
    /// Read up to the damage.
    PartiallyCorrupted,
    /// One volume of several.
    Multipart,
    /// Deeper than the limit.
    Nested,
    /// Unpacks to more than the limits allow.
    Mailbomb,
    /// More members or parts than the limit.
    FilesLimit,
    /// Took longer than the limit.
    Timeout,
    /// A container that we cannot open.
    Unhandled,
    /// A container that is switched off.
    DisabledFormat,
    /// Larger than an inspector takes.
    Oversize,
    /// More plausible readings than the limit.
    Ambiguous,
    /// `message/partial`: the rest is elsewhere.
    PartialMessage,
    /// An inspector did not answer, and its own policy lets the message go on.
    InspectorDown,
}

impl Unscanned {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::Encrypted,
        Self::Corrupted,
        Self::PartiallyCorrupted,
        Self::Multipart,
        Self::Nested,
        Self::Mailbomb,
        Self::FilesLimit,
        Self::Timeout,
        Self::Unhandled,
        Self::DisabledFormat,
        Self::Oversize,
        Self::Ambiguous,
        Self::PartialMessage,
        Self::InspectorDown,
    ];

    /// The name used in configuration, records and header fields.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Corrupted => "corrupted",
            Self::PartiallyCorrupted => "partially_corrupted",
            Self::Multipart => "multipart",
            Self::Nested => "nested",
            Self::Mailbomb => "mailbomb",
            Self::FilesLimit => "files_limit",
            Self::Timeout => "timeout",
            Self::Unhandled => "unhandled",
            Self::DisabledFormat => "disabled_format",
            Self::Oversize => "oversize",
            Self::Ambiguous => "ambiguous",
            Self::PartialMessage => "partial_message",
            Self::InspectorDown => "inspector_down",
        }
    }

    /// The action unless the configuration names another: refuse what looks made to evade, defer what is our own
    /// trouble, mark what ordinary senders send.
    pub const fn default_action(self) -> UnscannedAction {
        match self {
            Self::Nested | Self::Mailbomb | Self::FilesLimit | Self::Ambiguous | Self::PartialMessage => {
                UnscannedAction::Reject
            }
            Self::Timeout => UnscannedAction::Defer,
            _ => UnscannedAction::Tag,
        }
    }
}

/// What happens to a message with an unscanned piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnscannedAction {
    /// Refuse with 5yz.
    Reject,
    /// Keep it.
    Quarantine,
    /// Refuse with 4yz.
    Defer,
    /// Pass with a header field that names the reason.
    Tag,
    /// Pass; the record alone names the reason.
    Accept,
}
