//! Service extensions through the whole gateway: offered if the backend offers them, carried on from parsed pieces, and
//! never left out in silence when a backend has changed its mind since.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::settings::{Relay, Settings, Unscanned, UnscannedAction};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use turmoil::net::{TcpListener, TcpStream};

use crate::entry::house;
use crate::settings;
use crate::world::SimWorld;

/// What came of it.
#[derive(Default)]
struct Exchange {
    /// All that the client heard.
    heard: String,
    /// What the backend was told, in lines without CRLF, the content among them as one.
    told: Vec<String>,
    /// The same in records.
    records: Vec<String>,
}

/// One client that sends its pieces, a moment apart. The backend announces `offers` in turn, connection by connection
/// (the first one is the gateway's own probe), and the last of them from then on; `_` is a blank within a line. With
/// `!` before them it hangs up on EHLO behind chunks.
fn exchange(settings: Settings, offers: &'static [&'static str], pieces: &[&[u8]]) -> Exchange {
    exchange_in(SimWorld::new(1, None), settings, offers, pieces)
}

fn exchange_in(world: SimWorld, settings: Settings, offers: &'static [&'static str], pieces: &[&[u8]]) -> Exchange {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let backend_told = Arc::clone(&told);
    let (heard, records) = house(world, settings, move || backend(offers, Arc::clone(&backend_told)), pieces);
    let told = std::mem::take(&mut *told.lock().unwrap());
    Exchange { heard, told, records }
}

async fn backend(offers: &'static [&'static str], told: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:25").await?;
    let count = AtomicUsize::new(0);
    loop {
        let (stream, _) = listener.accept().await?;
        let offer = offers[count.fetch_add(1, Ordering::Relaxed).min(offers.len() - 1)];
        let told = Arc::clone(&told);
        tokio::spawn(async move { serve(BufReader::new(stream), offer, told).await });
    }
}

async fn serve(mut stream: BufReader<TcpStream>, offer: &str, told: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    stream.get_mut().write_all(b"220 backend.example ESMTP\r\n").await?;
    let (hangs_up, offer) = offer.strip_prefix('!').map_or((false, offer), |offer| (true, offer));
    let mut chunked = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        told.lock().unwrap().push(line.clone());
        let reply = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if hangs_up && chunked => return Ok(()),
            "EHLO" => {
                let words: String =
                    offer.split(' ').map(|word| format!("250-{}\r\n", word.replace('_', " "))).collect();
                format!("250-backend.example\r\n{words}250 SIZE 1000000\r\n")
            }
            "BDAT" => {
                let octets = line.split(' ').nth(1).and_then(|octets| octets.parse().ok()).unwrap_or(0);
                let mut chunk = vec![0; octets];
                stream.read_exact(&mut chunk).await?;
                told.lock().unwrap().push(chunk.escape_ascii().to_string());
                chunked = true;
                "250 2.0.0 chunk\r\n".to_owned()
            }
            "QUIT" => return stream.get_mut().write_all(b"221 bye\r\n").await,
            "DATA" => {
                stream.get_mut().write_all(b"354 go\r\n").await?;
                let mut content = Vec::new();
                while !content.ends_with(b"\r\n.\r\n") {
                    content.push(stream.read_u8().await?);
                }
                told.lock().unwrap().push(content.escape_ascii().to_string());
                "250 2.0.0 queued\r\n".to_owned()
            }
            _ => "250 2.0.0 ok\r\n".to_owned(),
        };
        stream.get_mut().write_all(reply.as_bytes()).await?;
    }
}

impl Exchange {
    /// What the backend was told of envelopes.
    fn envelopes(&self) -> Vec<&str> {
        let envelope = |line: &&str| line.starts_with("MAIL ") || line.starts_with("RCPT ");
        self.told.iter().map(String::as_str).filter(envelope).collect()
    }

    fn content(&self) -> &str {
        self.told.iter().find(|line| line.starts_with("Received: ")).map_or("", String::as_str)
    }
}

const EHLO: &[u8] = b"EHLO c.example\r\n";
const END: &[u8] = b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n";

