//! What runs out: descriptors, memory for content, its share of the disk. It costs those who come then a 4yz, and
//! afterwards all is as if nothing had been.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::service::Service;
use smtpgw_gateway::settings::Settings;
use tokio::io::AsyncReadExt as _;
use turmoil::net::TcpStream;

use crate::stage::{Caller, Stage, obliging};
use crate::world::SimWorld;
use crate::{Records, settings};

#[test]
fn accepting_rests_longer_each_time_and_then_goes_on() {
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(1).tick_duration(Duration::from_millis(1)).simulation_duration(Duration::from_secs(60));
    let mut sim = builder.build();
    let records: Arc<Mutex<Vec<String>>> = Arc::default();
    let gateway_records = Arc::clone(&records);
    sim.host("gateway", move || {
        let records = Arc::clone(&gateway_records);
        async move {
            let world = SimWorld::new(1, None);
            world.short_of_descriptors.store(7, Ordering::Relaxed);
            let sinks: Vec<Box<dyn smtpgw_gateway::RecordSink>> = vec![Box::new(Records(records))];
            let service = Service::open(world, settings(), None, sinks).await?;
            std::future::pending::<()>().await;
            drop(service);
            Ok(())
        }
    });
    let greeted = Arc::new(Mutex::new(Vec::new()));
    let client_greeted = Arc::clone(&greeted);
    sim.client("client", async move {
        for _ in 0..2 {
            let mut stream = TcpStream::connect("gateway:25").await?;
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).await?;
            assert_eq!(&greeting, b"220 ");
            client_greeted.lock().unwrap().push(turmoil::sim_elapsed().unwrap_or_default());
        }
        Ok(())
    });
    sim.run().unwrap();
    drop(sim);
    let failures =
        records.lock().unwrap().iter().filter(|record| record.contains(r#""event":"accept-failed""#)).count();
    assert_eq!(failures, 7);
    // 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5 + 5 seconds.
    let [first, second] = greeted.lock().unwrap()[..] else { panic!() };
    assert!((16.2..16.3).contains(&first.as_secs_f64()), "{first:?}");
    assert!(second - first < Duration::from_millis(500), "{second:?}");
}

/// While another message has what there is, MAIL with these parameters hears this, and whoever connects the greeting;
/// and 250 and 220 once that has gone. The records.
fn while_another_message_has_it_all(
    settings: Settings,
    greeting: &'static str,
    mails: &'static [(&'static str, &'static str)],
) -> Vec<String> {
    let staged = Stage::with(settings, |_, line| obliging(&[], line)).play(move |mut first| async move {
        let mut second = Caller::connect().await?;
        second.hear().await?;
        second.ask("EHLO c.example").await?;
        first.hear().await?;
        for line in ["EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>", "DATA"] {
            assert!(first.ask(line).await?.starts_with(['2', '3']));
        }
        first.say(&format!("Subject: x\r\n\r\n{}", "seventy octets of text\r\n".repeat(9_000))).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut third = Caller::connect().await?;
        let heard = third.hear().await?;
        assert!(heard.starts_with(greeting), "{heard}");
        if heard.starts_with("421") {
            assert!(third.hear().await.is_err(), "and is hung up on");
        }
        for (mail, expected) in mails {
            let reply = second.ask(&format!("MAIL FROM:<x@client.example>{mail}")).await?;
            assert!(reply.starts_with(expected), "{mail}: {reply}");
            second.ask("RSET").await?;
        }
        assert!(first.ask(".").await?.starts_with("250 2.0.0 backend queued"));
        assert!(Caller::connect().await?.hear().await?.starts_with("220 "));
        for (mail, _) in mails {
            assert!(second.ask(&format!("MAIL FROM:<x@client.example>{mail}")).await?.starts_with("250"), "{mail}");
            second.ask("RSET").await?;
        }
        Ok(())
    });
    let of_the_second = staged.lines("backend", 2);
    let refused = mails.iter().filter(|(_, expected)| expected.starts_with('4')).count();
    let reached = of_the_second.iter().filter(|line| line.starts_with("MAIL FROM:<x@")).count();
    assert_eq!(reached, 2 * mails.len() - refused, "the backend hears of those that are taken: {of_the_second:?}");
    staged.records
}

#[test]
fn without_memory_mail_is_deferred() {
    let mut settings = settings();
    settings.spool.memory = 1 << 20;
    settings.limits.memory = 1_000;
    let mails = &[("", "452 4.3.1 "), (" SIZE=10", "452 4.3.1 ")];
    let records = while_another_message_has_it_all(settings, "421 4.3.1 Insufficient memory", mails);
    let refused: Vec<_> = records.iter().filter(|record| record.contains(r#""event":"refused""#)).collect();
    assert!(refused.len() == 1 && refused[0].contains(r#""limit":"memory""#), "{refused:?}");
}

#[test]
fn a_message_for_which_the_disk_has_no_room_is_deferred_before_it_comes() {
    let mut settings = settings();
    settings.spool.memory = 10_000;
    settings.spool.total = 700_000;
    let mails = &[(" SIZE=650000", "452 4.3.1 "), (" SIZE=9000", "250"), ("", "250")];
    while_another_message_has_it_all(settings, "220 ", mails);
}
