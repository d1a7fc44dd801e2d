//! What must hold whatever happened, judged from what the clients and the backend saw and from nothing else.
//!
//! - a 2yz at the dot is the backend's own reply to that very message, word for word;
//! - what the backend took is what a client sent and ended: octets (below fields on top), sender, recipients; where bare
//!   newlines are normalised, with each as a line end, and never with one;
//! - what came under TLS says so in its trace, and where TLS is required nothing goes to a backend in clear;
//! - what was refused or deferred by verdict was completed at no backend;
//! - no message is there twice, and none is at a backend under the identity or the login of another client, or at one
//!   to which no route leads; and its trace names its client;
//! - replies are one to one and in order: each 2yz to MAIL and RCPT names the path it answers;
//! - a client hears no 5yz that neither the backend nor an inspector gave, nor it itself brought about;
//! - everybody ends (unless the gateway's host was killed: then others need timeouts of their own), and every place and
//!   every octet of memory and of disk is given back;
//! - where nothing went wrong, everything arrived.

use crate::actors::{Sent, Taken, Witnessed};
use crate::play::Played;
use crate::scenario::{Act, Event, Introduction, Scenario, Temper, has_bare_newline};

/// The first thing that is wrong, if any.
pub fn judge(scenario: &Scenario, played: &Played) -> Result<(), String> {
    let Witnessed { sent, taken, heard, backend_open, clients_open, .. } = &played.witnessed;
    for message in sent {
        acknowledged_rightly(message, taken)?;
    }
    for message in taken {
        let from = sent.iter().find(|sent| sent.sender == message.sender);
        taken_rightly(message, from.ok_or("the backend took a message of nobody")?, scenario)?;
        if taken.iter().filter(|other| other.sender == message.sender).count() > 1 {
            return Err(format!("{} was delivered twice", message.sender));
        }
    }
    for (client, command, reply) in heard {
        let well_formed = reply.ends_with("\r\n") && reply.starts_with(['2', '3', '4', '5']);
        let path = command.split_once(':').map_or("", |(_, path)| path.split(' ').next().unwrap_or_default());
        // With routes MAIL is answered by the gateway, which names nobody.
        let names_it = scenario.stutters()
            || (command.starts_with("MAIL") && scenario.has_routes())
            || !reply.starts_with('2')
            || reply.contains(path);
        // Who fell silent just after DATA hears its 354 as the reply to nothing it knows of.
        let intermediate = reply.starts_with('3') && !["DATA", "(nothing)"].contains(&command.as_str());
        if !well_formed || !names_it || intermediate {
            return Err(format!("c{client} said {command:?} and heard {reply:?}"));
        }
    }
    for (at, (client, command, reply)) in heard.iter().enumerate() {
        let mut before = heard[..at].iter().filter(|(other, ..)| other == client);
        let refused_before = before.any(|(.., reply)| reply.starts_with(['4', '5']));
        if reply.starts_with('5') && !refused_rightly(*client, command, reply, refused_before, scenario) {
            return Err(format!("c{client} said {command:?} and nobody gave {reply:?}"));
        }
    }
    let killed = scenario.events.iter().any(|(_, event)| *event == Event::Kill);
    if !killed && (*clients_open > 0 || *backend_open > 0) {
        return Err(format!("{clients_open} clients and {backend_open} backend connections never ended"));
    }
    if played.left.is_some_and(|left| left != (0, 0)) {
        return Err(format!("connections, octets still held: {:?}", played.left));
    }
    if let Some(panic) = played.records.iter().find(|record| record.starts_with("panic ")) {
        return Err(panic.clone());
    }
    if scenario.is_calm() {
        let due: usize = scenario.clients.iter().flat_map(|client| &client.messages).filter(|sent| !sent.reset).count();
        if taken.len() != due {
            return Err(format!("nothing went wrong, and {} of {due} arrived", taken.len()));
        }
    }
    Ok(())
}

fn acknowledged_rightly(message: &Sent, taken: &[Taken]) -> Result<(), String> {
    let Some(reply) = message.reply.as_ref().filter(|reply| reply.starts_with('2')) else { return Ok(()) };
    match taken.iter().find(|taken| taken.sender == message.sender) {
        Some(taken) if taken.reply.as_ref() == Some(reply) => Ok(()),
        Some(taken) => Err(format!("{}: client heard {reply:?}, backend said {:?}", message.sender, taken.reply)),
        None => Err(format!("{}: acknowledged and not delivered", message.sender)),
    }
}

