//! Looks at backends, off the way of messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::settings;
use crate::stage::{Stage, obliging};

#[test]
fn an_address_that_lets_a_look_wait_makes_no_other_late() {
    let mut settings = settings();
    let backend = settings.backend.get_mut("backend").unwrap();
    backend.address = "mute+backend:25".into();
    backend.connect_s = Duration::from_secs(30);
    // One of them never greets; what the other offers is known within a moment.
    let mut stage = Stage::with(settings, |_, line| obliging(&["8BITMIME"], line));
    stage.backends.push(("mute", Arc::new(|_, _| String::new())));
    stage.play(|mut caller| async move {
        caller.hear().await?;
        sleep(Duration::from_millis(100)).await;
        let offer = caller.ask("EHLO c.example").await?;
        assert!(offer.contains("250-8BITMIME\r\n"), "{offer}");
        Ok(())
    });
}
