//! The replies we write ourselves, as data: RFC 5321 §4.2 codes, enhanced codes of the IANA registry.
//!
//! Nothing here depends on what a peer sent, so nothing a peer sent can show up in it. What refuses a command or
//! content stands beside its reason ([`CommandError`](crate::CommandError), [`ContentError`](crate::ContentError),
//! [`CloseReason`](crate::CloseReason)); this table holds the rest, and those of the gateway around the machine.

use alloc::vec::Vec;

use crate::reply::Reply;

/// RSET, NOOP.
pub const OK: Reply = Reply::fixed(250, "2.0.0 Ok");
/// MAIL accepted (where no backend has answered).
pub const SENDER_OK: Reply = Reply::fixed(250, "2.1.0 Sender ok");
/// RCPT accepted (where no backend has answered).
pub const RECIPIENT_OK: Reply = Reply::fixed(250, "2.1.5 Recipient ok");
/// A chunk in front of the last one; it says nothing on the message.
pub const CHUNK_OK: Reply = Reply::fixed(250, "2.0.0 Chunk received");
/// Content accepted (where no backend has answered).
pub const MESSAGE_OK: Reply = Reply::fixed(250, "2.6.0 Message accepted");
/// HELP. No list of commands: it would be out of date before it helped anybody.
pub const HELP: Reply = Reply::fixed(214, "2.0.0 See RFC 5321");
/// VRFY: neither confirmed nor denied, RFC 5321 §7.3.
pub const VERIFY: Reply = Reply::fixed(252, "2.5.0 Send some mail, delivery will be tried");
/// QUIT.
pub const GOODBYE: Reply = Reply::fixed(221, "2.0.0 Goodbye");
/// STARTTLS accepted.
pub const STARTTLS: Reply = Reply::fixed(220, "2.0.0 Ready to start TLS");
/// DATA accepted.
pub const START_CONTENT: Reply = Reply::fixed(354, "End data with <CR><LF>.<CR><LF>");

/// We are shutting down.
pub const SHUTTING_DOWN: Reply = Reply::fixed(421, "4.3.2 Service shutting down, closing connection");
/// The client was silent for too long, or dribbled.
pub const TIMEOUT: Reply = Reply::fixed(421, "4.4.2 Timeout, closing connection");
/// More connections than we or the client's address may have.
pub const TOO_MANY_CONNECTIONS: Reply = Reply::fixed(421, "4.7.0 Too many connections, try again later");
/// Content of other messages has all the memory there is for it (RFC 3463 §3.4, X.3.1).
pub const OUT_OF_MEMORY: Reply = Reply::fixed(421, "4.3.1 Insufficient memory, try again later");
/// The backend is known to be down.
pub const BACKEND_DOWN: Reply = Reply::fixed(421, "4.3.2 Service not available, try again later");
/// The backend could not be reached.
pub const BACKEND_UNREACHABLE: Reply = Reply::fixed(451, "4.4.1 Mail system not reachable, try again later");
/// The backend went away or broke the protocol in mid-transaction.
pub const BACKEND_LOST: Reply = Reply::fixed(451, "4.4.2 Mail system connection lost, try again later");
/// Something of ours failed.
pub const LOCAL_ERROR: Reply = Reply::fixed(451, "4.3.0 Local error, try again later");
/// The recipient belongs to another backend than those before it, and the transaction can have only one. By 452 a
/// sender knows to bring it in a further transaction (RFC 5321 §4.5.3.1.10).
pub const OTHER_TRANSACTION: Reply = Reply::fixed(452, "4.5.3 Send this recipient in a transaction of its own");
/// No room for content.
pub const NO_SPACE: Reply = Reply::fixed(452, "4.3.1 Insufficient system storage, try again later");
/// MAIL in clear where TLS is required (RFC 3207 §4).
pub const STARTTLS_FIRST: Reply = Reply::fixed(530, "5.7.0 Must issue a STARTTLS command first");
/// A proxy that did not say whom it speaks for brings mail.
pub const CLIENT_UNKNOWN: Reply = Reply::fixed(451, "4.7.0 Client address not known here, try again later");
/// The message needs SMTPUTF8, and the backend does not have it (RFC 6531 §3.5).
pub const NO_SMTPUTF8: Reply = Reply::fixed(550, "5.6.7 Internationalised mail is not supported for this message");
/// The message may only go where TLS is certain, and the backend does not promise it (RFC 8689 §5).
pub const NO_REQUIRETLS: Reply = Reply::fixed(550, "5.7.30 REQUIRETLS support required");
/// The message is binary, and the backend no longer takes that (RFC 5321 §4.1.1.11).
pub const NO_BINARYMIME: Reply = Reply::fixed(455, "4.3.3 Binary content is not supported at the moment");
/// The message has parameters of DSN, and the backend no longer has the extension (RFC 5321 §4.1.1.11).
pub const NO_DSN: Reply = Reply::fixed(455, "4.3.3 Notification parameters are not supported at the moment");
/// STARTTLS that cannot be had now (RFC 3207 §4).
pub const TLS_UNAVAILABLE: Reply = Reply::fixed(454, "4.7.0 TLS not available, try again later");
/// Whoever knows the client cannot be asked now (RFC 4954 §6).
pub const AUTH_UNAVAILABLE: Reply = Reply::fixed(454, "4.7.0 Temporary authentication failure");
/// The connection on which the client had authenticated is gone, and nobody has kept its credentials.
pub const AUTH_LOST: Reply = Reply::fixed(421, "4.4.2 Mail system connection lost, authenticate again");
/// The recipient belongs to a server that does not know the client, which has authenticated with another one.
pub const OTHER_SERVER: Reply =
    Reply::fixed(550, "5.7.1 Recipient belongs to another server than the one that knows you");
