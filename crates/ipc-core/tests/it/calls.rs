//! Calls on their way to providers, and who may answer them.

use ipc_testkit::World;

use crate::{call, caller_and_provider, codes, reply, taken_by};

#[test]
fn a_provider_after_hello_gets_all_calls_at_once() {
    let mut world = caller_and_provider(true);
    for n in 1..=5 {
        call(&mut world, "caller", "mango", n);
    }
    let told = world.values_sent_to("provider");
    let params: Vec<_> = told
        .iter()
        .map(|call| call["param"].as_u64().unwrap())
        .collect();
    assert_eq!(params, [1, 2, 3, 4, 5]);
}

#[test]
fn options_are_forwarded_and_the_callers_id_is_not() {
    let mut world = caller_and_provider(true);
    world.send(
        "caller",
        r#"{"id":"secret","headers":{"a": 1},"timeout_ms":250,"method":"m","object":"mango"}"#,
    );
    let told = world.sent_to("provider");
    let start = r#"{"object":"mango","method":"m","timeout_ms":250,"headers":{"a": 1},"id":"#;
    assert!(told[0].starts_with(start), "{}", told[0]);
    assert!(!told[0].contains("secret"));
}

#[test]
fn a_seed_provider_is_sent_neither_id_nor_timeout() {
    let mut world = caller_and_provider(false);
    world.send(
        "caller",
        r#"{"object":"mango","method":"m","timeout_ms":250,"id":1}"#,
    );
    assert_eq!(
        world.sent_to("provider"),
        [r#"{"object":"mango","method":"m"}"#]
    );
}

#[test]
fn only_the_session_that_was_asked_can_answer() {
    let mut world = caller_and_provider(true);
    world.hello("thief");
    world.connect("seed thief");
    world.register("thief", "pear");
    call(&mut world, "caller", "mango", 1);
    let (_, id) = taken_by(&mut world, "provider");
    reply(&mut world, "thief", id, "\"stolen\"");
    reply(&mut world, "seed thief", id, "\"stolen\"");
    reply(&mut world, "caller", id, "\"stolen\"");
    assert!(world.sent_to("caller").is_empty());
    assert_eq!(world.stats().replies_dropped, 3);
    reply(&mut world, "provider", id, "\"own\"");
    assert_eq!(world.sent_to("caller"), [r#"{"response":"own","id":1}"#]);
}

#[test]
fn answers_to_nothing_are_dropped_and_counted() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    let (_, id) = taken_by(&mut world, "provider");
    for text in [
        r#"{"response":0,"id":0}"#.to_owned(),
        r#"{"response":0,"id":-1}"#.to_owned(),
        r#"{"response":0,"id":18446744073709551615}"#.to_owned(),
        format!(r#"{{"response":0,"id":"{id}"}}"#),
        format!(r#"{{"response":0,"id":{}}}"#, id + 1),
        format!(r#"{{"response":0,"id":{}}}"#, id + (1 << 21)),
    ] {
        world.send("provider", &text);
    }
    assert_eq!(world.stats().replies_dropped, 6);
    assert!(
        world.sent_to("provider").is_empty(),
        "an answer is not answered"
    );
    reply(&mut world, "provider", id, "1");
    reply(&mut world, "provider", id, "2");
    assert_eq!(world.sent_to("caller"), [r#"{"response":1,"id":1}"#]);
    assert_eq!(world.stats().replies_dropped, 7);
}

/// The likeliest mistake of whoever teaches a provider of the seed dialect to say hello.
#[test]
fn a_reply_without_an_id_is_told_to_its_provider_and_ends_its_calls() {
    for (reply, present) in [
        (r#"{"response":0}"#, "response"),
        (r#"{"response":0,"id":null}"#, "response"),
        (r#"{"error":"no"}"#, "error"),
    ] {
        let mut world = caller_and_provider(true);
        call(&mut world, "caller", "mango", 1);
        taken_by(&mut world, "provider");
        world.send("provider", reply);
        let error = format!(
            r#"{{"error":"a message with \"{present}\" needs \"id\"","code":"malformed"}}"#
        );
        assert_eq!(world.sent_to("provider"), [error]);
        let answer = &world.sent_to("caller")[0];
        assert!(
            answer.contains(r#""code":"provider_gone","id":1"#),
            "{answer}"
        );
    }
}

#[test]
fn an_answer_in_parts_ends_the_call_that_did_not_ask_for_it() {
    for speaks_lines in [true, false] {
        let mut world = caller_and_provider(speaks_lines);
        call(&mut world, "caller", "mango", 1);
        let id = if speaks_lines {
            let (_, id) = taken_by(&mut world, "provider");
            format!(r#","id":{id}"#)
        } else {
            world.sent_to("provider");
            String::new()
        };
        world.send("provider", &format!(r#"{{"response":1,"more":true{id}}}"#));
        let answer = &world.sent_to("caller")[0];
        assert!(answer.contains(r#""code":"unsupported""#), "{answer}");
        // The rest is consumed, and the next call is answered by what belongs to it.
        world.send("provider", &format!(r#"{{"response":2,"more":true{id}}}"#));
        world.send("provider", &format!(r#"{{"response":3{id}}}"#));
        call(&mut world, "caller", "mango", 2);
        let next = world.sent_to("provider");
        assert!(
            next.last().unwrap().contains(r#""object":"mango""#),
            "{next:?}"
        );
        assert!(world.sent_to("caller").is_empty());
    }
}

#[test]
fn a_number_used_again_by_the_table_is_another_call() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    let (_, first) = taken_by(&mut world, "provider");
    reply(&mut world, "provider", first, "1");
    call(&mut world, "caller", "mango", 2);
    let (_, second) = taken_by(&mut world, "provider");
    world.sent_to("caller");
    reply(&mut world, "provider", first, "\"late\"");
    assert!(world.sent_to("caller").is_empty());
    reply(&mut world, "provider", second, "2");
    assert_eq!(world.sent_to("caller"), [r#"{"response":2,"id":2}"#]);
}

#[test]
fn of_a_providers_codes_only_method_not_found_passes() {
    let mut world = caller_and_provider(true);
    for (code, passes) in [
        ("method_not_found", true),
        ("timeout", false),
        ("mine", false),
    ] {
        call(&mut world, "caller", "mango", 1);
        let (_, id) = taken_by(&mut world, "provider");
        world.send(
            "provider",
            &format!(r#"{{"error":{{"n":1}},"code":"{code}","id":{id}}}"#),
        );
        let told = world.values_sent_to("caller");
        assert_eq!(told[0]["error"]["n"], 1);
        assert_eq!(told[0].get("code").is_some(), passes, "{code}");
    }
}

#[test]
fn a_peer_may_call_itself() {
    let mut world = World::new();
    world.hello("peer");
    world.register("peer", "mango");
    call(&mut world, "peer", "mango", 1);
    let (_, id) = taken_by(&mut world, "peer");
    reply(&mut world, "peer", id, "1");
    assert_eq!(world.sent_to("peer"), [r#"{"response":1,"id":1}"#]);
    call(&mut world, "peer", "mango", 2);
    world.disconnect("peer");
    assert_eq!(world.stats().calls_open, 0);
}

#[test]
fn streams_are_refused_for_nobody_serves_them() {
    let mut world = caller_and_provider(true);
    let answer = world.ask(
        "caller",
        r#"{"object":"mango","method":"m","stream":true,"id":1}"#,
    );
    assert_eq!(codes(&[answer]), ["unsupported"]);
    assert!(world.sent_to("provider").is_empty());
}

#[test]
fn messages_that_no_server_takes_are_refused_and_the_connection_lives() {
    let mut world = World::new();
    world.connect("peer");
    for text in [
        r#"{"success":"OK","id":1}"#,
        r#"{"id":1}"#,
        r#"{"hello":"world","id":1}"#,
    ] {
        let answer = world.ask("peer", text);
        assert_eq!(
            (codes(std::slice::from_ref(&answer)), &answer["id"]),
            (vec!["unsupported"], &1.into())
        );
    }
    assert_eq!(codes(&[world.ask("peer", "{}")]), ["unsupported"]);
    assert_eq!(world.closed("peer"), None);
}

#[test]
fn a_call_to_an_invalid_name_says_so() {
    let mut world = World::new();
    world.connect("peer");
    for name in ["", r"a\u0000", r"\ud800", &"x".repeat(256)] {
        let answer = world.ask("peer", &format!(r#"{{"object":"{name}","method":"m"}}"#));
        assert_eq!(codes(&[answer]), ["invalid_name"]);
    }
}
