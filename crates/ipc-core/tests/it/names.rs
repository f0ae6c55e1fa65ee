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
    world.connect("peer");
    for text in [
        r#"{"reg_object":"ipc"}"#,
        r#"{"reg_object":"\u0069pc"}"#,
        r#"{"event":"ipc.object.registered","result":{}}"#,
        r#"{"event":"ipc.","result":{}}"#,
        r#"{"event":"\u0069pc.cancel","result":{"id":1}}"#,
    ] {
        assert_eq!(codes(&[world.ask("peer", text)]), ["denied"], "{text}");
    }
    world.register("peer", "ipc2");
    world.register("peer", "ipc.x");
    assert_eq!(
        world.ask("peer", r#"{"event":"ipc","result":1,"id":1}"#)["delivered"],
        0
    );
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
fn a_pattern_has_no_empty_token_and_at_most_32() {
    let mut world = World::new();
    world.connect("peer");
    let tokens = |n: usize| vec!["a"; n].join(".");
    for (pattern, is_ok) in [
        ("a..b".to_owned(), false),
        (">.a".to_owned(), false),
        (tokens(33), false),
        (tokens(32), true),
    ] {
        let text = format!(r#"{{"event_name":"{pattern}","match":"pattern","id":1}}"#);
        let code = if is_ok { "none" } else { "invalid_name" };
        assert_eq!(codes(&[world.ask("peer", &text)]), [code], "{pattern}");
    }
    let other = r#"{"event_name":"a","match":"regex"}"#;
    assert_eq!(codes(&[world.ask("peer", other)]), ["unsupported"]);
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