/// The recipient's domain is not one that this listener takes mail for.
pub const RELAY_DENIED: Reply = Reply::fixed(550, "5.7.1 Relaying denied");
/// The local part of a recipient holds a route to somewhere else.
pub const ROUTE_DENIED: Reply = Reply::fixed(550, "5.7.1 Routed addresses are not accepted");
/// More `Received` fields than a message on its way can have (RFC 5321 §6.3).
pub const TOO_MANY_HOPS: Reply = Reply::fixed(554, "5.4.6 Too many hops, this message is going round in a loop");
/// The verdict is not there in time.
pub const VERDICT_LATE: Reply = Reply::fixed(451, "4.7.1 Content inspection unfinished, try again later");
/// The verdict is to defer.
pub const DEFERRED: Reply = Reply::fixed(451, "4.7.1 Message deferred by policy, try again later");
/// The verdict is to reject.
pub const REJECTED: Reply = Reply::fixed(554, "5.7.1 Message refused by policy");

/// The greeting: `220 hostname ESMTP` (RFC 5321 §4.2). Prepared once, written to every new connection.
pub fn greeting(hostname: &str) -> Vec<u8> {
    let mut out = b"220 ".to_vec();
    push_hostname(&mut out, hostname);
    out.extend_from_slice(b" ESMTP\r\n");
    out
}

/// Appends `hostname`, cleaned: it comes from our own configuration, but it must not be able to end the line.
pub(crate) fn push_hostname(out: &mut Vec<u8>, hostname: &str) {
    out.extend(hostname.bytes().take(crate::limits::DOMAIN).map(|o| if o.is_ascii_graphic() { o } else { b'-' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_has_an_enhanced_code_of_its_class() {
        let table = [
            OK,
            SENDER_OK,
            RECIPIENT_OK,
            CHUNK_OK,
            MESSAGE_OK,
            HELP,
            VERIFY,
            GOODBYE,
            STARTTLS,
            SHUTTING_DOWN,
            TIMEOUT,
            TOO_MANY_CONNECTIONS,
            OUT_OF_MEMORY,
            BACKEND_DOWN,
            BACKEND_UNREACHABLE,
            BACKEND_LOST,
            LOCAL_ERROR,
            OTHER_TRANSACTION,
            NO_SPACE,
            STARTTLS_FIRST,
            CLIENT_UNKNOWN,
            NO_SMTPUTF8,
            NO_DSN,
            TLS_UNAVAILABLE,
            NO_REQUIRETLS,
            AUTH_UNAVAILABLE,
            AUTH_LOST,
            OTHER_SERVER,
            NO_BINARYMIME,
            RELAY_DENIED,
            ROUTE_DENIED,
            TOO_MANY_HOPS,
            VERDICT_LATE,
            DEFERRED,
            REJECTED,
        ];
        for reply in table {
            assert!(reply.enhanced().is_some(), "{reply}");
        }
        // RFC 2034 §4: a 3yz reply carries none.
        assert!(START_CONTENT.enhanced().is_none());
    }

    #[test]
    fn the_greeting_is_one_clean_line() {
        assert_eq!(greeting("mx1.example.org"), b"220 mx1.example.org ESMTP\r\n");
        assert_eq!(greeting("a\r\n250 b"), b"220 a--250-b ESMTP\r\n");
    }
}
