//! Out of descriptors: accepting rests, longer each time, and goes on as if nothing had been.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::service::Service;
use tokio::io::AsyncReadExt as _;
use turmoil::net::TcpStream;

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
