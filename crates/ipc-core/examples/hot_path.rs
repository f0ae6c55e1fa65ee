//! The way of messages through the decoder and the broker, without sockets: for profilers, and
//! for `cargo xtask instructions`, which counts what it takes.
//!
//! `target/release/examples/hot_path call|fan-out|names|payload [TIMES [NAMES]]`

#![expect(
    clippy::disallowed_methods,
    reason = "the broker wants to know the time once"
)]

use std::{fmt::Write, io::IoSlice, time::Instant};

use ipc_core::{Broker, Input, Limits, Output, Peer, SessionId};
use ipc_wire::{DecodeLimits, Decoder};

/// Messages that are read in one chunk, as under load.
const BATCH: usize = 16;

/// Listeners that an event is sent to.
const N_LISTENERS: usize = 100;

/// Names that one session listens to.
const NAMES_EACH: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let work = arguments.next().unwrap_or_else(|| "call".to_owned());
    let mut number = || {
        let argument = arguments.next();
        argument.map(|argument| argument.parse().expect("a number"))
    };
    let times = number().unwrap_or(1_000_000);
    match work.as_str() {
        "call" => calls(times, &format!("\"{}\"", "x".repeat(62))),
        "payload" => calls(times, &mixed_json(16 * 1024)),
        "fan-out" => events(times),
        "names" => named_events(times, number().unwrap_or(10_000)),
        other => panic!("{other} is not call, fan-out, names or payload"),
    }
}

/// Calls of one session, answered by another.
fn calls(times: usize, payload: &str) {
    let mut bench = Bench::new();
    let (mut caller, mut provider) = (bench.connect(), bench.connect());
    bench.receive(&mut provider, br#"{"reg_object":"calc","id":1}"#);
    bench.write(&provider, &mut Vec::new());
    let (mut ids, mut calls, mut written, mut replies) = (0, String::new(), Vec::new(), Vec::new());
    for _ in 0..times / BATCH {
        calls.clear();
        for _ in 0..BATCH {
            ids += 1;
            let head = "{\"object\":\"calc\",\"method\":\"add\",\"param\":";
            writeln!(calls, "{head}{payload},\"id\":{ids}}}").expect("memory");
        }
        bench.receive(&mut caller, calls.as_bytes());
        written.clear();
        bench.write(&provider, &mut written);
        replies.clear();
        for call in written.split_inclusive(|&byte| byte == b'\n') {
            let id = call.iter().rposition(|&byte| byte == b':').expect("an id");
            replies.extend_from_slice(b"{\"response\":");
            replies.extend_from_slice(payload.as_bytes());
            replies.extend_from_slice(b",\"id\"");
            replies.extend_from_slice(&call[id..]);
        }
        bench.receive(&mut provider, &replies);
        bench.write(&caller, &mut written);
    }
}

/// Events of one session to many.
fn events(times: usize) {
    let mut bench = Bench::new();
    let mut publisher = bench.connect();
    let listeners: Vec<_> = (0..N_LISTENERS)
        .map(|_| bench.listen(&["temp".to_owned()]))
        .collect();
    let batch = event("temp").repeat(BATCH);
    let mut written = Vec::new();
    for _ in 0..times / BATCH {
        bench.receive(&mut publisher, batch.as_bytes());
        for listener in &listeners {
            written.clear();
            bench.write(listener, &mut written);
        }
    }
}

/// Events of one session to another that listens to up to `NAMES_EACH` names; there are more names,
/// to which others listen.
fn named_events(times: usize, n_names: usize) {
    let mut bench = Bench::new();
    let mut publisher = bench.connect();
    let names: Vec<_> = (0..n_names).map(|n| format!("event.{n:05}")).collect();
    let listeners = names.chunks(NAMES_EACH).map(|names| bench.listen(names));
    let listeners: Vec<_> = listeners.collect();
    let heard = names.iter().take(NAMES_EACH);
    let heard: Vec<_> = heard.map(|name| event(name)).collect();
    let mut heard = heard.iter().map(String::as_str).cycle();
    let (mut batch, mut written) = (String::new(), Vec::new());
    for _ in 0..times / BATCH {
        batch.clear();
        batch.extend(heard.by_ref().take(BATCH));
        bench.receive(&mut publisher, batch.as_bytes());
        written.clear();
        bench.write(&listeners[0], &mut written);
    }
}

fn event(name: &str) -> String {
    let payload = "x".repeat(62);
    format!("{{\"event\":\"{name}\",\"result\":\"{payload}\"}}\n")
}

/// An array of small objects with numbers, texts and literals.
fn mixed_json(n_bytes: usize) -> String {
    let mut json = String::from("[");
    while json.len() < n_bytes {
        let n = json.len();
        write!(
            json,
            "{{\"id\":{n},\"name\":\"größe {n}\",\"on\":true,\"at\":[1.5e3,-{n}.25,null]}},"
        )
        .expect("memory");
    }
    json.push_str("{}]");
    json
}

struct Bench {
    broker: Broker,
    now: Instant,
}

struct Session {
    id: SessionId,
    decoder: Decoder,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            broker: Broker::new(Limits::default(), "bench", now),
            now,
        }
    }

    fn connect(&mut self) -> Session {
        let id = self.broker.open(Peer::default()).expect("there is room");
        let mut session = Session {
            id,
            decoder: Decoder::new(DecodeLimits::default()),
        };
        self.receive(&mut session, br#"{"object":"ipc","method":"hello","id":0}"#);
        self.write(&session, &mut Vec::new());
        session
    }

    fn listen(&mut self, names: &[String]) -> Session {
        let mut listener = self.connect();
        for name in names {
            let listen = format!("{{\"event_name\":\"{name}\",\"id\":1}}");
            self.receive(&mut listener, listen.as_bytes());
            self.write(&listener, &mut Vec::new());
        }
        listener
    }

    fn receive(&mut self, session: &mut Session, mut bytes: &[u8]) {
        while let Some(ref message) = session.decoder.decode(&mut bytes).expect("valid messages") {
            self.broker
                .handle(Input::Received(session.id, message), self.now);
        }
        while let Some(output) = self.broker.poll_output() {
            assert!(matches!(output, Output::Write(_)), "nobody is closed");
        }
    }

    /// Takes what is queued for a session, as a socket would.
    fn write(&mut self, session: &Session, socket: &mut Vec<u8>) {
        let mut pieces = [IoSlice::new(&[]); 64];
        let outbox = self.broker.outbox(session.id).expect("it is open");
        let n_pieces = outbox.pieces(&mut pieces);
        for piece in &pieces[..n_pieces] {
            socket.extend_from_slice(piece);
        }
        let n_bytes = pieces[..n_pieces].iter().map(|piece| piece.len()).sum();
        self.broker
            .handle(Input::Written(session.id, n_bytes), self.now);
    }
}
