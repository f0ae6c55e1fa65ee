//! Payloads are forwarded as they were written.

use ipc_testkit::World;

use crate::{caller_and_provider, taken_by};

const PRETTY: &str =
    "{\r\n  \"b\" : 1.00e+2,\n  \"a\":\"x\\ny\",\t\"a\": 123456789012345678901234567890\n}";

#[test]
fn in_the_seed_dialect_they_are_verbatim() {
    let mut world = World::new();
    world.connect("caller");
    world.connect("provider");
    world.register("provider", "mango");
    world.writes_to("provider");
    world.send(
        "caller",
        &format!("{{\"object\":\"mango\",\"method\":\"m\",\"param\":{PRETTY}}}"),
    );
    assert_eq!(
        world.writes_to("provider"),
        [format!(
            "{{\"object\":\"mango\",\"method\":\"m\",\"param\":{PRETTY}}}"
        )]
    );
    world.send("provider", &format!("{{ \"response\" : {PRETTY} }}"));
    assert_eq!(
        world.writes_to("caller"),
        [format!("{{\"response\":{PRETTY}}}")]
    );
}

#[test]
fn after_hello_line_breaks_between_tokens_become_spaces() {
    let mut world = caller_and_provider(true);
    let flat = PRETTY.replace(['\r', '\n'], " ");
    world.writes_to("provider");
    world.send(
        "caller",
        &format!("{{\"object\":\"mango\",\"method\":\"m\",\"param\":{PRETTY},\"id\":1}}"),
    );
    let written = world.writes_to("provider").concat();
    let start = format!("{{\"object\":\"mango\",\"method\":\"m\",\"param\":{flat},\"id\":");
    assert!(written.starts_with(&start), "{written}");
    assert_eq!(written.matches('\n').count(), 1);
    let told: serde_json::Value = serde_json::from_str(&written).unwrap();
    world.send(
        "provider",
        &format!("{{\"id\":{},\"response\":{PRETTY}}}", told["id"]),
    );
    assert_eq!(
        world.writes_to("caller").last().unwrap(),
        &format!("{{\"response\":{flat},\"id\":1}}\n")
    );
}

#[test]
fn an_event_goes_to_each_listener_in_its_own_dialect() {
    let mut world = World::new();
    for name in ["seed 1", "seed 2"] {
        world.connect(name);
        world.listen(name, "e");
    }
    for name in ["lines 1", "lines 2"] {
        world.hello(name);
        world.listen(name, "e");
        world.writes_to(name);
    }
    world.connect("publisher");
    world.send(
        "publisher",
        &format!("{{\"event\":\"e\",\"result\":{PRETTY}}}"),
    );
    let flat = PRETTY.replace(['\r', '\n'], " ");
    for n in [1, 2] {
        let seed = format!("{{\"event\":\"e\",\"result\":{PRETTY}}}");
        assert_eq!(world.writes_to(&format!("seed {n}")), [seed]);
        let line = format!("{{\"event\":\"e\",\"result\":{flat}}}\n");
        assert_eq!(world.writes_to(&format!("lines {n}")).concat(), line);
    }
}

#[test]
fn an_answer_that_is_held_for_its_turn_keeps_its_line() {
    let mut world = caller_and_provider(true);
    crate::call_in_turn(&mut world, "caller", "mango", 1);
    crate::call_in_turn(&mut world, "caller", "mango", 2);
    let told = world.values_sent_to("provider");
    world.writes_to("caller");
    crate::reply(
        &mut world,
        "provider",
        told[1]["id"].as_u64().unwrap(),
        "[\n2]",
    );
    crate::reply(
        &mut world,
        "provider",
        told[0]["id"].as_u64().unwrap(),
        "[1\r]",
    );
    assert_eq!(
        world.writes_to("caller").concat(),
        "{\"response\":[1 ]}\n{\"response\":[ 2]}\n"
    );
}

#[test]
fn large_payloads_arrive_whole_in_both_dialects() {
    let large = format!("[\"{}\",\n1]", "x".repeat(300_000));
    let flat = large.replace('\n', " ");
    let mut world = caller_and_provider(true);
    world.connect("seed");
    world.hello("other");
    for name in ["seed", "other", "caller"] {
        world.listen(name, "e");
    }
    let text = format!("{{\"event\":\"e\",\"result\":{large}}}");
    for pieces in [1, 1000, 1_000_000] {
        for piece in text.as_bytes().chunks(text.len() / pieces.min(7) + 1) {
            world.send_bytes("provider", piece);
        }
        assert_eq!(world.sent_to("seed"), std::slice::from_ref(&text));
        assert_eq!(
            world.sent_to("other"),
            [format!("{{\"event\":\"e\",\"result\":{flat}}}")]
        );
    }
    world.sent_to("caller");
    let call =
        format!(r#"{{"object":"mango","method":"m","param":0,"headers":{{"h":{large}}},"id":1}}"#);
    for piece in call.as_bytes().chunks(100_000) {
        world.send_bytes("caller", piece);
    }
    let (_, id) = taken_by(&mut world, "provider");
    crate::reply(&mut world, "provider", id, &large);
    assert_eq!(
        world.sent_to("caller"),
        [format!("{{\"response\":{flat},\"id\":1}}")]
    );
}

#[test]
fn a_large_payload_that_does_not_fit_leaves_nothing_behind() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 50_000);
    world.hello("listener");
    world.listen("listener", "e");
    world.connect("publisher");
    world.sent_to("listener");
    world.stop_reading("listener");
    world.send("publisher", r#"{"event":"e","result":1}"#);
    let large = format!(
        r#"{{"event":"e","result":"{}","id":1}}"#,
        "x".repeat(60_000)
    );
    for piece in large.as_bytes().chunks(20_000) {
        world.send_bytes("publisher", piece);
    }
    assert_eq!(world.values_sent_to("publisher")[0]["delivered"], 0);
    world.read_on("listener");
    assert_eq!(
        world.sent_to("listener"),
        [
            r#"{"event":"e","result":1}"#,
            r#"{"event":"ipc.lost","result":{"event":"e","count":1}}"#
        ]
    );
}