#[test]
fn letters_beyond_ascii_go_to_a_backend_that_takes_them() {
    let envelope = "MAIL FROM:<d\u{f6}rte@b\u{fc}cher.example> smtputf8 BODY=8BITMIME\r\n\
                    RCPT TO:<\u{7528}\u{6237}@m\u{fc}ll.example>\r\nRCPT TO:<x@else.example>\r\nDATA\r\n";
    // Both forms of the one domain.
    for domain in ["M\u{fc}ll.example", "xn--mll-hoa.example"] {
        let mut settings = settings();
        settings.listener[0].recipient_domains = vec![domain.into()];
        let offers: &[&str] = &["PIPELINING 8BITMIME SMTPUTF8"];
        let seen = exchange(settings, offers, &[EHLO, envelope.as_bytes(), END]);
        assert!(seen.heard.contains("250-SMTPUTF8\r\n"), "{}", seen.heard);
        assert!(seen.heard.contains("550 5.7.1 Relaying denied\r\n"), "{}", seen.heard);
        assert_eq!(
            seen.envelopes(),
            [
                "MAIL FROM:<d\u{f6}rte@b\u{fc}cher.example> BODY=8BITMIME SMTPUTF8",
                "RCPT TO:<\u{7528}\u{6237}@m\u{fc}ll.example>"
            ]
        );
        assert!(seen.content().contains(" with UTF8SMTP id "), "{}", seen.content());
        let path = "\"forward_paths\":[\"\u{7528}\u{6237}@m\u{fc}ll.example\"]";
        assert!(seen.records.iter().any(|record| record.contains(path)), "{:?}", seen.records);
    }
}

#[test]
fn letters_beyond_ascii_are_not_offered_where_the_backend_cannot() {
    let mail = "MAIL FROM:<a@b.example> SMTPUTF8\r\nMAIL FROM:<\u{e9}@b.example>\r\nQUIT\r\n";
    // RFC 6531 §3.1: SMTPUTF8 without 8BITMIME is none.
    for offers in [&["PIPELINING 8BITMIME DSN"], &["SMTPUTF8 PIPELINING"]] {
        let seen = exchange(settings(), offers, &[EHLO, mail.as_bytes()]);
        assert!(!seen.heard.contains("250-SMTPUTF8"), "{}", seen.heard);
        assert!(seen.heard.contains("\r\n555 5.5.4 ") && seen.heard.contains("\r\n553 5.6.7 "), "{}", seen.heard);
        assert_eq!(seen.envelopes(), [""; 0]);
    }
}

#[test]
fn a_backend_that_no_longer_takes_letters_beyond_ascii_gets_none() {
    let envelope = "MAIL FROM:<\u{e9}@b.example> SMTPUTF8\r\nRCPT TO:<\u{e9}@example.org>\r\nDATA\r\n";
    let plain = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
    let offers: &[&str] = &["PIPELINING 8BITMIME SMTPUTF8", "PIPELINING 8BITMIME"];
    let seen = exchange(settings(), offers, &[EHLO, envelope.as_bytes(), plain, END]);
    assert!(seen.heard.contains("550 5.6.7 Internationalised mail is not supported for this message\r\n503 5.5.1 "));
    assert_eq!(seen.envelopes(), ["MAIL FROM:<a@b.example>", "RCPT TO:<b@example.org>"]);
    assert!(seen.heard.contains("250 2.0.0 queued\r\n"), "{}", seen.heard);
}

#[test]
fn notification_parameters_are_carried_on() {
    let envelope: &[u8] = b"MAIL FROM:<a@b.example> ENVID=QQ+2B1 RET=hdrs\r\n\
        RCPT TO:<b@example.org> ORCPT=rfc822;b+2Bx@b NOTIFY=delay,SUCCESS\r\nRCPT TO:<c@example.org> NOTIFY=NEVER\r\nDATA\r\n";
    let written = [
        "MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B1",
        "RCPT TO:<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bx@b",
        "RCPT TO:<c@example.org> NOTIFY=NEVER",
    ];
    // In one group and command by command.
    let lines: Vec<&[u8]> = envelope.split_inclusive(|octet| *octet == b'\n').collect();
    for pieces in [vec![EHLO, envelope, END], [&[EHLO][..], &lines, &[END]].concat()] {
        let seen = exchange(settings(), &["PIPELINING 8BITMIME DSN"], &pieces);
        assert!(seen.heard.contains("250-DSN\r\n") && seen.heard.contains("queued"), "{}", seen.heard);
        assert_eq!(seen.envelopes(), written);
    }
    let seen = exchange(settings(), &["PIPELINING"], &[EHLO, envelope, b"QUIT\r\n"]);
    assert!(!seen.heard.contains("250-DSN") && seen.heard.contains("\r\n555 5.5.4 "), "{}", seen.heard);
    assert_eq!(seen.envelopes(), [""; 0]);
}

