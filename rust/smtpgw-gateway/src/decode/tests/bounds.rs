//! What one message may consist of and cost.

use super::*;

/// The reasons of what is not seen of a message with these limits, and the octets of its parts.
async fn bounded(raw: &[u8], parts: usize, octets: u64) -> (Vec<Unscanned>, Vec<u64>) {
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut settings = Settings::default();
    settings.decode.parts = parts;
    (settings.limits.message_size, settings.decode.total_ratio) = (octets, 1);
    let mut decoding = Decoding::new(message(), spool(), &Arc::new(settings));
    // Two pushes: what was opened by then counts for what comes behind.
    let (one, two) = raw.split_at(raw.len() / 2);
    let mut found = Vec::new();
    for piece in [one, two] {
        decoding.push(piece);
        found.extend(decoding.settle().await.unwrap());
    }
    decoding.finish();
    found.extend(decoding.settle().await.unwrap());
    let gaps = decoding.take_gaps().into_iter().map(|gap| gap.reason).collect();
    (gaps, found.iter().map(|part| part.data.len()).collect())
}

#[tokio::test]
async fn parts_and_octets_are_shared_by_all_that_comes_out() {
    let tar = [tar_member("a", &[b'a'; 400]), tar_member("b", &[b'b'; 400]), vec![0; 1024]].concat();
    let leaf = [b"--b\nContent-Type: a/b\nContent-Transfer-Encoding: binary\n\n", &tar[..], b"\n"].concat();
    let text = b"--b\n\nbegin 644 a.txt\n#86)C\nend\n";
    let letter = b"--b\nContent-Type: application/octet-stream\n\nFrom: a\nTo: b\n\nhello\n";
    let head = b"Content-Type: multipart/mixed; boundary=b\n\n";
    let raw = [&head[..], &leaf, text, letter, &leaf, b"--b--\n"].concat();
    // The multipart, four leaves, two members each of two, a file, and the letter's own part.
    let (gaps, octets) = bounded(&raw, 11, 1 << 20).await;
    assert_eq!((gaps, octets.len()), (vec![], 10), "{octets:?}");
    let total: u64 = octets.iter().sum();
    assert_eq!(bounded(&raw, 11, total).await, (vec![], octets));
    for parts in 1..11 {
        let (gaps, octets) = bounded(&raw, parts, 1 << 20).await;
        assert!(gaps.contains(&Unscanned::FilesLimit) && octets.len() < parts, "{parts}: {gaps:?} {octets:?}");
    }
    for most in (1..total).step_by(97) {
        let (gaps, octets) = bounded(&raw, 100, most).await;
        assert!(gaps.contains(&Unscanned::Mailbomb), "{most}: {gaps:?}");
        assert!(octets.iter().sum::<u64>() <= most, "{most}: {octets:?}");
    }
}

#[tokio::test]
async fn above_its_cpu_time_a_message_is_told_and_nothing_more_is_done() {
    let mut settings = Settings::default();
    settings.decode.cpu_s = Duration::ZERO;
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::new(settings));
    decoding.push(&attached(ZIP));
    decoding.push(&vec![b'x'; 1 << 20]);
    decoding.finish();
    let parts = decoding.settle().await.unwrap();
    assert!(parts.iter().all(|part| part.container.is_none() && part.data.len() < 1 << 20));
    assert_eq!(decoding.take_gaps(), [UnscannedRecord { reason: Unscanned::Timeout, what: "decoding".into() }]);
}

#[tokio::test]
async fn containers_and_readings_stop_where_the_cpu_time_does() {
    // The time is over when the message is complete: what would be opened then stays closed, each piece by name.
    let odd = b"Content-Type: multipart/mixed; boundary=a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--b\r\n\r\ny\r\n--a--\r\n";
    for (raw, what) in [(attached(ZIP), "1"), (odd.to_vec(), "readings")] {
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
        let mut decoding = Decoding::new(message(), spool(), &Arc::default());
        decoding.push(&raw);
        decoding.finish();
        decoding.effort = Arc::new(Effort::new(Duration::ZERO));
        decoding.settle().await.unwrap();
        decoding.reread(&Content::Memory(raw.into())).await.unwrap();
        assert_eq!(decoding.take_gaps(), [UnscannedRecord { reason: Unscanned::Timeout, what: what.into() }]);
    }
}

#[tokio::test]
async fn a_panic_costs_the_message() {
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::default());
    decoding.step(0, |_, _| std::panic::resume_unwind(Box::new("a mistake of ours")));
    decoding.push(b"\r\nx");
    decoding.finish();
    assert!(decoding.settle().await.is_err());
}

#[tokio::test]
async fn who_opens_nothing_waits_for_no_place() {
    let mut settings = Settings::default();
    // A number that no other test has.
    settings.decode.archive.concurrency = 3;
    let settings = Arc::new(settings);
    let places = places(3);
    let held = Arc::clone(&places).acquire_many_owned(3).await.unwrap();
    // In memory and in a file, which may hold anything, and so is looked at.
    let large = [b"\r\n", &b"hello\r\n".repeat(20_000)[..]].concat();
    for (threshold, content) in [(1 << 20, &b"\r\nhello\r\n"[..]), (0, &large)] {
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), threshold, Budget::new(1 << 30));
        let mut decoding = Decoding::new(message(), spool(), &settings);
        decoding.push(content);
        decoding.finish();
        let parts = decoding.settle().await.unwrap();
        assert_eq!(matches!(parts[..], [ref part] if matches!(part.data, Content::File { .. })), threshold == 0);
        assert_eq!(decoding.take_gaps(), []);
        let waited = settings.decode.archive.seconds - decoding.patience;
        assert!(waited < Duration::from_secs(u64::from(threshold == 0)) || waited.is_zero(), "it has not waited");
    }
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &settings);
    decoding.push(&attached(ZIP));
    decoding.finish();
    assert!(timeout(Duration::from_millis(20), decoding.settle()).await.is_err(), "all places are taken");
    drop(held);
    assert_eq!(places.available_permits(), 3, "and who gave up waiting takes none");
}
