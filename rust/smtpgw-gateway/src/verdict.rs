//! What an inspector thinks of a message. How many opinions become one decision stands in `decision.rs`.

/// What to do with a message, weakest first, so that the greater of two wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Relay it.
    Accept,
    /// Refuse it for now (4yz).
    Defer,
    /// Answer 250 and throw it away; must be enabled by name.
    Discard,
    /// Keep it for an administrator.
    Quarantine,
    /// Refuse it (5yz).
    Reject,
}

/// One inspector's answer to one hook call.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What it asks for; a score alone asks for [`Action::Accept`].
    pub action: Action,
    /// Why, for records; never sent to the client.
    pub reason: String,
    /// Points towards the thresholds; may be negative.
    pub points: f64,
    /// Name of what gave the points (`GTUBE`), for records and `X-Spam-Status`; empty without points.
    pub symbol: String,
    /// Header fields to add on top of the message if it is relayed, in order: name, value.
    pub header: Vec<(String, String)>,
    /// Text of the reply, without code; the default text of the action if `None`.
    pub reply: Option<String>,
}

impl Verdict {
    /// A bare verdict.
    pub fn new(action: Action, reason: impl Into<String>) -> Self {
        Self { action, reason: reason.into(), points: 0.0, symbol: String::new(), header: Vec::new(), reply: None }
    }
}