#[test]
fn notification_parameters_are_not_dropped_in_silence() {
    let offers: &[&str] = &["PIPELINING DSN", "PIPELINING"];
    let mail = b"MAIL FROM:<a@b.example> RET=HDRS\r\n";
    let recipients =
        b"MAIL FROM:<a@b.example>\r\nRCPT TO:<b@example.org> NOTIFY=NEVER\r\nRCPT TO:<c@example.org>\r\nDATA\r\n";
    let seen = exchange(settings(), offers, &[EHLO, mail, recipients, END]);
    assert_eq!(seen.heard.matches("455 4.3.3 ").count(), 2, "{}", seen.heard);
    assert_eq!(seen.envelopes(), ["MAIL FROM:<a@b.example>", "RCPT TO:<c@example.org>"]);
    assert!(seen.heard.contains("queued"), "{}", seen.heard);
}

#[test]
fn limits_are_the_smaller_ones() {
    let seen = exchange(settings(), &["LIMITS_MAILMAX=2000_RCPTMAX=7"], &[EHLO, b"QUIT\r\n"]);
    assert!(seen.heard.contains("250-LIMITS MAILMAX=1000 RCPTMAX=7\r\n"), "{}", seen.heard);
    let seen = exchange(settings(), &["PIPELINING"], &[EHLO, b"QUIT\r\n"]);
    assert!(seen.heard.contains("250-LIMITS MAILMAX=1000 RCPTMAX=1000\r\n"), "{}", seen.heard);
}

#[test]
fn tls_all_the_way_is_not_promised_in_clear() {
    let seen = exchange(settings(), &["REQUIRETLS"], &[EHLO, b"MAIL FROM:<a@b.example> REQUIRETLS\r\nQUIT\r\n"]);
    assert!(!seen.heard.contains("250-REQUIRETLS") && seen.heard.contains("\r\n555 5.5.4 "), "{}", seen.heard);
    assert_eq!(seen.envelopes(), [""; 0]);
}

#[test]
fn who_speaks_before_the_greeting_is_written_down_and_served() {
    for (waits, early) in [(0, false), (30, true)] {
        let mut world = SimWorld::new(1, None);
        world.accepts_after = Duration::from_millis(waits);
        let envelope: &[u8] = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
        let seen = exchange_in(world, settings(), &["PIPELINING"], &[EHLO, envelope, END]);
        assert!(seen.heard.starts_with("220 gateway.example ESMTP\r\n250-gateway.example\r\n"), "{}", seen.heard);
        assert!(seen.heard.contains("queued"), "{}", seen.heard);
        let record = seen.records.iter().find(|record| record.contains("\"end\":")).unwrap();
        assert_eq!(record.contains("\"early_talker\":true"), early, "{record}");
    }
}

