//! What serializers of other languages write is understood, and a wrong option is declined without
//! harm to anything else.

use ipc_core::CloseReason;
use ipc_testkit::World;
use serde_json::Value;

use crate::{call, call_in_turn, caller_and_provider, codes, reply, taken_by};

/// All the ways in which one whole number may come back.
fn forms(number: u64) -> Vec<String> {
    let digits = number.to_string();
    let (first, rest) = digits.split_at(1);
    let exponent = rest.len();
    let rest = if rest.is_empty() { "0" } else { rest };
    vec![
        digits.clone(),
        format!("{digits}.0"),
        format!("{digits}.000"),
        format!("{digits}e0"),
        format!("{digits}0E-1"),
        format!("{first}.{rest}e{exponent}"),
        format!("{first}.{rest}E+{exponent}"),
    ]
}

#[test]
fn a_reply_with_a_null_beside_its_answer_reaches_its_caller() {
    for (answer, expected) in [
        (r#""response":3,"error":null"#, r#"{"response":3,"id":1}"#),
        (
            r#""response":null,"error":"no""#,
            r#"{"error":"no","id":1}"#,
        ),
        (
            r#""response":null,"error":null,"code":null"#,
            r#"{"response":null,"id":1}"#,
        ),
        (r#""error":null"#, r#"{"error":null,"id":1}"#),
        (
            r#""object":null,"method":null,"list":null,"event":null,"result":null,"response":[null],"more":null"#,
            r#"{"response":[null],"id":1}"#,
        ),
    ] {
        for provider_says_hello in [true, false] {
            let mut world = caller_and_provider(provider_says_hello);
            call(&mut world, "caller", "mango", 1);
            let told = world.values_sent_to("provider");
            // In the seed dialect the call has no id, and a null counts as none.
            let id = &told[0]["id"];
            world.send("provider", &format!(r#"{{{answer},"id":{id}}}"#));
            assert_eq!(world.sent_to("caller"), [expected]);
            assert!(world.is_open("provider"));
        }
    }
}

#[test]
fn requests_of_a_struct_that_writes_every_key_are_those_without_the_nulls() {
    let mut world = caller_and_provider(true);
    let others = r#""list":null,"event_name":null,"event":null,"result":null,"response":null,
        "error":null,"success":null,"mode":null,"interface":null,"match":null,"stream":null,
        "retain":null,"timeout_ms":null,"headers":null,"code":null,"more":null"#;
    let call = format!(
        r#"{{"reg_object":null,"object":"mango","method":"m","param":null,{others},"id":1}}"#
    );
    world.send("caller", &call);
    let told = world.values_sent_to("provider").remove(0);
    let expected = serde_json::json!({"object":"mango","method":"m","param":null,"id":told["id"]});
    assert_eq!(told, expected);
    let register =
        format!(r#"{{"reg_object":"pear","object":null,"method":null,{others},"id":2}}"#);
    assert_eq!(world.ask("caller", &register)["success"], "OK");
    let hello =
        r#"{"object":"ipc","method":"hello","param":{"protocol":null,"name":null},"id":null}"#;
    world.connect("new");
    assert_eq!(world.ask("new", hello)["response"]["protocol"], 1);
}

#[test]
fn a_provider_may_give_the_servers_id_back_as_any_form_of_that_number() {
    let mut world = caller_and_provider(true);
    for n in 0..forms(7).len() {
        call(&mut world, "caller", "mango", 1);
        let (_, id) = taken_by(&mut world, "provider");
        let id = &forms(id)[n];
        world.send("provider", &format!(r#"{{"response":"{id}","id":{id}}}"#));
        assert_eq!(
            world.sent_to("caller"),
            [format!(r#"{{"response":"{id}","id":1}}"#)]
        );
    }
    assert_eq!(world.stats().replies_dropped, 0);
}

#[test]
fn an_id_comes_back_as_it_was_written() {
    let mut world = caller_and_provider(true);
    for id in [
        "7",
        "7.0",
        "0.70e+1",
        "-0",
        "-0.0",
        "1.5",
        "-3",
        "1e400",
        "\"\\u0061\"",
        "18446744073709551616",
    ] {
        world.send(
            "caller",
            &format!(r#"{{"object":"mango","method":"m","param":0,"id":{id}}}"#),
        );
        let (_, number) = taken_by(&mut world, "provider");
        reply(&mut world, "provider", number, "1");
        assert_eq!(
            world.sent_to("caller"),
            [format!(r#"{{"response":1,"id":{id}}}"#)]
        );
        let ping = format!(r#"{{"object":"ipc","method":"ping","id":{id}}}"#);
        world.send("caller", &ping);
        let pong = format!(r#"{{"response":{{"pong":true}},"id":{id}}}"#);
        assert_eq!(world.sent_to("caller"), [pong]);
    }
}

#[test]
fn two_forms_of_one_whole_number_are_one_id() {
    for (first, second) in [("7", "7.0"), ("7.0", "7"), ("7e0", "70e-1"), ("0", "-0.0")] {
        let mut world = caller_and_provider(true);
        let text = |id| format!(r#"{{"object":"mango","method":"m","param":0,"id":{id}}}"#);
        world.send("caller", &text(first));
        let refused = world.ask("caller", &text(second));
        assert_eq!(codes(&[refused]), ["duplicate_id"], "{first} {second}");
        let cancel =
            format!(r#"{{"object":"ipc","method":"cancel","param":{{"id":{second}}},"id":"c"}}"#);
        world.send("caller", &cancel);
        let told = world.sent_to("caller");
        let cancelled =
            format!(r#"{{"error":"the caller cancelled it","code":"cancelled","id":{first}}}"#);
        assert_eq!(told[0], cancelled);
        assert_eq!(told[1], r#"{"response":{"cancelled":true},"id":"c"}"#);
        // What ended is in flight no more, in either form.
        world.send("caller", &text(second));
        assert_eq!(world.stats().calls_open, 1);
    }
}

#[test]
fn numbers_of_requests_are_whole_however_they_are_written() {
    for form in forms(1000) {
        let mut world = caller_and_provider(true);
        world.send(
            "caller",
            &format!(r#"{{"object":"mango","method":"m","timeout_ms":{form},"id":1}}"#),
        );
        assert_eq!(
            world.values_sent_to("provider")[0]["timeout_ms"].to_string(),
            "1000"
        );
        world.send(
            "caller",
            &format!(r#"{{"list":["pear"],"timeout_ms":{form},"id":2}}"#),
        );
        world.advance(999);
        assert!(world.sent_to("caller").is_empty());
        world.advance(1);
        let told = world.values_sent_to("caller");
        assert_eq!(codes(&told), ["timeout", "none"]);
        assert_eq!(told[1]["missing"][0], "pear");
    }
    for protocol in forms(1) {
        let mut world = World::new();
        world.connect("peer");
        let hello =
            format!(r#"{{"object":"ipc","method":"hello","param":{{"protocol":{protocol}}}}}"#);
        assert_eq!(
            world.ask("peer", &hello)["response"]["protocol"],
            1,
            "{protocol}"
        );
    }
    for (protocol, code) in [
        ("2.0", "unsupported"),
        ("1.5", "invalid_option"),
        ("-1", "invalid_option"),
        ("\"1\"", "invalid_option"),
    ] {
        let mut world = World::new();
        world.connect("peer");
        let hello =
            format!(r#"{{"object":"ipc","method":"hello","param":{{"protocol":{protocol}}}}}"#);
        assert_eq!(codes(&[world.ask("peer", &hello)]), [code], "{protocol}");
    }
}

/// Requests with one wrong value each, the code that they are declined with, and the key that is
/// to blame.
const WRONG: [(&str, &str, &str); 26] = [
    (
        r#""object":"mango","method":"m","timeout_ms":"soon""#,
        "invalid_option",
        "timeout_ms",
    ),
    (
        r#""object":"mango","method":"m","timeout_ms":0.5"#,
        "invalid_option",
        "timeout_ms",
    ),
    (
        r#""object":"mango","method":"m","timeout_ms":-1"#,
        "invalid_option",
        "timeout_ms",
    ),
    (
        r#""object":"mango","method":"m","timeout_ms":1e99"#,
        "invalid_option",
        "timeout_ms",
    ),
    (
        r#""object":"mango","method":"m","headers":[]"#,
        "invalid_option",
        "headers",
    ),
    (
        r#""object":"mango","method":"m","stream":"x""#,
        "invalid_option",
        "stream",
    ),
    (
        r#""object":"ipc","method":"ping","timeout_ms":[]"#,
        "invalid_option",
        "timeout_ms",
    ),
    (r#""object":5,"method":"m""#, "invalid_name", "object"),
    (r#""object":"mango","method":[]"#, "invalid_name", "method"),
    (
        r#""list":["pear"],"timeout_ms":{}"#,
        "invalid_option",
        "timeout_ms",
    ),
    (r#""list":"calc""#, "invalid_name", "list"),
    (r#""list":{}"#, "invalid_name", "list"),
    (r#""list":["a",null]"#, "invalid_name", "list"),
    (r#""reg_object":"pear","mode":7"#, "invalid_option", "mode"),
    (
        r#""reg_object":"pear","mode":"sharde""#,
        "invalid_option",
        "mode",
    ),
    (
        r#""reg_object":"pear","mode":"\ud800""#,
        "invalid_option",
        "mode",
    ),
    (
        r#""reg_object":"pear","interface":[]"#,
        "invalid_option",
        "interface",
    ),
    (r#""reg_object":["pear"]"#, "invalid_name", "reg_object"),
    (r#""event_name":"e","match":1"#, "invalid_option", "match"),
    (
        r#""event_name":"e","match":"glob""#,
        "invalid_option",
        "match",
    ),
    (r#""event_name":{}"#, "invalid_name", "event_name"),
    (
        r#""event":"e","result":1,"retain":"yes""#,
        "invalid_option",
        "retain",
    ),
    (r#""event":7,"result":1"#, "invalid_name", "event"),
    (
        r#""object":"ipc","method":"describe","param":{"object":5}"#,
        "invalid_option",
        "object",
    ),
    (
        r#""object":"ipc","method":"unlisten","param":{"event":"e","match":true}"#,
        "invalid_option",
        "match",
    ),
    (
        r#""object":"ipc","method":"hello","param":[]"#,
        "invalid_option",
        "param",
    ),
];

#[test]
fn a_wrong_option_declines_its_request_and_harms_nothing_else() {
    for (request, code, key) in WRONG {
        let mut world = caller_and_provider(true);
        world.listen("caller", "e");
        call(&mut world, "caller", "mango", 1);
        let (_, id) = taken_by(&mut world, "provider");
        let answer = world.ask("caller", &format!(r#"{{{request},"id":"w"}}"#));
        assert_eq!(codes(std::slice::from_ref(&answer)), [code], "{request}");
        assert_eq!(answer["id"], "w", "{request}");
        let text = answer["error"].as_str().unwrap();
        assert!(
            text.contains(&format!("\"{key}\"")) && text.contains("must be"),
            "{request}: {text}"
        );
        assert!(world.sent_to("provider").is_empty(), "{request}");
        reply(&mut world, "provider", id, "5");
        assert_eq!(world.sent_to("caller"), [r#"{"response":5,"id":1}"#]);
        assert_eq!(
            (world.stats().refusals, world.stats().faults),
            (1, 0),
            "{request}"
        );
    }
}

#[test]
fn a_wrong_option_without_an_id_is_told_in_its_turn() {
    for (request, code, _) in WRONG {
        let mut world = caller_and_provider(true);
        world.connect("seed");
        call_in_turn(&mut world, "seed", "mango", 1);
        let (_, id) = taken_by(&mut world, "provider");
        world.send("seed", &format!("{{{request}}}"));
        world.send("seed", r#"{"object":"ipc","method":"ping"}"#);
        assert!(world.sent_to("seed").is_empty(), "{request}");
        reply(&mut world, "provider", id, "5");
        let told = world.values_sent_to("seed");
        assert_eq!(told[0]["response"], 5, "{request}");
        assert_eq!(codes(&told[1..2]), [code], "{request}");
        assert_eq!(told[2]["response"]["pong"], true, "{request}");
    }
}

#[test]
fn an_id_of_a_wrong_type_or_length_declines_its_request_in_its_turn() {
    let long = format!("\"{}\"", "x".repeat(63));
    for id in ["true", "[1]", "{}", &long, &"9".repeat(65)] {
        for says_hello in [true, false] {
            let mut world = caller_and_provider(true);
            world.connect("peer");
            if says_hello {
                world.send("peer", r#"{"object":"ipc","method":"hello"}"#);
                world.sent_to("peer");
            }
            for request in [
                r#""object":"mango","method":"m""#,
                r#""reg_object":"pear""#,
                r#""list":["mango"]"#,
                r#""event_name":"e""#,
                r#""event":"e","result":1"#,
                r#""unknown":1"#,
            ] {
                let answer = world.ask("peer", &format!(r#"{{{request},"id":{id}}}"#));
                assert_eq!(
                    codes(std::slice::from_ref(&answer)),
                    ["invalid_option"],
                    "{request} {id}"
                );
                assert_eq!(answer.get("id"), None);
                assert!(
                    answer["error"].as_str().unwrap().starts_with("\"id\" is "),
                    "{answer}"
                );
            }
            assert!(world.sent_to("provider").is_empty());
            let pong: Value = world.ask("peer", r#"{"object":"ipc","method":"ping"}"#);
            assert_eq!(pong["response"]["pong"], true);
        }
    }
}

#[test]
fn what_is_wrong_beside_an_answer_does_not_keep_it_from_its_caller() {
    for beside in [
        r#""code":404"#,
        r#""code":{}"#,
        r#""more":"no""#,
        r#""more":0"#,
        r#""timeout_ms":"x""#,
    ] {
        for provider_says_hello in [true, false] {
            let mut world = caller_and_provider(provider_says_hello);
            call(&mut world, "caller", "mango", 1);
            let id = world.values_sent_to("provider")[0]["id"].clone();
            world.send(
                "provider",
                &format!(r#"{{"error":"no",{beside},"id":{id}}}"#),
            );
            assert_eq!(
                world.sent_to("caller"),
                [r#"{"error":"no","id":1}"#],
                "{beside}"
            );
            assert!(world.is_open("provider"));
        }
    }
}

#[test]
fn a_reply_whose_id_is_no_id_ends_its_connection_and_leaves_no_caller_waiting() {
    for id in ["[1]", "{}", "true", &format!("\"{}\"", "x".repeat(63))] {
        for provider_says_hello in [true, false] {
            let mut world = caller_and_provider(provider_says_hello);
            call(&mut world, "caller", "mango", 1);
            call(&mut world, "caller", "mango", 2);
            world.sent_to("provider");
            world.send("provider", &format!(r#"{{"response":1,"id":{id}}}"#));
            assert_eq!(codes(&world.values_sent_to("caller")), ["provider_gone"; 2]);
            let told = world.values_sent_to("provider");
            assert_eq!(codes(&told), ["malformed"]);
            assert!(
                told[0]["error"]
                    .as_str()
                    .unwrap()
                    .starts_with("\"id\" must be"),
                "{told:?}"
            );
            assert_eq!(world.closed("provider"), Some(CloseReason::Fault));
        }
    }
}

#[test]
fn the_one_code_of_providers_is_known_however_its_text_is_escaped() {
    for (code, passes) in [
        (r#""method_not_found""#, true),
        (r#""method\u005fnot\u005Ffound""#, true),
        (r#""busy""#, false),
        (r#""\ud800""#, false),
    ] {
        let mut world = caller_and_provider(true);
        call(&mut world, "caller", "mango", 1);
        let (_, id) = taken_by(&mut world, "provider");
        world.send(
            "provider",
            &format!(r#"{{"error":"no","code":{code},"id":{id}}}"#),
        );
        let expected = if passes { "method_not_found" } else { "none" };
        assert_eq!(codes(&world.values_sent_to("caller")), [expected], "{code}");
    }
}
