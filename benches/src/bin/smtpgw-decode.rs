#![forbid(unsafe_code)]
//! The MIME decoder without Python: seconds of processor time that it takes for each of some messages, a line each.
//!
//! As `benches/suite/parse_calls.py` measures parsers that are called from Python: in batches for so long, and the
//! batch with the least counts. What comes out is looked at and forgotten, or kept with `--keep`.

use std::hint::black_box;
use std::process::ExitCode;

use smtpgw_bench::arguments::{Arguments, Usage};
use smtpgw_bench::serve;
use smtpgw_gateway::leaves::leaves;
use smtpgw_mime::{Decoder, Dialect, Event, Limits, Sink};

const USAGE: Usage = Usage {
    help: "smtpgw-decode --seconds S [--keep] --file A [--file B ...]\n\
        Decodes each message again and again for S seconds and prints the processor seconds of one.",
    values: &["seconds", "file"],
    flags: &["keep"],
};

fn main() -> ExitCode {
    serve::main(&USAGE, run)
}

fn run(arguments: Arguments) -> Result<(), String> {
    let seconds: f64 = arguments.required("seconds")?;
    let decode = if arguments.flag("keep") { kept } else { forgotten };
    for file in arguments.all("file") {
        let raw = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        if decode(&raw) <= raw.len() / 2 {
            return Err(format!("{file}: hardly anything came out, so this would measure nothing"));
        }
        let least = least(seconds, || decode(&raw)).map_err(|error| format!("processor time: {error}"))?;
        serve::say(format_args!("{least:e}")).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Processor seconds of one call.
fn least(seconds: f64, call: impl Fn() -> usize) -> std::io::Result<f64> {
    let (mut batch, mut best) = (1_u32, f64::INFINITY);
    let end = processor_seconds()? + seconds;
    loop {
        let begin = processor_seconds()?;
        for _ in 0..batch {
            black_box(call());
        }
        let now = processor_seconds()?;
        if now - begin < BATCH_S {
            batch = batch.saturating_mul(2);
            continue;
        }
        best = best.min((now - begin) / f64::from(batch));
        if now >= end {
            return Ok(best);
        }
    }
}

/// What this thread has used so far; Linux counts nanoseconds here.
fn processor_seconds() -> std::io::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    nanoseconds.map(|number| number / 1e9).ok_or_else(|| std::io::Error::other("schedstat has no number"))
}

fn kept(raw: &[u8]) -> usize {
    leaves(raw).leaves.iter().map(|leaf| leaf.content.len()).sum()
}

fn forgotten(raw: &[u8]) -> usize {
    let mut decoder = Decoder::new(Limits::DEFAULT, Dialect::default());
    let mut count = Count(0);
    for piece in raw.chunks(PIECE) {
        decoder.push(piece, &mut count);
    }
    decoder.finish(&mut count);
    count.0
}

/// Counts decoded octets.
struct Count(usize);

impl Sink for Count {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Data(octets) = event {
            self.0 += black_box(octets).len();
        }
    }
}

/// Below this the clock, which is set at the scheduler's ticks, is too coarse.
const BATCH_S: f64 = 0.04;

/// What one read of a busy socket brings.
const PIECE: usize = 64 << 10;
