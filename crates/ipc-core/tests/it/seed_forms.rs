//! The five messages of the seed system, to the byte.

use ipc_testkit::World;

#[test]
fn registering_is_answered_ok() {
    let mut world = World::new();
    world.connect("provider");
    world.send("provider", r#"{"reg_object":"calc"}"#);
    assert_eq!(world.writes_to("provider"), [r#"{"success":"OK"}"#]);
}

#[test]
fn a_call_travels_there_and_back_without_an_id() {
    let mut world = World::new();
    world.connect("provider");
    world.connect("caller");
    world.register("provider", "calc");
    world.send(
        "caller",
        r#"{"object":"calc","method":"add","param":{"b":1.50,"a":1}}"#,
    );
    let forwarded = r#"{"object":"calc","method":"add","param":{"b":1.50,"a":1}}"#;
    assert_eq!(world.writes_to("provider").last().unwrap(), forwarded);
    world.send("provider", r#"{"response":3e0}"#);
    assert_eq!(world.writes_to("caller"), [r#"{"response":3e0}"#]);
}

#[test]
fn an_absent_param_stays_absent() {
    let mut world = World::new();
    world.connect("provider");
    world.connect("caller");
    world.register("provider", "calc");
    world.send("caller", r#"{"object":"calc","method":"now"}"#);
    assert_eq!(
        world.writes_to("provider").last().unwrap(),
        r#"{"object":"calc","method":"now"}"#
    );
    world.send("provider", r#"{"error":{"why":[1,2]}}"#);
    assert_eq!(world.writes_to("caller"), [r#"{"error":{"why":[1,2]}}"#]);
}

#[test]
fn a_wait_is_answered_with_the_list_when_all_are_there() {
    let mut world = World::new();
    world.connect("provider");
    world.connect("waiter");
    world.register("provider", "calc");
    world.register("provider", "log");
    world.send("waiter", r#"{"list":["calc","log"]}"#);
    assert_eq!(world.writes_to("waiter"), [r#"{"list":["calc","log"]}"#]);
}

#[test]
fn listen_and_event_are_answered_by_nothing() {
    let mut world = World::new();
    world.connect("listener");
    world.connect("publisher");
    world.listen("listener", "temp");
    world.send("publisher", r#"{"event":"temp","result":21.5}"#);
    assert_eq!(
        world.writes_to("listener"),
        [r#"{"event":"temp","result":21.5}"#]
    );
    assert!(world.writes_to("publisher").is_empty());
}

#[test]
fn an_object_that_nobody_has_is_told_in_seed_words() {
    let mut world = World::new();
    world.connect("caller");
    world.send("caller", r#"{"object":"calc","method":"add"}"#);
    assert_eq!(
        world.writes_to("caller"),
        [r#"{"error":"Object not found","code":"object_not_found"}"#]
    );
}

#[test]
fn a_provider_that_left_is_told_in_seed_words() {
    let mut world = World::new();
    world.connect("provider");
    world.connect("caller");
    world.register("provider", "calc");
    world.send("caller", r#"{"object":"calc","method":"add"}"#);
    world.disconnect("provider");
    assert_eq!(
        world.writes_to("caller"),
        [r#"{"error":"client connection error","code":"provider_gone"}"#]
    );
}

#[test]
fn the_server_never_writes_two_seed_messages_in_one() {
    let mut world = World::new();
    world.connect("listener");
    world.connect("publisher");
    world.listen("listener", "temp");
    world.stop_reading("listener");
    for n in 0..3 {
        world.send("publisher", &format!(r#"{{"event":"temp","result":{n}}}"#));
    }
    world.read_on("listener");
    assert_eq!(world.writes_to("listener").len(), 3);
}

#[test]
fn a_seed_message_is_never_a_multiple_of_4096_bytes() {
    let mut world = World::new();
    world.connect("listener");
    world.hello("modern");
    world.connect("publisher");
    world.listen("listener", "e");
    world.listen("modern", "e");
    world.writes_to("modern");
    let envelope = r#"{"event":"e","result":""}"#.len();
    for n_bytes in [4095, 4096, 4097, 8192, 40960] {
        let text = "x".repeat(n_bytes - envelope);
        world.send(
            "publisher",
            &format!(r#"{{"event":"e","result":"{text}"}}"#),
        );
        let n_spaces = usize::from(n_bytes % 4096 == 0);
        let written = world.writes_to("listener");
        assert_eq!(written.len(), 1);
        assert_eq!(written[0].len(), n_bytes + n_spaces);
        assert_eq!(written[0].trim_end().len(), n_bytes);
        let written = world.writes_to("modern").concat();
        assert_eq!(written.len(), n_bytes + 1, "one message a line, no space");
    }
}

#[test]
fn messages_may_be_glued_or_cut_anywhere() {
    let stream = "{\"reg_object\":\"calc\"}{\"list\":[\"calc\"]} \r\n\t{\"event_name\":\"e\"}\
                  {\"event\":\"e\",\"result\":1}";
    let expected = [
        r#"{"success":"OK"}"#,
        r#"{"list":["calc"]}"#,
        r#"{"event":"e","result":1}"#,
    ];
    for cut in 0..=stream.len() {
        let mut world = World::new();
        world.connect("peer");
        let (one, other) = stream.as_bytes().split_at(cut);
        world.send_bytes("peer", one);
        world.send_bytes("peer", other);
        assert_eq!(world.writes_to("peer"), expected, "cut at {cut}");
    }
}
