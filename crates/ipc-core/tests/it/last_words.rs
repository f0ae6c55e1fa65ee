//! What one reads that was closed for being slow: whole messages, and then why.

use ipc_core::CloseReason::SlowConsumer;
use ipc_testkit::World;

use crate::{caller_and_provider, codes};

/// More than is written at a time, so that the payload is kept in a piece of its own.
const LARGE: usize = 100_000;

fn event(n_bytes: usize) -> String {
    let text = "x".repeat(n_bytes);
    format!(r#"{{"event":"e","result":"{text}"}}"#)
}

/// A world with a listener in either dialect, a publisher, and a second listener of the same
/// dialect, which reads.
fn with_listener(says_hello: bool) -> World {
    let mut world = World::new();
    for name in ["listener", "other"] {
        if says_hello {
            world.hello(name);
        } else {
            world.connect(name);
        }
        world.listen(name, "e");
        world.sent_to(name);
    }
    world.connect("publisher");
    world
}

/// The listener reads so much, then nothing until it is closed, and then everything.
fn read_and_stall(world: &mut World, n_bytes: usize) {
    world.read_some("listener", n_bytes);
    world.advance(9_999);
    assert_eq!(world.closed("listener"), None);
    // It is closed when the last try fails, and then reads on.
    world.read_on_when_closed("listener");
    world.advance(1);
    assert_eq!(world.closed("listener"), Some(SlowConsumer));
}

#[test]
fn the_message_that_it_began_to_read_stays_whole_and_the_reason_comes_last() {
    for says_hello in [true, false] {
        for size in [10, LARGE] {
            let length = event(size).len();
            for n_read in [1, length / 2, length - 1, length + 10, 2 * length + 3] {
                let mut world = with_listener(says_hello);
                world.stop_reading("listener");
                for _ in 0..5 {
                    world.send("publisher", &event(size));
                }
                read_and_stall(&mut world, n_read);
                let mut told = world.values_sent_to("listener");
                assert_eq!(codes(&told[told.len() - 1..]), ["slow_consumer"]);
                told.pop();
                assert!(told.iter().all(|message| message["event"] == "e"));
                assert!(n_read / length < told.len() && told.len() <= n_read / length + 1);
                assert_eq!(world.sent_to("other").len(), 5);
                assert_eq!(world.stats().queued_bytes, 0);
            }
        }
    }
}

#[test]
fn one_who_began_no_message_reads_the_reason_alone() {
    for says_hello in [true, false] {
        for n_whole in [0, 1, 2] {
            let mut world = with_listener(says_hello);
            world.stop_reading("listener");
            for _ in 0..5 {
                world.send("publisher", &event(10));
            }
            let line_break = usize::from(says_hello);
            read_and_stall(&mut world, n_whole * (event(10).len() + line_break));
            let told = world.values_sent_to("listener");
            assert_eq!(told.len(), n_whole + 1);
            assert_eq!(codes(&told[n_whole..]), ["slow_consumer"]);
        }
    }
}

#[test]
fn a_caller_whose_answer_does_not_fit_reads_why() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 200);
    world.hello("provider");
    world.register("provider", "mango");
    world.connect("caller");
    crate::call_in_turn(&mut world, "caller", "mango", 1);
    for _ in 0..100 {
        world.send("caller", r#"{"object":"ipc","method":"ping"}"#);
    }
    assert_eq!(world.closed("caller"), Some(SlowConsumer));
    assert_eq!(codes(&world.values_sent_to("caller")), ["slow_consumer"]);
}

#[test]
fn the_rest_of_a_large_message_is_given_up_too_when_the_memory_for_all_is_full() {
    let mut world = World::limited(|limits| limits.queued_bytes = 300_000);
    world.hello("listener");
    world.listen("listener", "e");
    world.sent_to("listener");
    world.connect("publisher");
    world.stop_reading("listener");
    world.send("publisher", &event(LARGE));
    world.read_some("listener", 10);
    world.read_on_when_closed("listener");
    for _ in 0..3 {
        world.send("publisher", &event(LARGE));
    }
    assert_eq!(world.closed("listener"), Some(SlowConsumer));
    assert_eq!(world.stats().queued_bytes, 0);
    assert!(
        world.sent_to("listener").is_empty(),
        "nothing can follow a message that is not whole"
    );
}

#[test]
fn a_large_payload_that_is_kept_apart_from_its_frame_is_read_to_its_end() {
    let text = "x".repeat(LARGE);
    let call = format!(r#"{{"object":"mango","method":"m","param":"{text}","id":1}}"#);
    for n_read in [1, 20, 30, 40, 1000, LARGE, LARGE + 40] {
        let mut world = caller_and_provider(true);
        world.stop_reading("provider");
        for _ in 0..3 {
            world.send(
                "caller",
                &call.replace(r#""id":1"#, r#""timeout_ms":60000"#),
            );
        }
        world.read_some("provider", n_read);
        world.read_on_when_closed("provider");
        world.advance(10_000);
        assert_eq!(world.closed("provider"), Some(SlowConsumer));
        let told = world.values_sent_to("provider");
        assert_eq!(codes(&told), ["none", "slow_consumer"], "{n_read}");
        assert_eq!(told[0]["param"].as_str().map(str::len), Some(LARGE));
    }
}
