//! Several backends: by priority, by recipient domain, several addresses of one name; and what the seeds draw of them.

use std::collections::BTreeMap;
use std::time::Duration;

use smtpgw_gateway::settings::{Backends, Identity};

use crate::oracle::judge;
use crate::play::{Played, play};
use crate::roll::Roll;
use crate::scenario::{Act, BackendPlan, ClientPlan, Event, Scenario, Step, message};

impl Scenario {
    /// Whether the backend `second` is there.
    pub fn has_second(&self) -> bool {
        self.settings.backend.values().any(|backend| backend.address.contains("second"))
    }

    pub fn has_routes(&self) -> bool {
        !self.settings.listener[0].routes.is_empty()
    }

    /// Whether backends are told who the client is.
    pub fn tells_identity(&self) -> bool {
        self.settings.backend.values().all(|backend| backend.identity == Identity::Xclient)
    }

    /// A recipient that backend `by` should not have.
    pub fn wrong_backend(&self, by: &str, recipients: &[String]) -> Option<String> {
        let listener = &self.settings.listener[0];
        let leads = |recipient: &&String| {
            let domain = recipient.trim_end_matches('>').rsplit('@').next().unwrap_or_default();
            let names = listener.routes.get(domain).unwrap_or(&listener.backend);
            let mut addresses = names.names().filter_map(|name| self.settings.backend.get(name));
            addresses.any(|backend| backend.address.contains(if by == "s" { "second" } else { "backend" }))
        };
        recipients.iter().find(|recipient| !leads(recipient)).cloned()
    }

    /// A second backend, for a domain or as a standby, and whether they learn who the client is.
    pub fn draw_backends(&mut self, roll: &mut Roll) {
        match roll.below(4) {
            0 => self.settings.backend.get_mut("backend").unwrap().address = "backend+second:25".into(),
            1 => self.with_second(["backend", "second"].into(), false),
            2 => self.with_second("backend".into(), true),
            _ => {}
        }
        if self.has_second() && roll.chance(2) {
            self.second = BackendPlan::draw(roll);
        }
        if roll.chance(2) {
            self.settings.backend.values_mut().for_each(|backend| backend.identity = Identity::Xclient);
        }
        if roll.chance(2) {
            self.with_pool(roll.within(1, 3), roll.within(5, 150) as u64);
        }
        for message in self.clients.iter_mut().flat_map(|client| &mut client.messages) {
            const DOMAINS: [&[&str]; 4] =
                [&["example.org"], &["example.net"], &["example.org", "example.net"], &["example.net", "example.org"]];
            message.domains = DOMAINS[roll.below(4)];
        }
        self.settings.listener[0].recipient_domains.push("example.net".into());
    }

    pub fn with_second(&mut self, backend: Backends, routes: bool) {
        let mut second = self.settings.backend["backend"].clone();
        second.address = "second:25".into();
        self.settings.backend.insert("second".into(), second);
        let listener = &mut self.settings.listener[0];
        listener.backend = backend;
        listener.recipient_domains = vec!["example.org".into(), "example.net".into()];
        if routes {
            listener.routes = BTreeMap::from([("example.net".into(), "second".into())]);
            self.clients.iter_mut().for_each(|client| client.resets = true);
        }
    }

    /// Legs are kept, for so many milliseconds.
    fn with_pool(&mut self, pool: usize, milliseconds: u64) {
        for backend in self.settings.backend.values_mut() {
            (backend.pool, backend.pool_s) = (pool, Duration::from_millis(milliseconds));
        }
    }
}

/// Plays a calm scenario with a change; the oracle has nothing against it.
fn played(change: impl FnOnce(&mut Scenario)) -> Played {
    let mut scenario = Scenario::calm(3);
    change(&mut scenario);
    let played = play(&scenario);
    if let Err(wrong) = judge(&scenario, &played) {
        panic!("{wrong}\n{}\n{}", played.witnessed.transcript.join("\n"), played.records.join("\n"));
    }
    played
}

/// Whom each message went to.
fn takers(played: &Played) -> Vec<&'static str> {
    played.witnessed.taken.iter().map(|taken| taken.by).collect()
}

fn heard<'a>(played: &'a Played, command: &str) -> Vec<&'a str> {
    let replies = played.witnessed.heard.iter().filter(|(_, to, _)| to.starts_with(command));
    replies.map(|(_, _, reply)| reply.as_str()).collect()
}

/// One message of client 0 in each of these milliseconds, each on a connection of its own.
fn callers(scenario: &mut Scenario, at: &[u64]) {
    let mut roll = Roll(7);
    let caller =
        |(number, at): (usize, &u64)| ClientPlan { at: *at, ..ClientPlan::calm(vec![message(&mut roll, number, 0)]) };
    scenario.clients = at.iter().enumerate().map(caller).collect();
}

fn never() -> BackendPlan {
    BackendPlan { opens_at: 1_000_000, connections: Vec::new(), ..BackendPlan::default() }
}

