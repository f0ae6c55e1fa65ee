//! One slow or greedy peer delays nobody else.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use ipc_server::{Limits, Running, Server};

use super::harness::{Peer, ServerProcess, text_of};

/// A server that never takes a peer for stuck because the machine is slow.
fn patient_server() -> Running {
    let mut limits = Limits::default();
    limits.stall = Duration::from_secs(3600);
    let server = Server::builder().listen("tcp://127.0.0.1:0".parse().unwrap());
    server.limits(limits).bind().unwrap().spawn().unwrap()
}

fn hello(server: &Running, name: &str) -> Peer {
    let mut peer = Peer::connect(&server.addresses()[0].to_string());
    peer.hello(name);
    peer
}

#[test]
fn a_listener_that_stops_reading_loses_events_and_is_told_and_others_lose_none() {
    let server = patient_server();
    let (mut slow, mut quick) = (hello(&server, "slow"), hello(&server, "quick"));
    let mut publisher = hello(&server, "publisher");
    slow.listen("data");
    quick.listen("data");
    let ballast = text_of(100_000);
    let n_events = 400;
    let mut n_delivered_to_slow = 0;
    for n in 0..n_events {
        // More than the outbox and the system's buffers take, at the pace of the quick listener.
        let event = format!(r#"{{"event":"data","result":[{n},{ballast}],"id":1}}"#);
        n_delivered_to_slow += publisher.ask(&event)["delivered"].as_u64().unwrap() - 1;
        assert_eq!(quick.receive()["result"][0], n);
    }
    assert!(n_delivered_to_slow < n_events, "the outbox is bounded");
    let stats = publisher.stats();
    assert_eq!(
        stats["events_dropped"].as_u64(),
        Some(n_events - n_delivered_to_slow)
    );
    assert!(stats["queued_bytes"].as_u64().unwrap() <= 8 * 1024 * 1024);

    // Once it reads again, each gap in what it gets is told in its place, to the number.
    let mut n_next = 0;
    let mut n_received = 0;
    while n_next < n_events {
        let message = slow.receive();
        if message["event"] == "ipc.lost" {
            assert_eq!(message["result"]["event"], "data");
            n_next += message["result"]["count"].as_u64().unwrap();
        } else {
            assert_eq!(message["result"][0], n_next);
            n_next += 1;
            n_received += 1;
        }
    }
    assert_eq!(n_received, n_delivered_to_slow);
}

#[test]
fn a_provider_that_stops_reading_makes_its_callers_busy_and_nobody_else() {
    let server = patient_server();
    let (mut stuck, mut provider) = (hello(&server, "stuck"), hello(&server, "provider"));
    stuck.register("stuck");
    provider.register("calc");
    let (mut caller, mut other) = (hello(&server, "caller"), hello(&server, "other"));
    let param = text_of(1_000_000);
    let mut n_sent = 0;
    // A call is refused when the provider's queue is full; `ping` tells that none was refused yet.
    loop {
        n_sent += 1;
        assert!(n_sent < 100, "the provider's queue is bounded");
        caller.send(format!(
            r#"{{"object":"stuck","method":"m","param":{param},"id":{n_sent}}}"#
        ));
        let answer = caller.ask(r#"{"object":"ipc","method":"ping","id":"ping"}"#);
        if answer["id"] == "ping" {
            continue;
        }
        assert_eq!(
            (&answer["code"], &answer["id"]),
            (&"busy".into(), &n_sent.into())
        );
        break;
    }
    other.send(r#"{"object":"calc","method":"m","id":1}"#);
    let call = provider.receive();
    provider.send(format!(r#"{{"response":1,"id":{}}}"#, call["id"]));
    assert_eq!(other.receive()["response"], 1);
}

/// Does something while a peer floods the server with messages of 10 MB, one behind the other.
fn beside_a_hog(server: &ServerProcess, act: impl FnOnce()) {
    let flood = format!(r#"{{"event":"noise","result":{}}}"#, text_of(10_000_000));
    let mut hog = server.connect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                hog.send(&flood);
            }
        });
        // A test that fails must not leave the hog running.
        let acted = std::panic::catch_unwind(AssertUnwindSafe(act));
        is_over.store(true, Ordering::Relaxed);
        acted.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Waits until the first message of the hog's is through.
fn wait_for_the_hog(peer: &mut Peer) {
    let mut before = peer.stats()["messages"].as_u64().unwrap();
    loop {
        let now = peer.stats()["messages"].as_u64().unwrap();
        // The question itself is one.
        if before + 1 < now {
            return;
        }
        before = now;
    }
}

#[test]
fn a_caller_beside_a_hog_is_answered_before_the_hogs_message_is_through() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("echo");
    beside_a_hog(&server, || {
        wait_for_the_hog(&mut caller);
        let n_calls = 40;
        let mut n_at_once = 0;
        for n in 0..n_calls {
            let before = caller.stats()["messages"].as_u64().unwrap();
            caller.send(format!(r#"{{"object":"echo","method":"m","id":{n}}}"#));
            let call = provider.receive();
            provider.send(format!(r#"{{"response":{n},"id":{}}}"#, call["id"]));
            assert_eq!(caller.receive()["response"], n);
            let after = caller.stats()["messages"].as_u64().unwrap();
            // The call, its answer and the question are three; the rest is the hog's.
            n_at_once += u64::from(after - before == 3);
        }
        // If a message of the hog's were waited for, one at least would be through every time.
        assert!(n_calls / 10 < n_at_once, "{n_at_once} of {n_calls} calls");
    });
}

#[test]
fn a_call_beside_a_hog_ends_when_its_time_is_over() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("silent");
    beside_a_hog(&server, || {
        wait_for_the_hog(&mut caller);
        for n in 0..3 {
            caller.send(format!(
                r#"{{"object":"silent","method":"m","timeout_ms":20,"id":{n}}}"#
            ));
            let answer = caller.receive();
            assert_eq!(
                (&answer["code"], &answer["id"]),
                (&"timeout".into(), &n.into())
            );
        }
    });
}

#[test]
fn a_caller_that_never_reads_its_answers_is_closed_and_its_memory_freed() {
    let server = ServerProcess::start();
    let (mut provider, mut watcher) = (server.hello("provider"), server.hello("watcher"));
    provider.register("big");
    let mut caller = server.hello("caller");
    for n in 0..40 {
        caller.send(format!(r#"{{"object":"big","method":"m","id":{n}}}"#));
    }
    let response = text_of(1_000_000);
    for _ in 0..40 {
        let message = provider.receive();
        if message["event"] == "ipc.cancel" {
            break;
        }
        provider.send(format!(
            r#"{{"response":{response},"id":{}}}"#,
            message["id"]
        ));
    }
    watcher.wait_for_stat("slow_consumers", |n_closed| n_closed == 1);
    watcher.wait_for_stat("queued_bytes", |n_bytes| n_bytes < 1_000_000);
}
