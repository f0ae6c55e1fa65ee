//! One slow or greedy peer delays nobody else.

use std::time::{Duration, Instant};

use super::harness::{ServerProcess, text_of};

#[test]
fn a_listener_that_stops_reading_loses_events_and_is_told_and_others_lose_none() {
    let server = ServerProcess::start();
    let (mut slow, mut quick) = (server.hello("slow"), server.hello("quick"));
    let mut publisher = server.hello("publisher");
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
    let server = ServerProcess::start();
    let (mut stuck, mut provider) = (server.hello("stuck"), server.hello("provider"));
    stuck.register("stuck");
    provider.register("calc");
    let (mut caller, mut other) = (server.hello("caller"), server.hello("other"));
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

#[test]
fn a_caller_beside_a_hog_is_answered_in_time() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("echo");
    let mut hog = server.connect();
    let flood = format!(r#"{{"event":"noise","result":{}}}"#, text_of(10_000_000));
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                hog.send(&flood);
            }
        });
        let mut times: Vec<Duration> = (0..200)
            .map(|n| {
                let started = Instant::now();
                caller.send(format!(r#"{{"object":"echo","method":"m","id":{n}}}"#));
                let call = provider.receive();
                provider.send(format!(r#"{{"response":{n},"id":{}}}"#, call["id"]));
                assert_eq!(caller.receive()["response"], n);
                started.elapsed()
            })
            .collect();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        times.sort_unstable();
        // In debug builds a 10 MB message takes a second to scan; it is never waited for.
        assert!(
            times[190] < Duration::from_millis(250),
            "{:?}",
            &times[190..]
        );
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
