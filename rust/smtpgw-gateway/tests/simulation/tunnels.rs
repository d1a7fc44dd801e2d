//! STARTTLS passed through (`tls = "tunnel"`), by seeds: what one end sends the other receives, octet for octet and
//! in order, or a beginning of it; ends are passed on; a drain waits so long and no longer; silence has its limit; and
//! afterwards nothing is held.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::service::Service;
use smtpgw_gateway::settings::{BackendTls, ListenerTls, Settings};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

use crate::roll::Roll;
use crate::world::SimWorld;
use crate::{Records, settings};

/// What one end does with its side of the tunnel.
#[derive(Clone, Debug)]
struct Side {
    sends: Vec<u8>,
    piece: usize,
    rest: Duration,
    /// Drops its socket after so many octets.
    vanishes: Option<usize>,
    /// Never ends its side by itself.
    stays: bool,
}

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    client: Side,
    backend: Side,
    /// The millisecond of a drain.
    drain: Option<u64>,
}

#[derive(Debug, Default)]
struct Seen {
    client: Vec<u8>,
    backend: Vec<u8>,
    /// When the client's side had ended, in milliseconds.
    ended: Option<u128>,
    backend_ended: bool,
    /// What the gateway held at last.
    held: Option<usize>,
    records: Vec<String>,
}

type Log = Arc<Mutex<Seen>>;

impl Side {
    fn draw(roll: &mut Roll, other: usize) -> Self {
        let most = [200, 5_000, 200_000][roll.below(3)];
        // Not text, and nothing of what is sent the other way.
        let sends: Vec<u8> = (0..roll.within(1, most)).map(|at| (at * 31 + at / 251 + other) as u8).collect();
        let piece = roll.within(sends.len() / 40 + 1, sends.len() + 2);
        Self { sends, piece, rest: Duration::from_millis(roll.below(5) as u64), vanishes: None, stays: false }
    }
}

impl Plan {
    fn from_seed(seed: u64) -> Self {
        let mut roll = Roll(seed.wrapping_mul(0x9e6c_63d0_876a_3f6b));
        let (mut client, mut backend) = (Side::draw(&mut roll, 7), Side::draw(&mut roll, 101));
        let mut drain = None;
        match roll.below(4) {
            0 => client.vanishes = Some(roll.below(client.sends.len() + 1)),
            1 => backend.vanishes = Some(roll.below(backend.sends.len() + 1)),
            2 => {
                drain = Some(roll.within(30, 400) as u64);
                client.stays = roll.chance(2);
            }
            _ => {}
        }
        Self { seed, client, backend, drain }
    }
}

/// Sends and receives at once until both have ended.
async fn passes(stream: TcpStream, side: &Side, received: impl Fn(&[u8])) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let sending = async {
        let most = side.vanishes.unwrap_or(usize::MAX).min(side.sends.len());
        for piece in side.sends[..most].chunks(side.piece) {
            write.write_all(piece).await?;
            if !side.rest.is_zero() {
                sleep(side.rest).await;
            }
        }
        if side.vanishes.is_some() {
            return Err(io::Error::other("vanishes"));
        }
        if side.stays {
            std::future::pending::<()>().await;
        }
        write.shutdown().await
    };
    let receiving = async {
        let mut octets = [0; 3_000];
        loop {
            match read.read(&mut octets).await? {
                0 if side.stays => return Err(io::Error::other("the other end has gone")),
                0 => return Ok(()),
                some => received(&octets[..some]),
            }
        }
    };
    tokio::try_join!(sending, receiving).map(drop)
}

