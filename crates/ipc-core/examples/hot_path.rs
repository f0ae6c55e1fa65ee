//! One call after the other through the decoder and the broker, without sockets: for profilers.
//!
//! `target/release/examples/hot_path [CALLS]`, by itself or under a profiler.

#![expect(clippy::print_stdout, reason = "it tells what it measured")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::{io::IoSlice, time::Instant};

use ipc_core::{Broker, Input, Limits, Output, Peer, SessionId};
use ipc_wire::{DecodeLimits, Decoder};

/// Calls that are read in one chunk, as under load.
const BATCH: usize = 16;

struct Bench {
    broker: Broker,
    now: Instant,
}

impl Bench {
    fn connect(&mut self) -> (SessionId, Decoder) {
        let session = self.broker.open(Peer::default()).expect("there is room");
        let mut decoder = Decoder::new(DecodeLimits::default());
        let hello = br#"{"object":"ipc","method":"hello","id":0}"#;
        self.receive(session, &mut decoder, hello);
        self.written(session, &mut Vec::new());
        (session, decoder)
    }

    fn receive(&mut self, session: SessionId, decoder: &mut Decoder, mut bytes: &[u8]) {
        while let Some(message) = decoder.decode(&mut bytes).expect("valid messages") {
            self.broker
                .handle(Input::Received(session, &message), self.now);
        }
    }

    /// Writes what is queued for a session to `sink`.
    fn written(&mut self, session: SessionId, sink: &mut Vec<u8>) {
        while let Some(output) = self.broker.poll_output() {
            assert_eq!(output, Output::Write(session));
        }
        let mut pieces = [IoSlice::new(&[]); 64];
        let outbox = self.broker.outbox(session).expect("it is open");
        let n_pieces = outbox.pieces(&mut pieces);
        let n_bytes = pieces[..n_pieces].iter().map(|piece| piece.len()).sum();
        for piece in &pieces[..n_pieces] {
            sink.extend_from_slice(piece);
        }
        self.broker
            .handle(Input::Written(session, n_bytes), self.now);
    }
}

fn main() {
    let n_calls: usize = std::env::args()
        .nth(1)
        .map_or(1_000_000, |n| n.parse().expect("a number"));
    let now = Instant::now();
    let broker = Broker::new(Limits::default(), "bench", 1 << 24, now);
    let mut bench = Bench { broker, now };
    let (caller, mut caller_decoder) = bench.connect();
    let (provider, mut provider_decoder) = bench.connect();
    bench.receive(
        provider,
        &mut provider_decoder,
        br#"{"reg_object":"calc","id":1}"#,
    );
    bench.written(provider, &mut Vec::new());

    let payload = "x".repeat(62);
    let mut ids = 0_u64;
    let (mut calls, mut sent, mut replies) = (String::new(), Vec::new(), Vec::new());
    let started = Instant::now();
    for _ in 0..n_calls / BATCH {
        calls.clear();
        for _ in 0..BATCH {
            use std::fmt::Write;
            ids += 1;
            writeln!(
                calls,
                "{{\"object\":\"calc\",\"method\":\"add\",\"param\":\"{payload}\",\"id\":{ids}}}"
            )
            .expect("memory");
        }
        bench.receive(caller, &mut caller_decoder, calls.as_bytes());
        sent.clear();
        bench.written(provider, &mut sent);
        replies.clear();
        for line in sent
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let id = line
                .windows(5)
                .rposition(|window| window == b"\"id\":")
                .expect("an id");
            replies.extend_from_slice(b"{\"response\":\"");
            replies.extend_from_slice(payload.as_bytes());
            replies.extend_from_slice(b"\",\"id\":");
            replies.extend_from_slice(&line[id + 5..]);
            replies.push(b'\n');
        }
        bench.receive(provider, &mut provider_decoder, &replies);
        sent.clear();
        bench.written(caller, &mut sent);
    }
    let ns_per_call = started.elapsed().as_nanos() / n_calls as u128;
    println!("{ns_per_call} ns a call, of {n_calls}");
}
