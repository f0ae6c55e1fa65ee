//! Events reach everyone who listens, and what is missed is told.

use futures_util::StreamExt;
use ipc_client::{Client, Lagged, Subscription};
use serde_json::json;

use crate::peer::{Peer, Server};

async fn listen(client: &Client, peer: &mut Peer, event: &str) -> Subscription {
    let (subscription, _) = tokio::join!(client.listen(event), peer.succeed_next());
    subscription.unwrap()
}

async fn listen_pattern(client: &Client, peer: &mut Peer, pattern: &str) -> Subscription {
    let (subscription, request) = tokio::join!(client.listen_pattern(pattern), peer.succeed_next());
    assert_eq!(request["match"], "pattern");
    subscription.unwrap()
}

/// Waits until the client has handled everything that was sent before.
async fn settle(client: &Client, peer: &mut Peer) {
    let answer = async {
        let ping = peer.next().await;
        peer.respond(&ping, &json!(true)).await;
    };
    let (pong, ()) = tokio::join!(client.ping(), answer);
    pong.unwrap();
}

#[tokio::test]
async fn an_event_says_how_many_it_was_sent_to() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let (delivered, event) = tokio::join!(
        client.emit("temp", &21.5).into_future(),
        peer.succeed_next()
    );
    assert_eq!(delivered.unwrap(), 1);
    assert_eq!(event["result"], 21.5);
}

#[tokio::test]
async fn one_copy_from_the_server_reaches_every_subscription_that_matches() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let mut first = listen(&client, &mut peer, "temp.kitchen").await;
    let mut second = listen(&client, &mut peer, "temp.kitchen").await;
    let mut pattern = listen_pattern(&client, &mut peer, "temp.*").await;
    let mut star = listen(&client, &mut peer, "temp.*").await;
    peer.send(&json!({"event": "temp.kitchen", "result": 1}))
        .await;
    peer.send(&json!({"event": "temp.*", "result": 2})).await;

    for subscription in [&mut first, &mut second] {
        let event = subscription.recv().await.unwrap().unwrap();
        assert_eq!(event.name(), "temp.kitchen");
        assert_eq!(event.parse::<i64>().unwrap(), 1);
    }
    assert_eq!(pattern.next().await.unwrap().unwrap().value().as_str(), "1");
    assert_eq!(pattern.next().await.unwrap().unwrap().value().as_str(), "2");
    let literal = star.recv().await.unwrap().unwrap();
    assert_eq!(literal.value().as_str(), "2", "a star may be a name");
}

#[tokio::test]
async fn a_slow_subscription_is_told_exactly_how_many_events_it_missed() {
    let server = Server::bind().await;
    let builder = server.client().event_buffer(3);
    let (client, mut peer) = server.connected_as(builder).await;
    let mut slow = listen(&client, &mut peer, "n").await;
    for n in 0..10 {
        peer.send(&json!({"event": "n", "result": n})).await;
    }
    let lost = json!({"event": "ipc.lost", "result": {"event": "n", "count": 5}});
    peer.send(&lost).await;
    settle(&client, &mut peer).await;

    for n in 0..3 {
        let event = slow.recv().await.unwrap().unwrap();
        assert_eq!(event.parse::<i64>().unwrap(), n);
    }
    assert_eq!(slow.recv().await.unwrap().unwrap_err(), Lagged::Missed(12));
    peer.send(&json!({"event": "n", "result": 10})).await;
    assert_eq!(slow.recv().await.unwrap().unwrap().value().as_str(), "10");
}

#[tokio::test]
async fn losses_that_the_server_sums_up_are_told_to_every_subscription() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let mut literal = listen(&client, &mut peer, "n").await;
    let mut pattern = listen_pattern(&client, &mut peer, "room.*").await;
    let lost = json!({"event": "ipc.lost", "result": {"event": ">", "count": 5}});
    peer.send(&lost).await;
    settle(&client, &mut peer).await;
    // What follows shows that nothing else came before it.
    for event in ["n", "room.a"] {
        peer.send(&json!({"event": event, "result": 1})).await;
    }

    for subscription in [&mut literal, &mut pattern] {
        let lagged = subscription.recv().await.unwrap().unwrap_err();
        assert_eq!(lagged, Lagged::Missed(5));
        assert!(subscription.recv().await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn the_server_is_told_when_the_last_subscription_of_a_name_ends() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let first = listen(&client, &mut peer, "temp").await;
    let second = listen(&client, &mut peer, "temp").await;
    let pattern = listen_pattern(&client, &mut peer, "temp.>").await;
    drop(first);
    drop(pattern);
    drop(second);
    let unlisten = peer.next().await;
    assert_eq!(unlisten["method"], "unlisten");
    assert_eq!(
        unlisten["param"],
        json!({"event": "temp.>", "match": "pattern"})
    );
    let unlisten = peer.next().await;
    assert_eq!(unlisten["param"], json!({"event": "temp"}));
}

#[tokio::test]
async fn a_refused_subscription_leaves_nothing_behind() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let refuse = async {
        let request = peer.next().await;
        let refusal = json!({"error": "no", "code": "denied", "id": request["id"]});
        peer.send(&refusal).await;
    };
    let (refused, ()) = tokio::join!(client.listen("secret"), refuse);
    assert_eq!(refused.unwrap_err().code(), Some(ipc_client::Code::Denied));
    assert_eq!(peer.next().await["method"], "unlisten");
    settle(&client, &mut peer).await;
}

#[tokio::test]
async fn subscriptions_end_with_the_client_after_what_they_hold() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let mut events = listen(&client, &mut peer, "n").await;
    peer.send(&json!({"event": "n", "result": 1})).await;
    settle(&client, &mut peer).await;
    drop(peer);
    client.close().await.unwrap();
    assert!(events.recv().await.unwrap().is_ok());
    assert!(events.recv().await.is_none());
}
