//! LIMITS: what one session may hold, as servers announce it (RFC 9422).
//!
//! We announce the smaller of our own figure and the backend's, so that a client plans for what both of us take. An
//! announcement is a promise to nobody: whoever goes beyond is answered as ever.

use core::fmt;

/// The figures behind the keyword; `None` where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionLimits {
    /// `MAILMAX`: transactions of a session.
    pub mails: Option<u32>,
    /// `RCPTMAX`: recipients of a transaction.
    pub recipients: Option<u32>,
    /// `RCPTDOMAINMAX`: domains of the recipients of a transaction.
    pub recipient_domains: Option<u32>,
}

impl SessionLimits {
    /// Reads the words behind `LIMITS` in an EHLO reply; what is not understood says nothing.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut limits = Self::default();
        for word in words {
            let Some((name, figure)) = core::str::from_utf8(word).ok().and_then(|word| word.split_once('=')) else {
                continue;
            };
            let figure = figure.parse().ok().filter(|figure| (1..=LARGEST).contains(figure));
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("MAILMAX") {
                limits.mails = figure;
            } else if is("RCPTMAX") {
                limits.recipients = figure;
            } else if is("RCPTDOMAINMAX") {
                limits.recipient_domains = figure;
            }
        }
        limits
    }

    /// What fits both.
    #[must_use]
    pub fn smaller(self, other: Self) -> Self {
        let smaller = |one: Option<u32>, other: Option<u32>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            mails: smaller(self.mails, other.mails),
            recipients: smaller(self.recipients, other.recipients),
            recipient_domains: smaller(self.recipient_domains, other.recipient_domains),
        }
    }
}

/// As it stands behind the keyword, each with a blank in front. A figure that has no form (0, or more than six digits)
/// is left out.
impl fmt::Display for SessionLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures =
            [("MAILMAX", self.mails), ("RCPTMAX", self.recipients), ("RCPTDOMAINMAX", self.recipient_domains)];
        for (name, figure) in figures {
            if let Some(figure) = figure.filter(|figure| (1..=LARGEST).contains(figure)) {
                write!(f, " {name}={figure}")?;
            }
        }
        Ok(())
    }
}

/// RFC 9422 §4: a figure has at most six digits.
const LARGEST: u32 = 999_999;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn read(text: &str) -> SessionLimits {
        SessionLimits::parse(text.split(' ').map(str::as_bytes))
    }

    #[test]
    fn what_is_not_understood_says_nothing() {
        for (text, written) in [
            ("RCPTMAX=100 MAILMAX=5", " MAILMAX=5 RCPTMAX=100"),
            ("mailmax=7 RcptDomainMax=1", " MAILMAX=7 RCPTDOMAINMAX=1"),
            ("MAILMAX=0 RCPTMAX=1000000", ""),
            ("MAILMAX RCPTMAX= RCPTMAX=-1 X=5 =5", ""),
            ("", ""),
        ] {
            assert_eq!(read(text).to_string(), written, "{text}");
        }
    }

    #[test]
    fn the_smaller_figure_holds() {
        let both = read("MAILMAX=5 RCPTMAX=100").smaller(read("MAILMAX=9 RCPTMAX=50 RCPTDOMAINMAX=2"));
        assert_eq!(both.to_string(), " MAILMAX=5 RCPTMAX=50 RCPTDOMAINMAX=2");
    }
}
