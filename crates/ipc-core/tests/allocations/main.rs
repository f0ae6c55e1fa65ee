//! What the way of a message through decoder and broker allocates once buffers and tables have
//! grown. A binary of its own, for every allocation in it is counted, thread by thread.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test; the broker wants to know the time once"
)]

use std::{io::IoSlice, time::Instant};

use ipc_core::{Broker, Input, Limits, Output, Peer, SessionId};
use ipc_wire::{DecodeLimits, Decoder};

struct Session {
    id: SessionId,
    decoder: Decoder,
    /// What the socket has taken.
    received: Vec<u8>,
}

struct Bus {
    broker: Broker,
    now: Instant,
}

impl Bus {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            broker: Broker::new(Limits::default(), "test", now),
            now,
        }
    }

    fn connect(&mut self, first: &str) -> Session {
        let mut session = Session {
            id: self.broker.open(Peer::default()).unwrap(),
            decoder: Decoder::new(DecodeLimits::default()),
            received: Vec::new(),
        };
        self.receive(&mut session, br#"{"object":"ipc","method":"hello","id":0}"#);
        self.receive(&mut session, first.as_bytes());
        self.write(&mut session);
        session
    }

    fn receive(&mut self, session: &mut Session, mut bytes: &[u8]) {
        while let Some(ref message) = session.decoder.decode(&mut bytes).unwrap() {
            self.broker
                .handle(Input::Received(session.id, message), self.now);
        }
        while let Some(output) = self.broker.poll_output() {
            assert!(matches!(output, Output::Write(_)));
        }
    }

    /// Takes what is queued for a session, as a socket would.
    fn write(&mut self, session: &mut Session) {
        session.received.clear();
        let mut pieces = [IoSlice::new(&[]); 64];
        let n_pieces = self.broker.outbox(session.id).unwrap().pieces(&mut pieces);
        for piece in &pieces[..n_pieces] {
            session.received.extend_from_slice(piece);
        }
        let n_bytes = session.received.len();
        self.broker
            .handle(Input::Written(session.id, n_bytes), self.now);
    }
}

/// Counts the allocations of a work, which was done before.
fn counted(mut work: impl FnMut()) -> u64 {
    for _ in 0..100 {
        work();
    }
    let repeated = || (0..1000).for_each(|_| work());
    allocation_counter::measure(repeated).count_total
}

#[test]
fn a_small_call_and_its_answer_allocate_nothing() {
    let mut bus = Bus::new();
    let mut caller = bus.connect("");
    let mut provider = bus.connect(r#"{"reg_object":"calc","id":1}"#);
    let mut reply = Vec::new();
    let n_allocated = counted(|| {
        let call = br#"{"object":"calc","method":"add","param":[20,22],"id":7}"#;
        bus.receive(&mut caller, call);
        bus.write(&mut provider);
        let id = provider.received.iter().rposition(|&byte| byte == b':');
        reply.clear();
        reply.extend_from_slice(br#"{"response":42,"id""#);
        reply.extend_from_slice(&provider.received[id.unwrap()..]);
        bus.receive(&mut provider, &reply);
        bus.write(&mut caller);
        assert_eq!(caller.received, b"{\"response\":42,\"id\":7}\n");
    });
    assert_eq!(n_allocated, 0);
}

#[test]
fn a_small_event_to_many_allocates_nothing() {
    let mut bus = Bus::new();
    let mut publisher = bus.connect("");
    let mut listeners: Vec<_> = (0..10)
        .map(|_| bus.connect(r#"{"event_name":"temp","id":1}"#))
        .collect();
    let n_allocated = counted(|| {
        bus.receive(&mut publisher, br#"{"event":"temp","result":21.5}"#);
        for listener in &mut listeners {
            bus.write(listener);
            assert_eq!(listener.received, b"{\"event\":\"temp\",\"result\":21.5}\n");
        }
    });
    assert_eq!(n_allocated, 0);
}
