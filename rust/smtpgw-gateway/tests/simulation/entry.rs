//! Who comes in, seen from both ends of the whole gateway: the trace field, loops, and what a client is counted as.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::service::Service;
use smtpgw_gateway::settings::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::TcpStream;

use crate::peers::{self, Log};
use crate::world::SimWorld;
use crate::{Records, settings};

/// What came of one client's octets.
pub struct Entry {
    /// All that the client heard.
    pub heard: String,
    /// What the backend took, as it came.
    pub relayed: Vec<String>,
    pub records: Vec<String>,
}

/// One client that sends its pieces, a moment apart, and reads until the gateway closes.
fn enter(settings: Settings, pieces: &[&str]) -> Entry {
    let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
    enter_octets(settings, &pieces)
}

pub fn enter_octets(settings: Settings, pieces: &[&[u8]]) -> Entry {
    enter_world(SimWorld::new(1, None), settings, pieces)
}

pub fn enter_world(world: SimWorld, settings: Settings, pieces: &[&[u8]]) -> Entry {
    let log: Log = Arc::default();
    let backend_log = Arc::clone(&log);
    let (heard, records) = house(world, settings, move || peers::backend(Arc::clone(&backend_log)), pieces);
    let relayed = std::mem::take(&mut log.lock().unwrap().raw);
    let relayed = relayed.into_iter().map(|content| String::from_utf8(content).unwrap()).collect();
    Entry { heard, relayed, records }
}

/// A gateway before this backend, and one client that sends its pieces: what that heard, and the records.
pub fn house<F: Future<Output = io::Result<()>> + 'static>(
    world: SimWorld,
    settings: Settings,
    backend: impl Fn() -> F + 'static,
    pieces: &[&[u8]],
) -> (String, Vec<String>) {
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(1).tick_duration(Duration::from_millis(1)).simulation_duration(Duration::from_secs(900));
    builder.min_message_latency(Duration::from_millis(1)).max_message_latency(Duration::from_millis(3));
    let mut sim = builder.build();
    sim.host("backend", move || {
        let backend = backend();
        async move { Ok(backend.await?) }
    });
    let records: Arc<Mutex<Vec<String>>> = Arc::default();
    let gateway_records = Arc::clone(&records);
    sim.host("gateway", move || {
        let (settings, records, world) = (settings.clone(), Arc::clone(&gateway_records), world.clone());
        async move {
            let sinks: Vec<Box<dyn smtpgw_gateway::RecordSink>> = vec![Box::new(Records(records))];
            let service = Service::open(world, settings, None, sinks).await?;
            std::future::pending::<()>().await;
            drop(service);
            Ok(())
        }
    });
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let client_heard = Arc::clone(&heard);
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    sim.client("client", async move {
        // The gateway has asked the backend by then.
        tokio::time::sleep(Duration::from_millis(60)).await;
        // It may well hang up in the middle: what was heard until then is what counts.
        let _ = talk(&pieces, &client_heard).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    });
    sim.run().unwrap();
    drop(sim);
    let heard = String::from_utf8(std::mem::take(&mut *heard.lock().unwrap())).unwrap();
    let records = std::mem::take(&mut *records.lock().unwrap());
    (heard, records)
}

async fn talk(pieces: &[impl AsRef<[u8]>], heard: &Mutex<Vec<u8>>) -> io::Result<()> {
    let mut stream = TcpStream::connect("gateway:25").await?;
    let mut piece = [0; 4_096];
    for octets in pieces {
        stream.write_all(octets.as_ref()).await?;
        // Replies to one piece come before the next one goes.
        while let Ok(read) = tokio::time::timeout(Duration::from_millis(60), stream.read(&mut piece)).await {
            match read? {
                0 => return Ok(()),
                octets => heard.lock().unwrap().extend_from_slice(&piece[..octets]),
            }
        }
    }
    loop {
        match stream.read(&mut piece).await? {
            0 => return Ok(()),
            octets => heard.lock().unwrap().extend_from_slice(&piece[..octets]),
        }
    }
}

pub const ENVELOPE: &str = "MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";

#[test]
fn a_message_has_one_received_field_on_top() {
    let content = "Subject: x\r\n\r\nbody\r\n";
    let entry = enter(settings(), &["EHLO c.example\r\n", ENVELOPE, &format!("{content}.\r\n"), "QUIT\r\n"]);
    let [relayed] = entry.relayed.as_slice() else { panic!("{:?}", entry.heard) };
    let field = relayed.strip_suffix(content).unwrap();
    let (from, rest) = field.split_once("\r\n by gateway.example with ESMTP id ").unwrap();
    assert!(from.starts_with("Received: from c.example ([192.168."), "{from}");
    let (id, rest) = rest.split_once("\r\n").unwrap();
    let session = id.strip_suffix("-1").unwrap();
    assert!(entry.records.iter().any(|record| record.contains(&format!(r#""session":"{session}""#))), "{id}");
    assert!(rest.starts_with(" for <b@example.org>;\r\n Fri, 15 Jan 2027 08:00:0"), "{rest}");
    assert_eq!(rest.matches("\r\n").count(), 2);
}

#[test]
fn a_message_that_goes_round_is_refused() {
    let mut settings = settings();
    settings.limits.hops = 3;
    for (hops, reply, relayed) in [(3, "250 2.0.0 backend queued\r\n", 1), (4, "554 5.4.6 Too many hops", 0)] {
        let content = format!("{}Subject: x\r\n\r\nReceived: not\r\n.\r\n", "Received: by somebody\r\n".repeat(hops));
        let entry = enter(settings.clone(), &["EHLO c.example\r\n", ENVELOPE, &content, "NOOP\r\nQUIT\r\n"]);
        assert!(entry.heard.contains(reply), "{hops}: {}", entry.heard);
        assert_eq!(entry.relayed.len(), relayed);
        let outcome = if relayed == 1 { r#""outcome":"relayed""# } else { r#""outcome":"looping""# };
        assert!(entry.records.iter().any(|record| record.contains(outcome)), "{:?}", entry.records);
    }
}
