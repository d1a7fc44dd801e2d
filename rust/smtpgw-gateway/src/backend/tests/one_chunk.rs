//! When a message goes as one chunk, and what the reply to it is worth.

use super::*;

/// What becomes of a message of one line at a server that answers EHLO, MAIL and RCPT so, then that line's command, the
/// line itself and what follows.
async fn delivered<const N: usize>(replies: [&'static [u8]; N]) -> Result<String, BackendError> {
    let address = serve(b"220 mx\r\n", replies).await;
    let patience = Duration::from_secs(5);
    let backend =
        Backend { tls: BackendTls::None, data_s: patience, reply_s: patience, ..Backend::at(address.to_string()) };
    let site = Site::new(&Settings::default(), "mail", &backend).unwrap();
    let mut leg = Smtp::dial(&RealWorld, &site, address, None).await.unwrap();
    leg.mail(&ReversePath::parse("<a@b>").unwrap(), &MailParameters::default(), &[]).await.unwrap();
    leg.recipient(&ForwardPath::parse("<c@d>").unwrap(), &RecipientParameters::default()).await.unwrap();
    let content = Content::Memory(b"x\r\n".as_slice().into());
    leg.deliver(Outgoing::new(Vec::new(), None, content)).await.map(|reply| reply.to_string())
}

const OFFER: &[u8] = b"250-mx\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n";
const MAIL: &[u8] = b"250 2.1.0 ok\r\n";
const RECIPIENT: &[u8] = b"250 2.1.5 ok\r\n";
const DONE: &[u8] = b"250 2.0.0 done\r\n";
const GO: &[u8] = b"354 go\r\n";
const NOTHING: &[u8] = b"";

#[tokio::test]
async fn the_reply_to_one_chunk_is_the_messages() {
    for (reply, said) in [
        (DONE, "250 2.0.0 done"),
        (b"250 2.6.0 queued\r\n", "250 2.6.0 queued"),
        (b"250 queued\r\n", "250 queued"),
        (b"550 5.1.1 nobody\r\n", "550 5.1.1 nobody"),
        (b"452 4.3.1 full\r\n", "452 4.3.1 full"),
    ] {
        assert_eq!(delivered([OFFER, MAIL, RECIPIENT, reply, NOTHING, DONE]).await.unwrap(), said);
    }
}

#[tokio::test]
async fn data_is_asked_where_codes_do_not_tell() {
    for (offer, mail, recipient) in [
        (&b"250-mx\r\n250 CHUNKING\r\n"[..], MAIL, RECIPIENT),
        (b"250-mx\r\n250 ENHANCEDSTATUSCODES\r\n", MAIL, RECIPIENT),
        (OFFER, b"250 ok\r\n", RECIPIENT),
        (OFFER, DONE, RECIPIENT),
        (OFFER, MAIL, b"250 ok\r\n"),
        (OFFER, MAIL, DONE),
        (OFFER, MAIL, b"550 5.1.1 no\r\n"),
    ] {
        // A chunk would be answered 354.
        assert_eq!(delivered([offer, mail, recipient, GO, NOTHING, DONE]).await.unwrap(), "250 2.0.0 done");
    }
}

#[tokio::test]
async fn what_is_not_certain_is_not_the_messages() {
    for reply in [RECIPIENT, MAIL, b"502 5.5.1 what?\r\n", b"500 what?\r\n"] {
        let outcome = delivered([OFFER, MAIL, RECIPIENT, reply]).await;
        assert!(matches!(outcome, Err(BackendError::Unconfirmed(_))), "{outcome:?}");
    }
}