async fn client(plan: &Plan, log: &Log) -> io::Result<()> {
    let mut stream = BufReader::new(TcpStream::connect("gateway:25").await?);
    for (says, hears) in
        [("", "220 gateway.example ESMTP uninspected"), ("EHLO c.example\r\n", "250"), ("STARTTLS\r\n", "220")]
    {
        stream.get_mut().write_all(says.as_bytes()).await?;
        let mut line = String::from("   -");
        while line.as_bytes().get(3) == Some(&b'-') {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if !line.starts_with(hears) {
            return Err(io::Error::other(line));
        }
    }
    assert!(stream.buffer().is_empty(), "nothing comes before the other end has been spoken to");
    passes(stream.into_inner(), &plan.client, |octets| log.lock().unwrap().client.extend_from_slice(octets)).await
}

async fn backend(plan: Plan, log: Log) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:25").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (plan, log) = (plan.clone(), Arc::clone(&log));
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            stream.get_mut().write_all(b"220 backend.example ESMTP\r\n").await?;
            let mut line = String::new();
            while stream.read_line(&mut line).await? > 0 {
                match std::mem::take(&mut line).as_str() {
                    "STARTTLS\r\n" => {
                        stream.get_mut().write_all(b"220 go\r\n").await?;
                        // It speaks when it has been spoken to, as TLS does; what is read already is the client's.
                        let first = stream.fill_buf().await?.to_vec();
                        log.lock().unwrap().backend.extend_from_slice(&first);
                        let received = |octets: &[u8]| log.lock().unwrap().backend.extend_from_slice(octets);
                        let result = passes(stream.into_inner(), &plan.backend, received).await;
                        log.lock().unwrap().backend_ended = true;
                        return result;
                    }
                    "QUIT\r\n" => return stream.get_mut().write_all(b"221 bye\r\n").await,
                    _ => stream.get_mut().write_all(b"250-backend.example\r\n250 STARTTLS\r\n").await?,
                }
            }
            Ok::<(), io::Error>(())
        });
    }
}

fn tunnel() -> Settings {
    let mut settings = settings();
    settings.listener[0].tls = ListenerTls::Tunnel;
    settings.listener[0].recipient_domains = vec!["*".into()];
    settings.limits.command_s = Duration::from_secs(3);
    settings.limits.drain_s = Duration::from_millis(600);
    let backend = settings.backend.get_mut("backend").unwrap();
    (backend.reply_s, backend.data_s) = (Duration::from_secs(2), Duration::from_secs(2));
    // The gateway's own look is no tunnel.
    backend.tls = BackendTls::None;
    settings
}

