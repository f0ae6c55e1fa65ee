//! What was sent without confirmation has arrived when a flush says so, and a flush says when that
//! is not known.

use std::time::Duration;

use futures_util::future::poll_immediate;
use ipc_client::{
    CallError, Client, Code, ConnectionState, DisconnectReason, Reconnect, RequestError,
};
use serde_json::{Value, json};

use crate::peer::{Peer, Server};

async fn emit(client: &Client, values: std::ops::Range<i64>) {
    for n in values {
        client.emit("n", &n).unconfirmed().await.unwrap();
    }
}

/// Reads events, and then what a flush sends, which is not answered yet.
async fn read_flushed(peer: &mut Peer, values: std::ops::Range<i64>) -> Value {
    for n in values {
        assert_eq!(peer.next().await, json!({"event": "n", "result": n}));
    }
    let ping = peer.next().await;
    assert_eq!(
        (&ping["object"], &ping["method"]),
        (&json!("ipc"), &json!("ping"))
    );
    ping
}

async fn answer(peer: &mut Peer, ping: &Value) {
    peer.respond(ping, &json!({"pong": true})).await;
}

async fn until(client: &Client, is_wanted: impl FnMut(&ConnectionState) -> bool) {
    client.states().wait_for(is_wanted).await.unwrap();
}

fn is_lost(state: &ConnectionState) -> bool {
    matches!(state, ConnectionState::Disconnected { .. })
}

fn is_connected(state: &ConnectionState) -> bool {
    matches!(state, ConnectionState::Connected)
}

#[tokio::test]
async fn a_flush_ends_when_the_server_has_taken_what_was_sent_before() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    emit(&client, 0..100).await;
    let mut flush = std::pin::pin!(client.flush());
    assert!(poll_immediate(&mut flush).await.is_none());
    let ping = read_flushed(&mut peer, 0..100).await;
    assert!(
        poll_immediate(&mut flush).await.is_none(),
        "nothing proves it yet"
    );
    answer(&mut peer, &ping).await;
    flush.await.unwrap();
}

#[tokio::test]
async fn a_connection_lost_within_a_flush_is_told_although_the_next_one_stands() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    emit(&client, 0..3).await;
    let lose = async {
        read_flushed(&mut peer, 0..3).await;
        drop(peer);
        server.accept_greeted().await
    };
    let (flushed, mut peer) = tokio::join!(client.flush(), lose);
    let error = flushed.unwrap_err();
    assert!(matches!(error, RequestError::Unconfirmed), "{error}");
    assert!(error.is_outcome_unknown());

    // Told once, and what comes now is another matter.
    until(&client, is_connected).await;
    emit(&client, 3..5).await;
    let serve = async {
        let ping = read_flushed(&mut peer, 3..5).await;
        answer(&mut peer, &ping).await;
    };
    let (flushed, ()) = tokio::join!(client.flush(), serve);
    flushed.unwrap();
}

#[tokio::test]
async fn events_lost_with_an_earlier_connection_are_told_by_the_next_flush() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    emit(&client, 0..1).await;
    assert_eq!(peer.next().await["result"], 0);
    drop(peer);
    until(&client, is_lost).await;
    let _peer = server.accept_greeted().await;
    until(&client, is_connected).await;
    let error = client.flush().await.unwrap_err();
    assert!(matches!(error, RequestError::Unconfirmed), "{error}");
}

#[tokio::test]
async fn the_answer_to_a_later_request_proves_what_was_sent_before() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    emit(&client, 0..1).await;
    let confirmed = client.emit("c", &1);
    let serve = async {
        assert_eq!(peer.next().await["result"], 0);
        peer.succeed_next().await;
    };
    tokio::join!(confirmed.into_future(), serve).0.unwrap();
    drop(peer);
    until(&client, is_lost).await;
    // Nothing is on its way, so there is nothing to wait for.
    client.flush().await.unwrap();
}

#[tokio::test]
async fn a_flush_ends_at_its_timeout() {
    let server = Server::bind().await;
    let builder = server.client();
    let builder = builder.call_timeout(Some(Duration::from_millis(20)));
    let (client, mut peer) = server.connected_as(builder).await;
    emit(&client, 0..1).await;
    let (flushed, ping) = tokio::join!(client.flush(), read_flushed(&mut peer, 0..1));
    let error = flushed.unwrap_err();
    assert!(matches!(error, RequestError::Timeout), "{error}");
    // The late answer is one all the same.
    answer(&mut peer, &ping).await;
    let serve = async {
        let ping = read_flushed(&mut peer, 0..0).await;
        answer(&mut peer, &ping).await;
    };
    tokio::join!(client.flush(), serve).0.unwrap();
}