#[test]
fn binary_content_goes_in_chunks_octet_for_octet_and_is_looked_at() {
    let header = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    let body = b"\0\r\n.\r\n\n\r\xff\x80.\n";
    let content = [header.as_bytes(), body].concat();
    let envelope: &[u8] = b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
    let (one, other) = content.split_at(content.len() - 4);
    let chunks = [format!("BDAT {}\r\n", one.len()).as_bytes(), one, b"BDAT 4 LAST\r\n", other].concat();
    for relay in [Relay::Store, Relay::Stream] {
        let mut settings = binary();
        settings.backend.get_mut("backend").unwrap().relay = relay;
        settings.decode.unscanned = Unscanned::ALL.map(|reason| (reason, UnscannedAction::Accept)).into();
        let offers: &[&str] = &["PIPELINING 8BITMIME BINARYMIME CHUNKING"];
        let seen = exchange(settings, offers, &[EHLO, envelope, &chunks, b"QUIT\r\n"]);
        assert!(seen.heard.contains("250-BINARYMIME\r\n"), "{}", seen.heard);
        assert!(seen.heard.contains("\r\n503 5.5.1 Binary content must be sent with BDAT\r\n"), "{}", seen.heard);
        assert!(seen.heard.contains("250 2.0.0 Chunk received\r\n250 2.0.0 chunk\r\n"), "{}", seen.heard);
        assert_eq!(seen.envelopes(), ["MAIL FROM:<a@b.example> BODY=BINARYMIME", "RCPT TO:<b@example.org>"]);
        assert!(!seen.told.iter().any(|line| line == "DATA"), "{:?}", seen.told);
        let chunks: String = seen.told.iter().filter(|line| line.contains("\\r\\n")).cloned().collect();
        assert!(chunks.ends_with(&content.escape_ascii().to_string()), "{chunks}");
        let looked_at = format!("\"size\":{},\"sha256\"", body.len());
        assert!(seen.records.iter().any(|record| record.contains(&looked_at)), "{:?}", seen.records);
    }
}

/// Settings under which binary content is taken.
fn binary() -> Settings {
    let mut settings = settings();
    settings.limits.binary_mime = true;
    settings
}

#[test]
fn binary_content_is_taken_only_where_it_was_asked_for() {
    // It may have bare CR and LF, which otherwise nobody ever gets from us.
    let mail = b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<b@example.org>\r\nBDAT 3 LAST\r\n\0\n\rQUIT\r\n";
    for (settings, offered) in [(settings(), false), (binary(), true)] {
        let seen = exchange(settings, &["PIPELINING 8BITMIME BINARYMIME CHUNKING"], &[EHLO, mail]);
        assert_eq!(seen.heard.contains("250-BINARYMIME"), offered, "{}", seen.heard);
        assert_eq!(seen.envelopes().is_empty(), !offered, "{}", seen.heard);
    }
}

#[test]
fn binary_content_needs_a_backend_with_both_extensions() {
    let mail = b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<b@example.org>\r\nBDAT 3 LAST\r\n\0\n\rQUIT\r\n";
    for offers in [&["PIPELINING 8BITMIME BINARYMIME"], &["PIPELINING 8BITMIME CHUNKING"]] {
        let seen = exchange(binary(), offers, &[EHLO, mail]);
        assert!(!seen.heard.contains("250-BINARYMIME"), "{}", seen.heard);
        assert!(seen.heard.contains("\r\n501 5.5.4 Invalid parameter value\r\n503 "), "{}", seen.heard);
        assert_eq!(seen.envelopes(), [""; 0]);
    }
    // It has them, and does not let us make sure of what it says to the last chunk.
    let again = b"RSET\r\nMAIL FROM:<a@b.example> BODY=BINARYMIME\r\n";
    let unsure = &["!PIPELINING 8BITMIME BINARYMIME CHUNKING"];
    let without_quit = mail.strip_suffix(b"QUIT\r\n").unwrap();
    let seen = exchange(binary(), unsure, &[EHLO, without_quit, again, b"QUIT\r\n"]);
    let (before, after) = seen.heard.split_once("\r\n451 4.4.2 ").unwrap_or_default();
    assert!(before.contains("250-BINARYMIME"), "{}", seen.heard);
    assert!(after.contains("\r\n455 4.3.3 Binary "), "{}", seen.heard);
    // It had them a moment ago.
    let seen = exchange(binary(), &["8BITMIME BINARYMIME CHUNKING", "8BITMIME CHUNKING"], &[EHLO, mail]);
    assert!(
        seen.heard.contains("\r\n455 4.3.3 Binary content is not supported at the moment\r\n503 "),
        "{}",
        seen.heard
    );
    assert!(seen.heard.ends_with("221 2.0.0 Goodbye\r\n"), "{}", seen.heard);
    assert_eq!(seen.envelopes(), [""; 0]);
}