/// Whether somebody gave this 5yz.
fn refused_rightly(client: usize, command: &str, reply: &str, refused_before: bool, scenario: &Scenario) -> bool {
    let mut acts = scenario.backend.connections.iter().chain(&scenario.second.connections).flatten();
    let largest = scenario.settings.limits.message_size;
    let plan = &scenario.clients[client];
    let mut messages = plan.messages.iter();
    match reply.split_at_checked(10).unwrap_or_default() {
        // Whoever cannot count may have said anything.
        _ if plan.miscount.is_some() => true,
        ("550 5.7.1 ", "never\r\n") => acts.any(|(_, act)| *act == Act::Permanent),
        ("502 5.5.1 ", "what?\r\n") => acts.any(|(_, act)| *act == Act::Unknown),
        ("554 5.7.1 ", _) => scenario.tempers.contains(&Temper::Rejects),
        ("552 5.3.4 ", _) => {
            messages.any(|it| it.content.len() as u64 > largest || it.size.is_some_and(|it| it > largest))
        }
        ("550 5.5.2 ", _) => messages.any(|it| scenario.refuses(&it.content)),
        ("503 5.5.1 ", "Send XCLIENT with ADDR first\r\n") => plan.introduction == Some(Introduction::Missing),
        // What it had said already behind something that was refused.
        ("503 5.5.1 " | "554 5.5.1 ", _) => refused_before,
        // AUTH that is not offered yet, or not by the backend. Who falls silent behind it hears it as the reply to
        // nothing.
        ("502 5.5.1 " | "504 5.5.4 ", _) => plan.logs_in && ["AUTH", "(nothing)"].contains(&command),
        _ => false,
    }
}

fn taken_rightly(message: &Taken, sent: &Sent, scenario: &Scenario) -> Result<(), String> {
    let whose = &message.sender;
    // No backend of a scenario says these.
    let judged = |reply: &String| ["554 5.7.1 ", "451 4.7.1 "].iter().any(|begin| reply.starts_with(begin));
    if let Some(reply) = sent.reply.as_ref().filter(|reply| judged(reply)) {
        return Err(format!("{whose}: the backend took what the client was told {reply:?} of"));
    }
    if scenario.tells_identity() && message.identity.as_ref() != Some(&sent.from.to_string()) {
        return Err(format!("{whose}: from {} and delivered as from {:?}", sent.from, message.identity));
    }
    if message.login.as_deref() != sent.login {
        return Err(format!("{whose}: known as {:?} and delivered as of {:?}", sent.login, message.login));
    }
    if let Some(wrong) = scenario.wrong_backend(message.by, &message.recipients) {
        return Err(format!("{whose}: {wrong} was delivered to {}", message.by));
    }
    if !message.tls && scenario.requires_tls() {
        return Err(format!("{whose}: delivered in clear"));
    }
    if !sent.ended {
        return Err(format!("{whose}: delivered before its client ended it"));
    }
    if has_bare_newline(&message.content) {
        return Err(format!("{whose}: delivered with a bare CR or LF"));
    }
    let Some(head) = message.content.strip_suffix(scenario.passed_on(&sent.content).as_slice()) else {
        return Err(format!("{whose}: delivered with other content"));
    };
    let whole_fields = head.is_empty() || (head.ends_with(b"\r\n") && !head.windows(4).any(|four| four == b"\r\n\r\n"));
    if !whole_fields || head.starts_with(b"\r\n") {
        return Err(format!("{whose}: what was put on top is no header"));
    }
    let head = String::from_utf8_lossy(head);
    if head.starts_with("Received: ") && head.contains(" with ESMTPS") != sent.tls {
        return Err(format!("{whose}: under TLS: {}, and the trace says {head}", sent.tls));
    }
    if head.starts_with("Received: ") && !head.contains(&format!("[{}]", sent.from.ip())) {
        return Err(format!("{whose}: from {}, and the trace says {head}", sent.from));
    }
    if !scenario.stutters() && message.recipients != sent.recipients {
        return Err(format!(
            "{whose}: recipients {:?}, of which the client heard {:?}",
            message.recipients, sent.recipients
        ));
    }
    Ok(())
}
