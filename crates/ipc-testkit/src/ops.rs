//! What a fuzzer says, done to a broker.

use ipc_core::Limits;

use crate::world::World;

const NAMES: [&str; 5] = ["p0", "p1", "p2", "p3", "p4"];

/// Messages that get far, which random bytes seldom do. `#` is the next byte of the data.
const MESSAGES: [&str; 31] = [
    r##"{"object":"ipc","method":"hello","param":{"protocol":1,"name":"#"}}"##,
    r##"{"reg_object":"o#"}"##,
    r##"{"reg_object":"o#","mode":"replace","id":"#"}"##,
    r##"{"reg_object":"o#","mode":"queue"}"##,
    r##"{"reg_object":"o#","mode":"shared","interface":{"doc":#}}"##,
    r##"{"object":"o#","method":"m","param":#}"##,
    r##"{"object":"o#","method":"m","param":#,"id":#}"##,
    r##"{"object":"o#","method":"m","timeout_ms":#,"headers":{},"id":#}"##,
    r##"{"list":["o#","o#"]}"##,
    r##"{"list":["o#"],"timeout_ms":#,"id":#}"##,
    r##"{"event_name":"e#"}"##,
    r##"{"event_name":"e.*","match":"pattern","id":#}"##,
    r##"{"event_name":"ipc.>","match":"pattern"}"##,
    r##"{"event":"e#","result":#}"##,
    r##"{"event":"e.#","result":[#,
    "x"],"id":#}"##,
    r##"{"response":#}"##,
    r##"{"object":"ipc","method":"cancel","param":{"id":#}}"##,
    r##"{"object":"ipc","method":"unregister","param":{"object":"o#"},"id":#}"##,
    r##"{"object":"ipc","method":"unlisten","param":{"event":"e#"}}"##,
    r##"{"object":"ipc","method":"clients","id":#}"##,
    r##"{"object":"ipc","method":"stats"}"##,
    r##"{"object":"ipc","method":"describe","param":{"object":"o#"}}"##,
    r##"{"error":#,"code":"method_not_found"}"##,
    r##"{"success":"OK","id":#}"##,
    r##"{"object":"ipc","method":"objects","param":{"after":"o#","limit":#},"id":#}"##,
    r##"{"object":"ipc","method":"clients","param":{"object":"o#","after":#},"id":#}"##,
    r##"{"event_name":"e..#.*","match":"pattern"}"##,
    r##"{"object":"o#","method":"m","event":null,"error":null,"timeout_ms":#e2,"id":#.0}"##,
    r##"{"object":"o#","method":"m","timeout_ms":"#","id":#}"##,
    r##"{"list":["o#"],"timeout_ms":#.5}"##,
    r##"{"response":#,"error":null,"id":[#]}"##,
];

/// Bytes that say what happens, from the front; none are as good as zeros.
struct Script<'d>(&'d [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn message(&mut self) -> String {
        let template = MESSAGES[usize::from(self.byte()) % MESSAGES.len()];
        let mut message = String::new();
        for part in template.split_inclusive('#') {
            message.push_str(part.trim_end_matches('#'));
            if part.ends_with('#') {
                message.push_str(&(self.byte() % 16).to_string());
            }
        }
        message
    }
}

/// Does what the bytes say to a broker with tight limits, whose invariants are checked after
/// every step. In the end the server stops, and nobody may be owed anything.
///
/// # Panics
///
/// When something does not hold.
pub fn broker_ops(data: &[u8]) {
    let mut script = Script(data);
    let mut limits = Limits::default();
    limits.outbox_bytes = 512;
    limits.queued_bytes = 1500;
    limits.connections = 4;
    limits.names = 3;
    limits.subscriptions = 3;
    limits.requests = 4;
    limits.lost_names = 1;
    let mut world = World::with_limits(limits);
    // The calls that each was sent last, to be answered by their ids.
    let mut last_ids = [0; NAMES.len()];
    while !script.0.is_empty() {
        let peer = usize::from(script.byte()) % NAMES.len();
        step(&mut world, peer, &mut script, &mut last_ids);
    }
    end(&mut world);
}

fn step(world: &mut World, peer: usize, script: &mut Script<'_>, last_ids: &mut [u64]) {
    let name = NAMES[peer];
    if !world.is_open(name) {
        // The server may be full, or stopping.
        world.connect_as(name, ipc_core::Peer::default()).ok();
        return;
    }
    match script.byte() % 16 {
        0..8 => {
            let message = script.message();
            world.send(name, &message);
        }
        8 => {
            let reply = format!(r#"{{"response":1,"error":null,"id":{}.0}}"#, last_ids[peer]);
            world.send(name, &reply);
        }
        9 => world.stop_reading(name),
        10 => world.read_some(name, usize::from(script.byte())),
        11 => world.read_on(name),
        12 => world.jump(u64::from(script.byte()).pow(2)),
        13 => world.half_close(name),
        14 => world.crash(name),
        _ => raw(world, name, script),
    }
    for message in world.values_sent_to(name) {
        if message.get("method").is_some() {
            last_ids[peer] = message["id"].as_u64().unwrap_or(0);
        }
    }
}

/// Bytes as they are, and now and then the end of the server.
fn raw(world: &mut World, name: &str, script: &mut Script<'_>) {
    let n_bytes = usize::from(script.byte());
    if n_bytes == 255 {
        world.shut_down();
        return;
    }
    let (bytes, rest) = script.0.split_at(n_bytes.min(script.0.len()));
    script.0 = rest;
    world.send_bytes(name, bytes);
}

fn end(world: &mut World) {
    for name in NAMES {
        if world.is_open(name) {
            world.read_on(name);
        }
    }
    world.shut_down();
    world.jump(10_000);
    assert!(world.broker.is_drained(), "{:?}", world.stats());
    let stats = world.stats();
    assert_eq!(stats.calls_accepted, stats.calls_answered);
    for name in NAMES {
        if world.is_open(name) {
            world.disconnect(name);
        }
    }
    let stats = world.stats();
    assert_eq!(stats.connections_opened, stats.connections_closed);
    assert_eq!(
        world.broker.poll_timeout(),
        None,
        "nothing is left to wait for"
    );
}
