//! What a seed stands for: who calls when, how everyone behaves, and what befalls the gateway.
//!
//! A [`Scenario`] is plain data, so the fault matrix writes the ones it needs by hand ([`Scenario::calm`] and a
//! change) and the seeds draw theirs ([`Scenario::from_seed`]). Every wait of the gateway is set to fractions of a
//! second of simulated time: what matters is which one runs out first, not how long it is.

mod backend;
mod introductions;
mod large;
mod logins;
mod miscounts;
mod newlines;
mod tls;

use std::fmt;
use std::time::Duration;

use smtpgw_gateway::settings::{Backend, Listener, ListenerTls, Relay, Settings, Unscanned, UnscannedAction};

pub use self::backend::{Act, BackendPlan, Step};
pub use self::introductions::Introduction;
pub use self::miscounts::Miscount;
pub use self::newlines::has_bare_newline;
pub use self::tls::{ClientTls, Trouble};
use crate::roll::Roll;

/// One run, completely.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Latencies of the network come from it, too.
    pub seed: u64,
    pub clients: Vec<ClientPlan>,
    pub backend: BackendPlan,
    /// That of the backend `second`, if there is one.
    pub second: BackendPlan,
    /// The behaviour of the inspector call by call, over and over.
    pub tempers: Vec<Temper>,
    /// By the millisecond in which it happens.
    pub events: Vec<(u64, Event)>,
    /// The gateway's wall clock jumps whenever it is looked at.
    pub clock_jumps: bool,
    /// What a reload brings; `None`: the same settings again.
    pub reloaded: Option<Settings>,
    /// The millisecond in which the folder for files is gone.
    pub spool_vanishes: Option<u64>,
    pub settings: Settings,
}

/// One client and its one connection.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// The millisecond in which it connects.
    pub at: u64,
    /// Where a proxy is in front of it.
    pub introduction: Option<Introduction>,
    pub tls: Option<ClientTls>,
    /// By AUTH, under TLS.
    pub logs_in: bool,
    /// Envelope in one group, and the next one right behind the dot (RFC 2920 §3.1).
    pub pipelined: bool,
    /// Octets written at a time, and how long it rests between them.
    pub piece: usize,
    pub rest: Duration,
    pub messages: Vec<MessagePlan>,
    /// Content goes in chunks of so many octets (BDAT) instead of DATA; and whether the last of them is empty.
    pub chunks: Option<usize>,
    pub empty_last: bool,
    /// What is wrong about the count of its first message's last chunk.
    pub miscount: Option<Miscount>,
    /// RSET after a message none of whose recipients was accepted: the next one may be for another backend.
    pub resets: bool,
    /// After how many octets it stops, and how.
    pub leaves: Option<(usize, Leave)>,
    /// How long it waits for the gateway to be the one who ends it, after that.
    pub patience: Duration,
}

#[derive(Clone)]
pub struct MessagePlan {
    pub content: Vec<u8>,
    pub recipients: usize,
    /// Their domains, in turn.
    pub domains: &'static [&'static str],
    /// What it says in SIZE, true or not.
    pub size: Option<u64>,
    /// RSET instead of DATA.
    pub reset: bool,
}

impl fmt::Debug for MessagePlan {
    /// The content as text: a transcript is read by people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessagePlan")
            .field("content", &format_args!("{}", self.content.escape_ascii()))
            .field("recipients", &self.recipients)
            .field("domains", &self.domains)
            .field("size", &self.size)
            .field("reset", &self.reset)
            .finish()
    }
}

/// How a client ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Closes both ways.
    Close,
    /// Says that it sends no more, and goes on reading.
    HalfClose,
    /// Sends no more, without a word.
    FallSilent,
}

