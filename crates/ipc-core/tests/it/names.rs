//! Names that may not be.

use ipc_testkit::World;

use crate::codes;

const INVALID: [&str; 5] = ["", r"\u0000", r"a\nb", r"\u001b[31m", r"\ud800"];

#[test]
fn an_invalid_name_is_refused_wherever_it_stands() {
    let long = "x".repeat(256);
    let mut world = World::new();
    world.connect("peer");
    for name in INVALID.iter().chain([&long.as_str()]) {
        for text in [
            format!(r#"{{"reg_object":"{name}"}}"#),
            format!(r#"{{"list":["{name}"]}}"#),
            format!(r#"{{"event_name":"{name}"}}"#),
            format!(r#"{{"event_name":"{name}","match":"pattern"}}"#),
            format!(r#"{{"event":"{name}","result":1}}"#),
        ] {
            assert_eq!(
                codes(&[world.ask("peer", &text)]),
                ["invalid_name"],
                "{text}"
            );
        }
    }
    assert_eq!(world.closed("peer"), None);
}

#[test]
fn the_longest_name_is_taken() {
    let mut world = World::new();
    world.connect("peer");
    let name = "x".repeat(255);
    world.register("peer", &name);
    world.listen("peer", &name);
    assert!(world.sent_to("peer").is_empty());
}

#[test]
fn a_name_is_what_it_says_however_it_is_escaped() {
    let mut world = World::new();
    world.hello("provider");
    world.register("provider", r"m\u0061ngo");
    world.connect("caller");
    world.send("caller", r#"{"object":"mang\u006f","method":"m"}"#);
    let told = world.sent_to("provider");
    assert!(
        told[0].starts_with(r#"{"object":"mang\u006f","method":"m""#),
        "verbatim: {told:?}"
    );
}

#[test]
fn the_servers_names_are_reserved() {
    let mut world = World::new();
    world.connect("seed");
    world.hello("lines");
    for text in [
        r#"{"reg_object":"ipc"}"#,
        r#"{"reg_object":"\u0069pc"}"#,
        r#"{"reg_object":"ipc.x"}"#,
        r#"{"reg_object":"ipc."}"#,
        r#"{"reg_object":"\u0069pc\u002ex","mode":"queue"}"#,
        r#"{"reg_object":"ipc.object.registered","mode":"replace"}"#,
        r#"{"reg_object":"ipc.x","mode":"shared","id":1}"#,
        r#"{"event":"ipc","result":{}}"#,
        r#"{"event":"ipc.object.registered","result":{}}"#,
        r#"{"event":"ipc.","result":{}}"#,
        r#"{"event":"\u0069pc.cancel","result":{"id":1}}"#,
    ] {
        for peer in ["seed", "lines"] {
            assert_eq!(codes(&[world.ask(peer, text)]), ["denied"], "{text}");
        }
    }
    for name in ["ipc2", "ipc-x", "IPC.x", ".ipc", "x.ipc"] {
        world.register("lines", name);
        let event = format!(r#"{{"event":"{name}","result":1,"id":1}}"#);
        assert_eq!(world.ask("lines", &event)["delivered"], 0);
    }
}

#[test]
fn an_object_under_ipc_is_found_by_nobody() {
    let mut world = World::new();
    world.connect("peer");
    for (text, code) in [
        (r#"{"object":"ipc.x","method":"m"}"#, "object_not_found"),
        (
            r#"{"object":"ipc","method":"describe","param":{"object":"ipc.x"}}"#,
            "object_not_found",
        ),
        (
            r#"{"object":"ipc","method":"unregister","param":{"object":"ipc.x"}}"#,
            "not_owner",
        ),
    ] {
        assert_eq!(codes(&[world.ask("peer", text)]), [code], "{text}");
    }
    let missing = world.ask("peer", r#"{"list":["ipc","ipc.x"],"timeout_ms":0}"#);
    assert_eq!(missing["missing"], serde_json::json!(["ipc.x"]));
}

#[test]
fn what_is_said_of_a_wrong_name_does_not_grow_with_it() {
    let mut world = World::new();
    world.connect("peer");
    let long = "\\\"\\u202e".repeat(100_000);
    for text in [
        format!(r#"{{"object":"ipc","method":"{long}"}}"#),
        format!(r#"{{"object":"ipc","method":"hello","param":{{"protocol":"{long}"}}}}"#),
        format!(r#"{{"object":"ipc","method":"describe","param":{{"object":"{long}"}}}}"#),
        format!(r#"{{"object":"ipc","method":"unregister","param":{{"object":"{long}"}}}}"#),
        format!(r#"{{"object":"ipc","method":"unlisten","param":{{"event":"{long}"}}}}"#),
        format!(r#"{{"object":"ipc","method":"clients","param":{{"object":"{long}"}}}}"#),
        format!(r#"{{"object":"ipc","method":"objects","param":{{"limit":"{long}"}}}}"#),
        format!(r#"{{"reg_object":"a","mode":"{long}"}}"#),
        format!(r#"{{"list":["{long}"]}}"#),
        format!(r#"{{"event_name":"{long}","match":"pattern"}}"#),
    ] {
        world.send("peer", &text);
        let told = world.sent_to("peer").concat();
        assert!(told.contains("\"code\""), "{}", &text[..60]);
        assert!(
            told.len() < 10_000,
            "{} bytes of {}",
            told.len(),
            &text[..60]
        );
    }
}

#[test]
fn a_list_holds_names_and_nothing_else() {
    let mut world = World::new();
    world.connect("peer");
    for text in [
        r#"{"list":[1]}"#,
        r#"{"list":["a",null]}"#,
        r#"{"list":[["a"]]}"#,
    ] {
        assert_eq!(
            codes(&[world.ask("peer", text)]),
            ["invalid_name"],
            "{text}"
        );
    }
}

#[test]
fn a_pattern_has_at_most_32_tokens_and_no_wildcard_within_one() {
    let mut world = World::new();
    world.connect("peer");
    let tokens = |n: usize| vec!["a"; n].join(".");
    for (pattern, is_ok) in [
        ("a..b".to_owned(), true),
        (".".to_owned(), true),
        (".".repeat(32), false),
        ("a*".to_owned(), false),
        ("room/+".to_owned(), false),
        (">.a".to_owned(), false),
        (tokens(33), false),
        (tokens(32), true),
    ] {
        let text = format!(r#"{{"event_name":"{pattern}","match":"pattern","id":1}}"#);
        let code = if is_ok { "none" } else { "invalid_name" };
        assert_eq!(codes(&[world.ask("peer", &text)]), [code], "{pattern}");
    }
    let answer = world.ask(
        "peer",
        r#"{"event_name":"room/\u002b/temp","match":"pattern"}"#,
    );
    assert_eq!(
        answer["error"],
        "'+' is not a wildcard here; write 'room.*.temp', with dots between the tokens"
    );
    let literal = r#"{"event_name":"room/+/a*","id":1}"#;
    assert_eq!(world.ask("peer", literal)["success"], "OK");
    let other = r#"{"event_name":"a","match":"regex"}"#;
    assert_eq!(codes(&[world.ask("peer", other)]), ["invalid_option"]);
}

#[test]
fn an_escaped_name_is_taken_once() {
    let mut world = World::new();
    world.connect("one");
    world.connect("other");
    world.register("one", r"m\u0061ngo");
    let answer = world.ask("other", r#"{"reg_object":"mango"}"#);
    assert_eq!(codes(&[answer]), ["name_taken"]);
}
