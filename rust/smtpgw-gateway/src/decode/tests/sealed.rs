//! What is signed or sealed.

use super::*;

/// An element of BER of less than 128 octets.
fn element(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&[tag, u8::try_from(content.len()).unwrap()][..], &content].concat()
}

/// A CMS (RFC 5652) of signed data.
fn signed(content: &[u8]) -> Vec<u8> {
    let encapsulated = element(0x30, &[&element(6, &[b"*"]), &element(0xa0, &[&element(4, &[content])])]);
    let body = element(0x30, &[&[2, 1, 1], &[0x31, 0], &encapsulated, &[0x31, 0]]);
    element(0x30, &[&element(6, &[b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"]), &element(0xa0, &[&body])])
}

#[tokio::test]
async fn what_is_signed_is_opened() {
    let of =
        |head: &str, data: &[u8]| [format!("{head}\nContent-Transfer-Encoding: binary\n\n").as_bytes(), data].concat();
    let entity = signed(b"Content-Transfer-Encoding: base64\n\nTVogZXZpbA==\n");
    let plain = signed(b"MZ evil");
    for (raw, path) in [
        (of("Content-Type: application/pkcs7-mime; smime-type=signed-data", &entity), "1/smime.eml/1"),
        (of("Content-Type: application/x-pkcs7-mime", &entity), "1/smime.eml/1"),
        (of("Content-Type: text/plain", &entity), "1/content/1"),
        (of("Content-Type: application/octet-stream; name=\"a.exe.p7m\"", &plain), "1/a.exe"),
    ] {
        let parts = decode(&[&raw], 1 << 20).await;
        assert!(parts.contains(&(path.to_owned(), b"MZ evil".to_vec())), "{path}: {parts:?}");
    }
}

#[tokio::test]
async fn what_needs_a_key_is_told_whatever_it_is_called() {
    let armor = "-----BEGIN PGP MESSAGE-----\n\nhQ==\n-----END PGP MESSAGE-----\n";
    for (head, body, reason) in [
        ("", armor, Some(Unscanned::Encrypted)),
        ("Content-Type: text/html", "<pre>-----BEGIN PGP MESSAGE-----<br>", Some(Unscanned::Encrypted)),
        ("Content-Type: application/octet-stream; name=a.asc", armor, Some(Unscanned::Encrypted)),
        ("Content-Type: application/octet-stream; name=a.GPG", "x", Some(Unscanned::Encrypted)),
        ("Content-Type: text/plain; name=\"a.pgp. \"", "x", Some(Unscanned::Encrypted)),
        ("Content-Type: text/plain; name=key.gpg", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", None),
        ("", "-----BEGIN PGP SIGNED MESSAGE-----\n\nhello\n", None),
        ("Content-Type: text/plain; name=smime.p7m", "x", Some(Unscanned::Unhandled)),
        ("Content-Type: text/plain\nContent-Disposition: attachment; filename=a.P7Z", "x", Some(Unscanned::Unhandled)),
    ] {
        let (_, gaps) = parts_of(&format!("{head}\n\n{body}")).await;
        assert_eq!(gaps, Vec::from_iter(reason), "{head} {body}");
    }
}
