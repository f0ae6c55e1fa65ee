//! Lists come a page at a time, and a page is bounded whatever peers do.

use std::collections::BTreeSet;

use ipc_core::Limits;
use ipc_testkit::World;
use serde_json::{Value, json};

use crate::codes;

fn page(world: &mut World, method: &str, param: &Value) -> Value {
    let text = format!(r#"{{"object":"ipc","method":"{method}","param":{param},"id":"page"}}"#);
    let mut answer = world.ask("reader", &text);
    assert!(answer["response"].is_object(), "{answer}");
    answer["response"].take()
}

/// All entries, page by page, and how many pages there were; `between` happens after each.
fn walk(
    world: &mut World,
    method: &str,
    mut param: Value,
    mut between: impl FnMut(&mut World),
) -> (Vec<Value>, usize) {
    let (mut entries, mut n_pages) = (Vec::new(), 0);
    loop {
        let mut page = page(world, method, &param);
        entries.append(page[method].as_array_mut().unwrap());
        n_pages += 1;
        param["after"] = page["next"].take();
        if param["after"].is_null() {
            return (entries, n_pages);
        }
        between(world);
    }
}

fn names(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry["object"].as_str().unwrap())
        .collect()
}

fn clients(entries: &[Value]) -> Vec<u64> {
    entries
        .iter()
        .map(|entry| entry["client"].as_u64().unwrap())
        .collect()
}

/// A reader, and this many peers with that many objects each.
fn world(n_peers: usize, n_objects: usize, change: impl FnOnce(&mut Limits)) -> World {
    let mut world = World::limited(change);
    world.hello("reader");
    for peer in 0..n_peers {
        let name = format!("peer {peer}");
        world.hello(&name);
        for object in 0..n_objects {
            world.register(&name, &format!("object {object:03} of {peer:03}"));
        }
    }
    world
}

#[test]
fn a_page_begins_after_any_text_and_has_at_most_as_many_entries_as_wanted() {
    let mut world = world(2, 3, |_| {});
    let all = page(&mut world, "objects", &json!({}));
    assert_eq!(names(all["objects"].as_array().unwrap()).len(), 6);
    assert_eq!(all["next"], Value::Null);
    for (after, limit, first, n_entries, next) in [
        ("", 2, "object 000 of 000", 2, json!("object 000 of 001")),
        (
            "object 000 of 000",
            1,
            "object 000 of 001",
            1,
            json!("object 000 of 001"),
        ),
        ("object 001", 9, "object 001 of 000", 4, json!(null)),
        ("object 002 of 000", 1, "object 002 of 001", 1, json!(null)),
    ] {
        let page = page(
            &mut world,
            "objects",
            &json!({"after": after, "limit": limit}),
        );
        let entries = page["objects"].as_array().unwrap();
        assert_eq!(
            (entries.len(), names(entries)[0]),
            (n_entries, first),
            "{after}"
        );
        assert_eq!(page["next"], next, "{after}");
    }
    let past = page(&mut world, "objects", &json!({"after": "z"}));
    assert_eq!(past, json!({"objects": [], "next": null}));
}

