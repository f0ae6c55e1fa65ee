//! Events through the real server.

use ipc_client::Lagged;

use super::{connect, start_server};

#[tokio::test]
async fn events_reach_names_and_patterns_in_order() {
    let server = start_server();
    let (listener, sender) = (
        connect(&server, "listener").await,
        connect(&server, "sender").await,
    );
    let mut literal = listener.listen("room.a.temp").await.unwrap();
    let mut pattern = listener.listen_pattern("room.*.temp").await.unwrap();
    for n in 0..100 {
        assert_eq!(
            sender.emit("room.a.temp", &n).await.unwrap(),
            1,
            "one copy for the connection"
        );
    }
    assert_eq!(sender.emit("room.a", &0).await.unwrap(), 0);
    for n in 0..100 {
        for subscription in [&mut literal, &mut pattern] {
            let event = subscription.recv().await.unwrap().unwrap();
            assert_eq!(
                (event.name(), event.parse::<u32>().unwrap()),
                ("room.a.temp", n)
            );
        }
    }
    drop(literal);
    drop(pattern);
    // The server handles one connection's messages in order, so by this answer both have ended.
    assert_eq!(listener.stats().await.unwrap()["subscriptions"], 0);
}

#[tokio::test]
async fn what_a_slow_subscriber_misses_is_counted_to_the_event() {
    let server = start_server();
    let address = server.addresses()[0].clone();
    let builder = ipc_client::Client::builder()
        .address(address)
        .event_buffer(10);
    let listener = builder.connect().await.unwrap();
    let sender = connect(&server, "sender").await;
    let mut slow = listener.listen("tick").await.unwrap();
    for n in 0..100 {
        sender.emit("tick", &n).await.unwrap();
    }
    // This answer comes after the events, so the buffer has seen them all.
    listener.ping().await.unwrap();
    let mut n_next = 0;
    while n_next < 100 {
        match slow.recv().await.unwrap() {
            Ok(event) => {
                assert_eq!(event.parse::<u64>().unwrap(), n_next);
                n_next += 1;
            }
            Err(Lagged::Missed(n_missed)) => {
                assert_eq!(n_next, 10, "the oldest are kept");
                n_next += n_missed;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(n_next, 100);
}

#[tokio::test]
async fn one_subscription_to_several_topics_keeps_their_order_and_gets_each_event_once() {
    let server = start_server();
    let (listener, sender) = (
        connect(&server, "listener").await,
        connect(&server, "sender").await,
    );
    let mut subscription = listener.listen("a.x").await.unwrap();
    subscription.add("b.x").await.unwrap();
    subscription.add_pattern("*.x").await.unwrap();
    assert!(subscription.add_pattern("a*").await.is_err());
    assert_eq!(
        subscription.topics().collect::<Vec<_>>(),
        ["a.x", "b.x", "*.x"]
    );
    for n in 0..60 {
        let name = ["a.x", "b.x", "c.x"][n % 3];
        assert_eq!(sender.emit(name, &n).await.unwrap(), 1);
    }
    for n in 0..60 {
        let event = subscription.recv().await.unwrap().unwrap();
        assert_eq!(event.name(), ["a.x", "b.x", "c.x"][n % 3]);
        assert_eq!(event.parse::<usize>().unwrap(), n);
    }
    drop(subscription);
    assert_eq!(listener.stats().await.unwrap()["subscriptions"], 0);
}

#[tokio::test]
async fn a_subscription_to_everything_does_not_get_the_servers_events_for_another() {
    let server = start_server();
    let (listener, sender) = (
        connect(&server, "listener").await,
        connect(&server, "sender").await,
    );
    let mut everything = listener.listen_pattern(">").await.unwrap();
    let mut of_server = listener.listen_pattern("ipc.object.*").await.unwrap();
    let _registration = sender
        .register("calc", |_| async { unreachable!() })
        .await
        .unwrap();
    sender.emit("app", &1).await.unwrap();
    let event = of_server.recv().await.unwrap().unwrap();
    assert_eq!(event.name(), "ipc.object.registered");
    let event = everything.recv().await.unwrap().unwrap();
    assert_eq!(event.name(), "app", "the first that it gets");
}

#[tokio::test]
async fn an_unconfirmed_event_that_is_refused_leaves_the_connection_alone() {
    let server = start_server();
    let client = connect(&server, "client").await;
    let id = client.id();
    client.emit("ipc.nonsense", &1).unconfirmed().await.unwrap();
    // The refusal comes before this answer.
    client.ping().await.unwrap();
    assert_eq!(client.id(), id);
    assert!(client.is_connected());
}
