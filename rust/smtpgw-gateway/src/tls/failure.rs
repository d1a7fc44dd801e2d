//! Why a handshake with a client failed, by cause: few words that can be counted.

use std::io;

use rustls::Error;
use serde::Serialize;

use crate::client_hello::NoHello;

/// A cause of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// It speaks TLS, and nothing that we speak: too old a version, no cipher suite, group or signature in common.
    Incompatible,
    /// It sent an alert: mostly it does not like our certificate.
    Alert,
    /// It showed no certificate where the listener requires one.
    NoClientCertificate,
    /// What it sent is no TLS.
    NotTls,
    /// It broke the protocol of TLS.
    Protocol,
    /// It hung up in the middle.
    Closed,
    /// It took too long.
    Timeout,
}

impl Cause {
    /// The cause behind the error of a handshake.
    pub(crate) fn of(error: &io::Error) -> Self {
        let Some(inner) = error.get_ref() else { return Self::Closed };
        if let Some(why) = inner.downcast_ref::<NoHello>() {
            return match why {
                NoHello::Ssl2 => Self::Incompatible,
                NoHello::NotTls => Self::NotTls,
                NoHello::Other | NoHello::TooLong | NoHello::Malformed => Self::Protocol,
            };
        }
        match inner.downcast_ref::<Error>() {
            Some(Error::PeerIncompatible(_)) => Self::Incompatible,
            Some(Error::NoCertificatesPresented) => Self::NoClientCertificate,
            Some(Error::AlertReceived(_)) => Self::Alert,
            Some(_) => Self::Protocol,
            None if error.kind() == io::ErrorKind::InvalidData => Self::Protocol,
            None => Self::Closed,
        }
    }
}
