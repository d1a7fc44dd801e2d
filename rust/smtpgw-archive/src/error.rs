//! Why a container or a member was not, or not wholly, looked at.

/// Why something was not scanned. Never "clean": each reason has its own policy at the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unscanned {
    /// Needs a password.
    #[error("needs a password")]
    Encrypted,
    /// Nothing of it could be read.
    #[error("cannot be read")]
    Corrupted,
    /// Some of it could be read, and what came out may be wrong or incomplete.
    #[error("is damaged; what came out may be incomplete")]
    PartiallyCorrupted,
    /// One volume of several.
    #[error("is one volume of several")]
    Multipart,
    /// Lies in more containers than the limit.
    #[error("lies in more containers than the limit allows")]
    Nested,
    /// Unpacks to more than the limits allow.
    #[error("unpacks to more than the limits allow")]
    Mailbomb,
    /// Has more members than the limit.
    #[error("has more members than the limit allows")]
    FilesLimit,
    /// Took longer than the limit.
    #[error("took longer than the limit allows")]
    Timeout,
    /// Packed in a way that we do not know.
    #[error("is packed in a way that is not known here")]
    Unhandled,
    /// Its format is switched off.
    #[error("is of a format that is switched off")]
    DisabledFormat,
    /// The source failed under our hands. Our own trouble, so a retry may do better.
    #[error("could not be read back from where it is kept")]
    Unreadable,
}

impl Unscanned {
    /// The name used in configuration and records.
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
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the reason ends all unpacking of the message, rather than that of one member.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::FilesLimit | Self::Timeout | Self::Unreadable)
    }
}