#[test]
fn numbers_may_be_written_in_any_way_and_null_is_absent() {
    let mut world = world(1, 3, |_| {});
    for limit in ["2", "2.0", "2e0", "0.2e1"] {
        let text = format!(
            r#"{{"object":"ipc","method":"objects","param":{{"limit":{limit},"after":null,"client":null}},"id":1}}"#
        );
        let answer = world.ask("reader", &text);
        assert_eq!(
            answer["response"]["objects"].as_array().unwrap().len(),
            2,
            "{limit}"
        );
    }
    for param in ["null", "{}"] {
        let text = format!(r#"{{"object":"ipc","method":"clients","param":{param},"id":1}}"#);
        assert_eq!(
            world.ask("reader", &text)["response"]["clients"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
    }
    for (method, param) in [
        ("objects", r#"{"limit":0}"#),
        ("objects", r#"{"limit":-1}"#),
        ("objects", r#"{"limit":1.5}"#),
        ("objects", r#"{"limit":"2"}"#),
        ("objects", r#"{"after":7}"#),
        ("objects", r#"{"client":"7"}"#),
        ("objects", r#"[]"#),
        ("clients", r#"{"after":"7"}"#),
        ("clients", r#"{"limit":0.0}"#),
        ("clients", r#"{"object":1}"#),
        ("clients", r#""x""#),
    ] {
        let text = format!(r#"{{"object":"ipc","method":"{method}","param":{param},"id":1}}"#);
        assert_eq!(
            codes(&[world.ask("reader", &text)]),
            ["invalid_option"],
            "{text}"
        );
    }
    let text = r#"{"object":"ipc","method":"clients","param":{"object":""},"id":1}"#;
    assert_eq!(codes(&[world.ask("reader", text)]), ["invalid_name"]);
}

#[test]
fn a_page_has_no_more_entries_and_bytes_than_the_server_says() {
    let mut by_count = world(3, 5, |limits| limits.page_entries = 4);
    let (entries, n_pages) = walk(&mut by_count, "objects", json!({"limit": 1000}), |_| {});
    assert_eq!((entries.len(), n_pages), (15, 4));

    let mut by_bytes = world(3, 5, |limits| limits.page_bytes = 500);
    let first = page(&mut by_bytes, "objects", &json!({}));
    assert!(first.to_string().len() < 600, "{first}");
    assert!(1 < first["objects"].as_array().unwrap().len());
    let (entries, n_pages) = walk(&mut by_bytes, "objects", json!({}), |_| {});
    assert!(entries.len() == 15 && 3 < n_pages, "{n_pages}");

    let mut one_each = world(3, 5, |limits| limits.page_bytes = 1);
    for method in ["objects", "clients"] {
        let (entries, n_pages) = walk(&mut one_each, method, json!({}), |_| {});
        assert_eq!(
            entries.len(),
            n_pages,
            "an entry that is too long stands alone"
        );
    }
}

#[test]
fn both_dialects_get_the_same_pages() {
    let mut world = world(2, 4, |limits| limits.page_entries = 3);
    world.connect("seed");
    let text = r#"{"object":"ipc","method":"objects","param":{"after":"object 000 of 001"}}"#;
    assert_eq!(world.ask("seed", text), world.ask("reader", text));
    let page = world.ask("seed", r#"{"object":"ipc","method":"objects"}"#);
    assert_eq!(page["response"]["next"], "object 001 of 000");
}

#[test]
fn what_stands_all_the_time_is_listed_once_whatever_comes_and_goes_between_pages() {
    for limit in 1..8 {
        let mut world = world(1, 40, |_| {});
        for peer in ["here", "there"] {
            world.hello(peer);
        }
        let (mut n_changes, mut is_here) = (0, true);
        let (entries, _) = walk(&mut world, "objects", json!({"limit": limit}), |world| {
            // Names before, within and after every page come and go.
            n_changes += 1;
            let (from, to) = if is_here {
                ("here", "there")
            } else {
                ("there", "here")
            };
            is_here = !is_here;
            for n in (0..40).step_by(3) {
                let name = format!("object {n:03} of 000 {}", n_changes % 2);
                world.register_as(to, &name, "replace");
                let old = format!("object {n:03} of 000 {}", (n_changes + 1) % 2);
                let text = format!(
                    r#"{{"object":"ipc","method":"unregister","param":{{"object":"{old}"}},"id":0}}"#
                );
                world.ask(from, &text);
            }
        });
        let listed = names(&entries);
        let standing: Vec<_> = (0..40).map(|n| format!("object {n:03} of 000")).collect();
        let seen: Vec<_> = listed
            .iter()
            .filter(|name| name.ends_with("of 000"))
            .collect();
        assert_eq!(seen, standing.iter().collect::<Vec<_>>(), "{limit}");
        assert!(listed.is_sorted_by(|a, b| a < b), "nothing comes twice");
    }
}

#[test]
fn clients_that_stay_are_listed_once_while_others_come_and_go() {
    let mut world = world(30, 0, |_| {});
    let staying: BTreeSet<_> = (0..30)
        .filter(|n| n % 2 == 0)
        .map(|n| world.client(&format!("peer {n}")))
        .collect();
    let mut n_gone = 1;
    let (entries, n_pages) = walk(&mut world, "clients", json!({"limit": 3}), |world| {
        if n_gone < 30 {
            // Its slot is taken by the next one, whose number is new.
            world.disconnect(&format!("peer {n_gone}"));
            world.connect(&format!("late {n_gone}"));
            n_gone += 2;
        }
    });
    let listed = clients(&entries);
    assert!(5 < n_pages);
    assert!(listed.is_sorted_by(|a, b| a < b), "{listed:?}");
    assert!(
        staying.iter().all(|client| listed.contains(client)),
        "{listed:?}"
    );
}

#[test]
fn an_entry_names_some_and_says_how_many_more_there_are() {
    let mut world = world(0, 0, |limits| limits.entry_items = 2);
    for n in 0..5 {
        world.hello(&format!("peer {n}"));
        world.register_as(&format!("peer {n}"), "m", "shared");
    }
    for n in 5..9 {
        world.hello(&format!("peer {n}"));
        world.register_as(&format!("peer {n}"), "m", "queue");
    }
    for object in ["x", "y", "z"] {
        world.register("peer 0", object);
    }
    let peers = |world: &World, of: [usize; 2]| {
        let peer = |n: usize| {
            let name = format!("peer {n}");
            json!({"client": world.client(&name), "name": name})
        };
        json!(of.map(peer))
    };
    let object = page(&mut world, "objects", &json!({"limit": 1}))["objects"][0].take();
    assert_eq!(object["providers"], peers(&world, [0, 1]));
    assert_eq!(object["standby"], peers(&world, [5, 6]));
    assert_eq!(
        (&object["more_providers"], &object["more_standby"]),
        (&json!(3), &json!(2))
    );
    let text = r#"{"object":"ipc","method":"describe","param":{"object":"m"},"id":1}"#;
    let described = world.ask("reader", text)["response"].take();
    assert_eq!(described["more_providers"], 3);
    let after = world.client("reader");
    let mut client = page(&mut world, "clients", &json!({"after": after}));
    let client = client["clients"][0].take();
    assert_eq!(
        (&client["objects"], &client["more_objects"]),
        (&json!(["m", "x"]), &json!(2))
    );

    // And where the others are.
    let client = world.client("peer 0");
    let (objects, _) = walk(
        &mut world,
        "objects",
        json!({"client": client, "limit": 1}),
        |_| {},
    );
    assert_eq!(names(&objects), ["m", "x", "y", "z"]);
    let (of_m, _) = walk(
        &mut world,
        "clients",
        json!({"object": "m", "limit": 2}),
        |_| {},
    );
    let everybody: Vec<_> = (0..9).map(|n| world.client(&format!("peer {n}"))).collect();
    assert_eq!(clients(&of_m), everybody);
    for param in [
        json!({"client": 999}),
        json!({"client": world.client("reader")}),
    ] {
        let none = page(&mut world, "objects", &param);
        assert_eq!(none, json!({"objects": [], "next": null}));
    }
    let none = page(&mut world, "clients", &json!({"object": "nobody"}));
    assert_eq!(none, json!({"clients": [], "next": null}));
}

#[test]
fn no_answer_of_the_server_grows_with_what_peers_register() {
    let mut world = world(0, 0, |_| {});
    // The longest names, of characters that JSON writes as two.
    let name = |n: usize| format!("{}{n:03}", r#"\""#.repeat(252));
    for n in 0..200 {
        let peer = format!("peer {n}");
        world.connect(&peer);
        let hello = format!(
            r#"{{"object":"ipc","method":"hello","param":{{"name":"{}"}},"id":0}}"#,
            name(n)
        );
        world.ask(&peer, &hello);
        let mode = if n < 100 { "shared" } else { "queue" };
        world.register_as(&peer, "popular", mode);
    }
    world.hello("rich");
    for n in 0..256 {
        world.register("rich", &name(n));
    }
    let limits = Limits::default();
    for (method, param) in [
        ("objects", json!({})),
        ("objects", json!({"client": world.client("rich")})),
        ("clients", json!({})),
        ("clients", json!({"object": "popular"})),
        ("describe", json!({"object": "popular"})),
        ("stats", json!({})),
    ] {
        let text = format!(r#"{{"object":"ipc","method":"{method}","param":{param},"id":0}}"#);
        world.send("reader", &text);
        let n_bytes = world.sent_to("reader").concat().len();
        assert!(
            n_bytes < limits.page_bytes + 1024,
            "{method} {param}: {n_bytes}"
        );
    }
    let (entries, _) = walk(&mut world, "objects", json!({}), |_| {});
    assert_eq!(entries.len(), 257);
}
