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
    let junk = signed(b"junk\nContent-Transfer-Encoding: base64\n\nTVogZXZpbA==\n");
    for (raw, path) in [
        (of("Content-Type: application/pkcs7-mime; smime-type=signed-data", &entity), "1/smime.eml/1"),
        (of("Content-Type: application/x-pkcs7-mime", &entity), "1/smime.eml/1"),
        (of("Content-Type: text/plain", &entity), "1/content/1"),
        (of("Content-Type: application/octet-stream; name=\"a.exe.p7m\"", &plain), "1/a.exe"),
        (of("Content-Type: application/octet-stream; name=\"A.Exe.P7m. \"", &plain), "1/A.Exe"),
        // What programs open as S/MIME is a message, whatever its first line looks like.
        (of("Content-Type: application/octet-stream; name=smime.p7m", &junk), "1/smime.eml/1"),
        (of("Content-Type: application/octet-stream; name=Smime.P7M", &junk), "1/smime.eml/1"),
        (
            of("Content-Type: text/plain; name=smime.p7m\nContent-Disposition: attachment; filename=a.b", &junk),
            "1/smime.eml/1",
        ),
    ] {
        let parts = decode(&[&raw], 1 << 20).await;
        assert!(parts.contains(&(path.to_owned(), b"MZ evil".to_vec())), "{path}: {parts:?}");
    }
}

/// What stands where an image has its marks does not keep a CMS closed.
#[tokio::test]
async fn what_is_signed_is_opened_although_it_is_an_image_as_well() {
    let long = |tag: u8, content: &[u8]| {
        [&[tag, 0x84][..], &u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
    };
    let mut content = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nMZ evil\n--b--\n".to_vec();
    content.resize(40_000, 0);
    let mut made = Vec::new();
    // The mark moves what stands before it by nothing: the second turn knows where to put it.
    for mark in [0, 32_769] {
        if mark > 0 {
            let begin = made.len() - content.len() - 2;
            content[mark - begin..][..5].copy_from_slice(b"CD001");
        }
        let encapsulated = [element(6, &[b"*"]), long(0xa0, &long(4, &content))].concat();
        let body = long(0x30, &[&[2, 1, 1, 0x31, 0][..], &long(0x30, &encapsulated), &[0x31, 0]].concat());
        made = long(0x30, &[element(6, &[b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"]), long(0xa0, &body)].concat());
    }
    assert_eq!(&made[32_769..][..5], b"CD001");
    let head = b"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: binary\n\n";
    for threshold in [0, 1 << 20] {
        let parts = decode(&[head, &made], threshold).await;
        assert!(parts.iter().any(|(path, data)| path == "1/smime.eml/1" && data == b"MZ evil"), "{}", parts.len());
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

/// A CMS in the lines of PEM is what it is: enveloped, encrypted and authenticated-enveloped ones need a key,
/// signatures and certificates do not, and what is signed is shown.
#[tokio::test]
async fn what_stands_between_the_lines_of_pem_is_looked_at() {
    let pem = |label: &str, body: &str| format!("see below\n-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let sealed = ["MBIGCSqGSIb3DQEHA6AFMAMCAQA=", "MBQGCyqGSIb3DQEJEAEXoAUwAwIBAA==", "MBIGCSqGSIb3DQEHBqAFMAMCAQA="];
    let bundle = "MCoGCSqGSIb3DQEHAqAdMBsCAQExADALBgkqhkiG9w0BBwGgBTADAgEFMQA=";
    let signed = "MC4GCSqGSIb3DQEHAqAhMB8CAQExADAWBgkqhkiG9w0BBwGgCQQHTVogZXZpbDEA";
    for label in ["PKCS7", "CMS", "PKCS #7 SIGNED DATA", "ENCRYPTED MESSAGE"] {
        for head in ["", "Content-Type: application/octet-stream; name=a.pem\n"] {
            for body in sealed {
                let (_, gaps) = parts_of(&format!("{head}\n{}", pem(label, body))).await;
                assert_eq!(gaps, [Unscanned::Encrypted], "{label} {body}");
            }
            let (_, gaps) = parts_of(&format!("{head}\n{}", pem(label, bundle))).await;
            assert_eq!(gaps, [], "{label}");
            let raw = format!("{head}\n{}", pem(label, signed));
            let parts = decode(&[raw.as_bytes()], 1 << 20).await;
            assert!(parts.contains(&("1/pem/content".to_owned(), b"MZ evil".to_vec())), "{parts:?}");
        }
    }
    let (_, gaps) = parts_of(&format!("\n{}", pem("CERTIFICATE", bundle))).await;
    assert_eq!(gaps, []);
}