/// How an inspector takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// Nothing to say, after some milliseconds.
    Fine(u64),
    /// Never answers.
    Never,
    Raises,
    Rejects,
    /// Gives points, which it has not said that it does.
    Scores,
    /// Gives the call up, as a worker does that dies.
    Dies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// New settings for new connections.
    Reload,
    /// As by SIGTERM.
    Drain,
    /// As by SIGKILL.
    Kill,
    /// The backend's host goes down.
    BackendDies,
    /// And comes back.
    BackendReturns,
}

impl Scenario {
    /// Two messages of one client, and nothing goes wrong.
    pub fn calm(seed: u64) -> Self {
        let mut roll = Roll(seed);
        Self {
            seed,
            clients: vec![ClientPlan::calm(vec![message(&mut roll, 0, 0), message(&mut roll, 0, 1)])],
            backend: BackendPlan::default(),
            second: BackendPlan::default(),
            tempers: vec![Temper::Fine(2)],
            events: Vec::new(),
            clock_jumps: false,
            reloaded: None,
            spool_vanishes: None,
            settings: settings(),
        }
    }

    /// Whatever the seed says.
    pub fn from_seed(seed: u64) -> Self {
        let mut roll = Roll(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let trouble = roll.below(8);
        let clients = (0..roll.within(1, 4)).map(|number| ClientPlan::draw(&mut roll, number, trouble & 1 > 0));
        let clients = clients.collect();
        let backend = if trouble & 2 > 0 { BackendPlan::draw(&mut roll) } else { BackendPlan::default() };
        let mut scenario = Self { seed, clients, backend, ..Self::calm(seed) };
        if trouble & 4 > 0 {
            scenario.tempers = (0..roll.within(1, 8)).map(|_| Temper::draw(&mut roll)).collect();
            for _ in 0..roll.below(3) {
                let at = roll.within(20, 300) as u64;
                match roll.below(4) {
                    0 => scenario.events.push((at, Event::Reload)),
                    1 => scenario.events.push((at, Event::Drain)),
                    2 => scenario.events.push((at, Event::Kill)),
                    _ => {
                        let back = at + roll.within(1, 100) as u64;
                        scenario.events.extend([(at, Event::BackendDies), (back, Event::BackendReturns)]);
                    }
                }
            }
        }
        scenario.events.sort_by_key(|(at, _)| *at);
        if seed % 5 == 4 {
            scenario.draw_backends(&mut Roll(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        scenario
    }

    /// The same, to a backend to which content goes while it arrives, in pieces of at least so many octets.
    pub fn streaming(mut self, chunking: bool, chunk: u64) -> Self {
        self.backend.chunking = chunking;
        for backend in self.settings.backend.values_mut() {
            backend.relay = Relay::Stream;
            backend.stream_chunk = chunk;
        }
        self.settings.decode.unscanned = Unscanned::ALL.map(|reason| (reason, UnscannedAction::Accept)).into();
        self
    }

    /// That, as the seed says: pieces from one octet to more than a message, and faults of chunks where they can be.
    pub fn streaming_from_seed(seed: u64) -> Self {
        let mut roll = Roll(seed ^ 0x5bd1_e995_7b7d_159d);
        let (chunking, chunk) = (!roll.chance(3), [1, 7, 40, 300, 65_536][roll.below(5)]);
        let mut scenario = Self::from_seed(seed);
        // A backend may take its time over each of them.
        let long = scenario.clients.iter().flat_map(|client| &client.messages).any(|it| it.content.len() > 1_000);
        scenario = scenario.streaming(chunking, if long { chunk.max(300) } else { chunk });
        for faults in scenario.backend.connections.iter_mut().filter(|faults| !faults.is_empty()) {
            if chunking && roll.chance(2) {
                let at = roll.below(faults.len());
                faults[at].0 = Step::Chunk;
            }
        }
        scenario.backend.codes = chunking && seed.is_multiple_of(3);
        scenario.in_chunks(&mut roll, 2)
    }

    /// A scenario whose clients all send chunks, and half of the backends get them.
    pub fn chunked_from_seed(seed: u64) -> Self {
        let scenario = Self::from_seed(seed).in_chunks(&mut Roll(seed ^ 0x2c1b_3c6d_9d8f_4a21), 1);
        if seed % 2 == 1 { scenario.taking_one_chunk() } else { scenario }
    }

    /// The same, to a backend that takes a message in one chunk and says by its codes what it answers.
    pub fn taking_one_chunk(mut self) -> Self {
        for backend in [&mut self.backend, &mut self.second] {
            (backend.chunking, backend.codes) = (true, true);
        }
        self
    }

    /// One client in so many sends its messages in chunks.
    fn in_chunks(mut self, roll: &mut Roll, one_in: usize) -> Self {
        for client in &mut self.clients {
            if roll.chance(one_in) {
                let longest = client.messages.iter().map(|message| message.content.len()).max().unwrap_or_default();
                client.chunks = Some(roll.within(longest / 12 + 1, longest + 2));
                client.empty_last = roll.chance(3);
            }
        }
        self
    }

    /// One of those, perhaps under TLS, and now and then with content that goes to files, has line ends that are none
    /// or other octets than were counted, behind proxies, or from clients that log in.
    pub fn everything_from_seed(seed: u64) -> Self {
        let mut roll = Roll(seed ^ 0x71c9_36e4_1db2_88f3);
        let base = [Self::from_seed, Self::from_seed, Self::chunked_from_seed, Self::streaming_from_seed];
        let mut scenario = base[roll.below(base.len())](seed);
        if !roll.chance(4) {
            scenario = scenario.draw_tls(&mut roll);
        }
        let mut scenario = if roll.chance(16) { scenario.draw_large(&mut roll) } else { scenario };
        if seed % 6 == 5 {
            scenario = scenario.draw_newlines(&mut Roll(seed ^ 0x13c6_ef37_2a94_f82b));
        }
        if seed % 7 == 2 {
            scenario = scenario.draw_introductions(&mut Roll(seed ^ 0x5e0b_93d1_c47a_6f83));
        }
        if seed % 8 == 3 {
            scenario = scenario.draw_logins(&mut Roll(seed ^ 0x2f8e_71c5_90ad_4b67));
        }
        if seed % 9 == 4 {
            scenario = scenario.draw_miscounts(&mut Roll(seed ^ 0x7a13_d85c_2be6_094f));
        }
        scenario
    }

    /// Nothing at all goes wrong: then everything must arrive.
    pub fn is_calm(&self) -> bool {
        let fits = |message: &MessagePlan| message.content.len() as u64 <= self.settings.limits.message_size;
        let honest = |message: &MessagePlan| {
            fits(message) && message.size.is_none_or(|size| size <= LARGEST) && !self.refuses(&message.content)
        };
        self.events.iter().all(|(_, event)| *event == Event::Reload)
            && self.tempers.iter().all(|temper| matches!(temper, Temper::Fine(..50)))
            && self.backend.opens_at == 0
            && self.second.opens_at == 0
            && self.backend.connections.is_empty()
            && self.second.connections.is_empty()
            && self.tls_is_calm()
            && self.spool_is_calm()
            && self.introductions_are_calm()
            && self.clients.iter().all(|client| client.leaves.is_none() && client.miscount.is_none())
            && self.clients.iter().all(|client| client.messages.iter().all(honest))
    }

    /// Whether some reply of the backend is said twice. Then its later replies answer other commands than it meant,
    /// and only the one to the dot can still be vouched for.
    pub fn stutters(&self) -> bool {
        let twice = |act: Act| matches!(act, Act::Twice | Act::TwiceLate(_));
        let connections = self.backend.connections.iter().chain(&self.second.connections);
        connections.flatten().any(|(_, act)| twice(*act))
    }
}

impl ClientPlan {
    pub fn calm(messages: Vec<MessagePlan>) -> Self {
        let (rest, patience) = (Duration::ZERO, Duration::from_secs(80));
        let (introduction, tls, chunks, miscount, leaves) = (None, None, None, None, None);
        let (logs_in, empty_last, resets) = (false, false, false);
        Self {
            at: 20,
            introduction,
            tls,
            logs_in,
            pipelined: true,
            piece: 4_096,
            rest,
            messages,
            chunks,
            empty_last,
            miscount,
            resets,
            leaves,
            patience,
        }
    }

    fn draw(roll: &mut Roll, number: usize, trouble: bool) -> Self {
        let mut messages: Vec<_> = (0..roll.within(1, 4)).map(|nth| message(roll, number, nth)).collect();
        let octets: usize = messages.iter().map(|message| message.content.len() + 120).sum();
        let mut plan = Self::calm(Vec::new());
        plan.at = roll.within(10, 80) as u64;
        plan.pipelined = roll.chance(2);
        plan.piece = if roll.chance(2) { 4_096 } else { roll.within(octets / 50 + 1, octets / 4 + 3) };
        // The minute that silence in content may last is the matrix's; thousands of them would only take long.
        plan.patience = Duration::from_millis(1_500);
        plan.rest = Duration::from_millis(roll.below(4) as u64);
        if trouble {
            if roll.chance(2) {
                let how = [Leave::Close, Leave::HalfClose, Leave::FallSilent][roll.below(3)];
                plan.leaves = Some((roll.below(octets + 40), how));
            }
            for message in &mut messages {
                match roll.below(8) {
                    0 => message.size = Some(1 + roll.below(50) as u64),
                    1 => message.size = Some(LARGEST + 1),
                    2 => message.reset = true,
                    3 => message.content.resize(usize::try_from(LARGEST).unwrap() + 100, b'x'),
                    _ => {}
                }
            }
        }
        for message in &mut messages {
            if !message.content.ends_with(b"\r\n") {
                message.content.extend_from_slice(b"\r\n");
            }
        }
        Self { messages, ..plan }
    }
}

impl Temper {
    fn draw(roll: &mut Roll) -> Self {
        match roll.below(8) {
            0 => Self::Never,
            1 => Self::Raises,
            2 => Self::Rejects,
            3 => Self::Dies,
            _ => Self::Fine(roll.below(200) as u64),
        }
    }
}

/// A message that says whose it is, with lines that begin with dots.
pub fn message(roll: &mut Roll, client: usize, nth: usize) -> MessagePlan {
    let mut content = format!("X-Marker: c{client}m{nth};\r\nSubject: x\r\n\r\n").into_bytes();
    let most = if roll.chance(4) { 120 } else { 12 };
    for _ in 0..roll.below(most) {
        let line = ["..", ".", "a line of text", "", ".x", "RSET", "QUIT and more"][roll.below(7)];
        content.extend_from_slice(line.as_bytes());
        content.extend_from_slice(b"\r\n");
    }
    MessagePlan { content, recipients: roll.within(1, 3), domains: &["example.org"], size: None, reset: false }
}

/// `limits.message_size` of the simulated gateway.
pub const LARGEST: u64 = 8_000;

fn settings() -> Settings {
    let mut settings = Settings { hostname: "gateway.example".into(), ..Settings::default() };
    settings.listener.push(Listener {
        tls: ListenerTls::None,
        recipient_domains: vec!["example.org".into()],
        ..Listener::at("0.0.0.0:25", "backend")
    });
    let mut backend = Backend::at("backend:25");
    backend.connect_s = Duration::from_millis(150);
    backend.reply_s = Duration::from_millis(200);
    backend.data_s = Duration::from_millis(300);
    settings.backend.insert("backend".into(), backend);
    settings.limits.message_size = LARGEST;
    // Octets earn no time: who falls silent in content is cut off after the allowance.
    settings.limits.data_rate = 1_000_000;
    settings.limits.command_s = Duration::from_millis(400);
    settings.limits.drain_s = Duration::from_millis(700);
    settings.verdict.budget_s = Duration::from_millis(300);
    settings
}