#[test]
fn the_first_that_is_up_gets_the_mail() {
    let both = played(|it| it.with_second(["backend", "second"].into(), false));
    assert_eq!(takers(&both), ["b", "b"]);
    let turned = played(|it| it.with_second(["second", "backend"].into(), false));
    assert_eq!(takers(&turned), ["s", "s"]);
    let without = played(|it| {
        it.with_second(["backend", "second"].into(), false);
        it.backend = never();
    });
    assert_eq!(takers(&without), ["s", "s"], "{}", without.records.join("\n"));
    let down = without.records.iter().filter(|record| record.starts_with("backend-down ")).count();
    assert_eq!(down, 1, "told once:\n{}", without.records.join("\n"));
    assert!(without.records.iter().any(|it| it.starts_with("transaction ") && it.contains(r#""backend":"second""#)));
}

#[test]
fn the_higher_one_is_used_again_when_a_look_has_found_it() {
    let run = played(|it| {
        it.with_second(["backend", "second"].into(), false);
        it.backend = BackendPlan { opens_at: 2_500, connections: Vec::new(), ..BackendPlan::default() };
        callers(it, &[20, 200, 8_000]);
    });
    assert_eq!(takers(&run), ["s", "s", "b"], "{}", run.records.join("\n"));
    assert!(run.records.iter().any(|record| record.starts_with("backend-up ")));
}

#[test]
fn whom_nobody_reaches_is_turned_away_until_a_look_has_found_it() {
    let run = played(|it| {
        it.backend = BackendPlan { opens_at: 2_500, connections: Vec::new(), ..BackendPlan::default() };
        callers(it, &[20, 300, 8_000]);
    });
    let replies = heard(&run, "MAIL");
    let begins = |at: usize| replies.get(at).map(|reply| &reply[..9]);
    assert_eq!((begins(0), begins(1)), (Some("451 4.4.1"), Some("421 4.3.2")), "{replies:?}");
    assert_eq!(takers(&run), ["b"]);
}

#[test]
fn reload_keeps_what_is_known_of_a_backend() {
    let run = played(|it| {
        it.backend = never();
        it.events = vec![(250, Event::Reload)];
        callers(it, &[20, 300]);
    });
    assert!(heard(&run, "MAIL")[1].starts_with("421 4.3.2"), "{:?}", heard(&run, "MAIL"));
}

#[test]
fn a_name_with_two_addresses() {
    let second_address = |it: &mut Scenario| {
        it.settings.backend.get_mut("backend").unwrap().address = "backend+second:25".into();
    };
    assert_eq!(takers(&played(second_address)), ["b", "b"]);
    let run = played(|it| {
        second_address(it);
        it.backend = never();
        callers(it, &[20, 300]);
    });
    assert_eq!(takers(&run), ["s", "s"]);
    let took = |at: usize| {
        let (_, _, reply) = &run.witnessed.heard.iter().filter(|(_, to, _)| to.starts_with("MAIL")).nth(at).unwrap();
        reply.clone()
    };
    assert!(took(0).starts_with("250") && took(1).starts_with("250"));
}

#[test]
fn a_recipient_goes_to_the_backend_of_its_domain() {
    let run = played(|it| {
        it.with_second("backend".into(), true);
        it.clients[0].messages[0].domains = &["example.net"];
    });
    assert_eq!(takers(&run), ["s", "b"]);
    assert!(heard(&run, "MAIL").iter().all(|reply| reply.starts_with("250 2.1.0")));
    assert!(heard(&run, "RCPT").iter().all(|reply| reply.starts_with("250 2.1.5")));
}

#[test]
fn recipients_of_two_backends_take_two_transactions() {
    for domains in [&["example.net", "example.org"], &["example.org", "example.net"]] {
        let run = played(|it| {
            it.with_second("backend".into(), true);
            it.clients[0].messages[0].domains = domains;
            it.clients[0].messages[0].recipients = 3;
        });
        let replies = heard(&run, "RCPT TO:<c0m0");
        let begins: Vec<_> = replies.iter().map(|reply| &reply[..9]).collect();
        assert_eq!(begins, ["250 2.1.5", "452 4.5.3", "250 2.1.5"]);
        assert_eq!(run.witnessed.taken[0].recipients.len(), 2);
    }
}

#[test]
fn a_recipient_that_is_refused_binds_nobody() {
    let refuses = BackendPlan {
        opens_at: 0,
        connections: vec![vec![], vec![(Step::Recipient, Act::Permanent)]],
        ..BackendPlan::default()
    };
    let run = played(|it| {
        it.with_second("backend".into(), true);
        it.second = refuses.clone();
        it.clients[0].messages[0].domains = &["example.net", "example.org"];
        it.clients[0].messages[0].recipients = 2;
    });
    let begins: Vec<_> = heard(&run, "RCPT TO:<c0m0").iter().map(|reply| reply[..9].to_owned()).collect();
    assert_eq!(begins, ["550 5.7.1", "250 2.1.5"]);
    assert_eq!(takers(&run)[0], "b");
}

#[test]
fn what_a_backend_says_of_mail_is_the_reply_to_the_recipient() {
    let refuses = BackendPlan {
        opens_at: 0,
        connections: vec![vec![], vec![(Step::Mail, Act::Permanent)]],
        ..BackendPlan::default()
    };
    let run = played(|it| {
        it.with_second("backend".into(), true);
        it.second = refuses.clone();
        it.clients[0].messages[0].domains = &["example.net"];
    });
    assert!(heard(&run, "MAIL").iter().all(|reply| reply.starts_with("250 2.1.0")));
    assert!(heard(&run, "RCPT TO:<c0m0").iter().all(|reply| reply.starts_with("550 5.7.1")));
    assert_eq!(takers(&run), ["b"]);
}

#[test]
fn a_backend_that_is_down_costs_its_recipients_only() {
    let run = played(|it| {
        it.with_second("backend".into(), true);
        it.second = never();
        it.clients[0].messages[0].domains = &["example.net", "example.org"];
        it.clients[0].messages[0].recipients = 2;
    });
    let begins: Vec<_> = heard(&run, "RCPT TO:<c0m0").iter().map(|reply| reply[..9].to_owned()).collect();
    assert_eq!(begins, ["451 4.4.1", "250 2.1.5"]);
    assert_eq!(takers(&run), ["b", "b"]);
}

#[test]
fn backends_learn_who_the_client_is() {
    let run = played(|it| {
        it.settings.backend.values_mut().for_each(|backend| backend.identity = Identity::Xclient);
        callers(it, &[20, 22, 400]);
    });
    assert_eq!(run.witnessed.taken.len(), 3);
}

#[test]
fn a_leg_that_was_lost_between_messages_costs_nothing() {
    // The reply to the first message is late, and to be had; the backend then closes without a word before the next.
    for act in [Act::Drop, Act::Hang, Act::Permanent, Act::Late(250)] {
        let run = played(|it| {
            it.backend.connections = vec![vec![], vec![(Step::Reset, act)], vec![]];
            it.clients[0].messages[0].reset = true;
        });
        assert!(heard(&run, "MAIL").iter().all(|reply| reply.starts_with("250")), "{act:?}: {:?}", heard(&run, "MAIL"));
        assert_eq!(run.witnessed.taken.len(), 1, "{act:?}");
    }
}

/// Connections that were made to the first backend, the gateway's own look included.
fn connections(played: &Played) -> usize {
    played
        .witnessed
        .transcript
        .iter()
        .filter(|line| line.contains(" b") && line.ends_with("220 backend.example ESMTP"))
        .count()
        - played.witnessed.transcript.iter().filter(|line| line.contains("<: XCLIENT")).count()
}

#[test]
fn a_leg_is_kept_for_the_next_client() {
    for identity in [Identity::None, Identity::Xclient] {
        let run = played(|it| {
            it.settings.backend.values_mut().for_each(|backend| backend.identity = identity);
            it.with_pool(1, 500);
            callers(it, &[20, 200, 400]);
        });
        assert_eq!((run.witnessed.taken.len(), connections(&run)), (3, 2), "{identity:?}");
        // Two at a time, and room for one.
        let run = played(|it| {
            it.settings.backend.values_mut().for_each(|backend| backend.identity = identity);
            it.with_pool(1, 500);
            callers(it, &[20, 21, 300, 301]);
        });
        assert_eq!((run.witnessed.taken.len(), connections(&run)), (4, 4), "{identity:?}");
    }
}

#[test]
fn a_leg_is_kept_so_long_and_no_longer() {
    for (patience, made) in [(100, 3), (900, 2)] {
        let run = played(|it| {
            it.with_pool(3, patience);
            callers(it, &[20, 500]);
        });
        assert_eq!((run.witnessed.taken.len(), connections(&run)), (2, made));
    }
}

#[test]
fn a_leg_that_is_not_spotless_is_not_kept() {
    let blots = [
        (Step::Dot, Act::Temporary),
        (Step::Dot, Act::Twice),
        (Step::Recipient, Act::Permanent),
        (Step::Data, Act::Temporary),
    ];
    for (step, act) in blots {
        let run = played(|it| {
            it.with_pool(3, 900);
            it.backend.connections = vec![vec![], vec![(step, act)], vec![]];
            callers(it, &[20, 600]);
        });
        assert_eq!(connections(&run), 3, "{step:?} {act:?}\n{}", run.witnessed.transcript.join("\n"));
        assert!(run.witnessed.taken.iter().any(|taken| taken.sender.contains("c1")), "{step:?} {act:?}");
    }
}

#[test]
fn what_happens_to_a_leg_at_rest_costs_nothing() {
    // A word that nobody asked for, while it rests; and the backend's host goes down and comes back.
    let late = played(|it| {
        it.with_pool(3, 900);
        it.backend.connections = vec![vec![], vec![(Step::Dot, Act::TwiceLate(30))], vec![]];
        callers(it, &[20, 600]);
    });
    let death = played(|it| {
        it.with_pool(3, 900);
        it.events = vec![(300, Event::BackendDies), (400, Event::BackendReturns)];
        callers(it, &[20, 600]);
    });
    for run in [late, death] {
        assert!(heard(&run, "MAIL").iter().all(|reply| reply.starts_with("250")));
        assert_eq!((run.witnessed.taken.len(), connections(&run)), (2, 3));
    }
}