#[tokio::test]
async fn closing_tells_what_it_could_not_deliver() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    emit(&client, 0..2).await;
    let lose = async {
        read_flushed(&mut peer, 0..2).await;
        drop(peer);
    };
    let (closed, ()) = tokio::join!(client.close(), lose);
    let error = closed.unwrap_err();
    assert!(matches!(error, RequestError::Unconfirmed), "{error}");
    assert!(!client.is_connected());
    client.close().await.unwrap();
    let error = client.flush().await.unwrap_err();
    assert!(matches!(error, RequestError::Closed), "{error}");
}

#[tokio::test]
async fn a_client_that_gave_up_reconnecting_tells_what_it_lost() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, mut peer) = server.connected_as(builder).await;
    emit(&client, 0..1).await;
    assert_eq!(peer.next().await["result"], 0);
    drop(peer);
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    until(&client, is_closed).await;
    let error = client.close().await.unwrap_err();
    assert!(matches!(error, RequestError::Unconfirmed), "{error}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn two_may_flush_and_close_at_once() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    emit(&client, 0..10).await;
    let serve = async {
        let mut n_pings = 0;
        while let Some(message) = peer.try_next().await {
            if message["method"] == "ping" {
                answer(&mut peer, &message).await;
                n_pings += 1;
            }
        }
        n_pings
    };
    let (one, two, three, four, n_pings) = tokio::join!(
        client.flush(),
        client.flush(),
        client.close(),
        client.close(),
        serve
    );
    one.and(two).and(three).and(four).unwrap();
    assert_eq!(n_pings, 3, "two flushes, and one to close");
}

#[tokio::test]
async fn an_event_that_the_server_declines_costs_no_connection_and_the_flush_tells() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    emit(&client, 0..2).await;
    let object = client.object("a");
    let call = object.call::<i64>("b", &1).into_future();
    let serve = async {
        assert_eq!(peer.next().await["result"], 0);
        assert_eq!(peer.next().await["result"], 1);
        let call = peer.next().await;
        let refusal = json!({"error": "not here", "code": "denied"});
        peer.send(&refusal).await;
        peer.respond(&call, &json!(2)).await;
        let ping = read_flushed(&mut peer, 0..0).await;
        answer(&mut peer, &ping).await;
    };
    let flush = async {
        assert_eq!(call.await.unwrap(), 2, "the connection stands");
        let error = client.flush().await.unwrap_err();
        assert_eq!(error.code(), Some(Code::Denied), "{error}");
        // Told once.
        client.flush().await
    };
    tokio::join!(flush, serve).0.unwrap();
    assert!(client.is_connected());
}

#[tokio::test]
async fn the_servers_last_words_are_told_apart_from_its_no_to_an_event() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, mut peer) = server.connected_as(builder).await;
    emit(&client, 0..1).await;
    assert_eq!(peer.next().await["result"], 0);
    let words = json!({"error": "too slow", "code": "slow_consumer"});
    peer.send(&words).await;
    drop(peer);
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    let state = client.states().wait_for(is_closed).await.unwrap();
    let ConnectionState::Closed { reason } = state else {
        panic!("{state:?}");
    };
    let code = Some(Code::SlowConsumer);
    assert!(matches!(&reason, Some(DisconnectReason::Refused { code: said, .. }) if *said == code));
    let error = client.flush().await.unwrap_err();
    assert!(matches!(error, RequestError::Unconfirmed), "{error}");
}

#[tokio::test]
async fn closing_says_when_the_server_has_not_taken_everything() {
    // Whose timer is first must not matter, so it is tried more than once.
    for _ in 0..8 {
        let server = Server::bind().await;
        let (client, _peer) = server.connected().await;
        let large = "x".repeat(12 * 1024 * 1024);
        let call = client.object("a").call::<i64>("b", &large).into_future();
        let calling = tokio::spawn(call);
        tokio::task::yield_now().await;
        tokio::time::pause();
        let error = client.close().await.unwrap_err();
        assert!(matches!(error, RequestError::Timeout), "{error}");
        let error = calling.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Disconnected), "{error}");
        tokio::time::resume();
    }
}