fn play(plan: &Plan) -> Seen {
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(plan.seed).tick_duration(Duration::from_millis(1)).simulation_duration(Duration::from_secs(60));
    builder.min_message_latency(Duration::from_millis(1)).max_message_latency(Duration::from_millis(3));
    let mut sim = builder.build();
    let log: Log = Arc::default();
    let (backend_plan, backend_log) = (plan.clone(), Arc::clone(&log));
    sim.host("backend", move || {
        let (plan, log) = (backend_plan.clone(), Arc::clone(&backend_log));
        async move { Ok(backend(plan, log).await?) }
    });
    let records: Arc<Mutex<Vec<String>>> = Arc::default();
    let (gateway_log, gateway_records, seed, drain) = (Arc::clone(&log), Arc::clone(&records), plan.seed, plan.drain);
    sim.host("gateway", move || {
        let (log, records) = (Arc::clone(&gateway_log), Arc::clone(&gateway_records));
        async move {
            let service =
                Service::open(SimWorld::new(seed, None), tunnel(), None, vec![Box::new(Records(records))]).await?;
            for at in 0_u64.. {
                sleep(Duration::from_millis(1)).await;
                if drain == Some(at) {
                    service.drain().await;
                    drop(service);
                    log.lock().unwrap().held = Some(0);
                    return std::future::pending().await;
                }
                log.lock().unwrap().held = Some(service.connections());
            }
            Ok(())
        }
    });
    let (client_plan, client_log) = (plan.clone(), Arc::clone(&log));
    sim.client("client", async move {
        sleep(Duration::from_millis(20)).await;
        // A writer whose other end was reset may wait for ever in this network.
        let _ = timeout(Duration::from_secs(20), client(&client_plan, &client_log)).await;
        client_log.lock().unwrap().ended = turmoil::sim_elapsed().map(|elapsed| elapsed.as_millis());
        // Until the gateway has noticed.
        let over = async {
            while client_log.lock().unwrap().held != Some(0) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(Duration::from_secs(20), over).await;
        sleep(Duration::from_millis(50)).await;
        Ok(())
    });
    sim.run().unwrap();
    drop(sim);
    let mut seen = std::mem::take(&mut *log.lock().unwrap());
    seen.records = std::mem::take(&mut *records.lock().unwrap());
    seen
}

fn judge(plan: &Plan, seen: &Seen) -> Result<(), String> {
    if !plan.client.sends.starts_with(&seen.backend) || !plan.backend.sends.starts_with(&seen.client) {
        return Err("something else came out than went in".into());
    }
    if seen.held != Some(0) {
        return Err(format!("{:?} connections are still held", seen.held));
    }
    let undisturbed = plan.drain.is_none() && plan.client.vanishes.is_none() && plan.backend.vanishes.is_none();
    if undisturbed {
        let passed = format!(
            r#""uninspected":{{"to_backend":{},"to_client":{}}},"end":"tunnel-closed""#,
            plan.client.sends.len(),
            plan.backend.sends.len()
        );
        let whole = seen.backend.len() == plan.client.sends.len() && seen.client.len() == plan.backend.sends.len();
        if !whole || !seen.backend_ended || !seen.records.iter().any(|record| record.contains(&passed)) {
            return Err(format!("{} and {} octets came out", seen.backend.len(), seen.client.len()));
        }
    }
    if let (Some(drain), Some(ended)) = (plan.drain, seen.ended)
        && ended > u128::from(drain) + 620
    {
        return Err(format!("drained at {drain} ms, and the tunnel ended at {ended} ms"));
    }
    Ok(())
}

#[test]
fn what_goes_in_comes_out_whatever_happens() {
    let (mut whole, mut cut) = (0, 0);
    for seed in 0..400 {
        let plan = Plan::from_seed(seed);
        let seen = play(&plan);
        if let Err(wrong) = judge(&plan, &seen) {
            panic!("seed {seed}: {wrong}\n{:#?}", seen.records);
        }
        let all = seen.backend.len() == plan.client.sends.len() && seen.client.len() == plan.backend.sends.len();
        *(if all { &mut whole } else { &mut cut }) += 1;
    }
    assert!(whole > 100 && cut > 40, "{whole} came out whole, {cut} did not");
}

#[test]
fn a_drain_waits_for_a_tunnel_so_long_and_no_longer() {
    let mut plan = Plan::from_seed(1);
    (plan.client.vanishes, plan.backend.vanishes) = (None, None);
    (plan.client.stays, plan.backend.stays, plan.drain) = (true, true, Some(1_500));
    let seen = play(&plan);
    judge(&plan, &seen).unwrap();
    let ended = seen.ended.unwrap();
    assert!((2_090..2_120).contains(&ended), "drain_s is 600 ms: {ended}");
}

#[test]
fn silence_in_a_tunnel_has_its_limit() {
    let mut plan = Plan::from_seed(1);
    (plan.client.vanishes, plan.backend.vanishes, plan.drain) = (None, None, None);
    (plan.client.stays, plan.backend.stays) = (true, true);
    plan.client.sends.truncate(50);
    plan.backend.sends.truncate(50);
    let seen = play(&plan);
    judge(&Plan { drain: Some(60_000), ..plan }, &seen).unwrap();
    let ended = seen.ended.unwrap();
    assert!((3_000..4_000).contains(&ended), "command_s is 3 s: {ended}");
    assert!(seen.records.iter().any(|record| record.contains(r#""end":"timeout""#)), "{:?}", seen.records);
}
