//! A lost connection is made again, and what stood on it is restored.

use std::time::Duration;

use futures_util::future::poll_immediate;
use ipc_client::{
    Client, Code, ConnectError, ConnectionState, DisconnectReason, Fault, Lagged, Mode, Reconnect,
    RegistrationState, RequestError, Response,
};
use serde_json::json;

use crate::peer::Server;

async fn disconnected(client: &Client) -> DisconnectReason {
    let is_lost = |state: &ConnectionState| !matches!(state, ConnectionState::Connected);
    match client.states().wait_for(is_lost).await {
        Some(ConnectionState::Disconnected { reason }) => reason,
        Some(ConnectionState::Closed { reason }) => reason.unwrap(),
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn objects_and_subscriptions_are_restored_in_their_order() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let answering = |_| async { Response::new(&1) };
    let registering = client.register_fn("first", answering).mode(Mode::Queue);
    let (first, _) = tokio::join!(registering.into_future(), peer.succeed_next());
    let (temp, _) = tokio::join!(client.listen("temp"), peer.succeed_next());
    let second = client.register_fn("second", answering).into_future();
    let (second, _) = tokio::join!(second, peer.succeed_next());
    let (all, _) = tokio::join!(client.listen_pattern("a.>"), peer.succeed_next());
    let (gone, _) = tokio::join!(client.listen("gone"), peer.succeed_next());
    drop(gone.unwrap());
    let (first, _second, mut temp, _all) =
        (first.unwrap(), second.unwrap(), temp.unwrap(), all.unwrap());
    drop(peer);

    let mut peer = server.accept_greeted().await;
    let mut restored = Vec::new();
    for _ in 0..4 {
        let mut request = peer.succeed_next().await;
        request.as_object_mut().unwrap().remove("id");
        restored.push(request);
    }
    let expected = [
        json!({"reg_object": "first", "mode": "queue"}),
        json!({"event_name": "temp"}),
        json!({"reg_object": "second"}),
        json!({"event_name": "a.>", "match": "pattern"}),
    ];
    assert_eq!(restored, expected);
    let is_active = |state: &RegistrationState| *state == RegistrationState::Active;
    first.states().wait_for(is_active).await.unwrap();

    peer.send(&json!({"event": "temp", "result": 1})).await;
    let gap = temp.recv().await.unwrap().unwrap_err();
    assert_eq!(gap, Lagged::Disconnected);
    assert_eq!(temp.recv().await.unwrap().unwrap().name(), "temp");
    peer.send(&json!({"object": "first", "method": "m", "id": 3}))
        .await;
    assert_eq!(peer.next().await, json!({"response": 1, "id": 3}));
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_is_asked_for_until_it_is_free() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let registering = client.register_fn("calc", |_| async { Response::new(&1) });
    let (registration, _) = tokio::join!(registering.into_future(), peer.succeed_next());
    let registration = registration.unwrap();
    let mut states = registration.states();
    drop(peer);

    let mut peer = server.accept_greeted().await;
    let request = peer.next().await;
    let refusal = json!({"error": "taken", "code": "name_taken", "id": request["id"]});
    peer.send(&refusal).await;
    let refused = RegistrationState::Refused {
        message: "taken".to_owned(),
    };
    states.wait_for(|state| *state == refused).await.unwrap();
    let request = peer.succeed_next().await;
    assert_eq!(request["reg_object"], "calc");
    let is_active = |state: &RegistrationState| *state == RegistrationState::Active;
    states.wait_for(is_active).await.unwrap();
}

#[tokio::test]
async fn without_reconnecting_a_lost_connection_closes_the_client() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, peer) = server.connected_as(builder).await;
    drop(peer);
    let reason = disconnected(&client).await;
    assert!(matches!(reason, DisconnectReason::ClosedByServer));
    let error = client.emit("e", &1).await.unwrap_err();
    assert!(matches!(error, RequestError::Closed));
    assert!(!client.is_connected());
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_left_and_the_reason_is_told() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, mut peer) = server.connected_as(builder).await;
    peer.send_text("{\"response\":1,\"error\":2}\n").await;
    let reason = disconnected(&client).await;
    let DisconnectReason::Fault(Fault::TwoKinds { .. }) = reason else {
        panic!("{reason:?}");
    };
}

#[tokio::test]
async fn the_servers_last_words_are_the_reason() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, mut peer) = server.connected_as(builder.clone()).await;
    peer.send(&json!({"error": "too slow", "code": "slow_consumer"}))
        .await;
    let reason = disconnected(&client).await;
    let DisconnectReason::Refused { code, message } = reason else {
        panic!("{reason:?}");
    };
    assert_eq!((code, &*message), (Some(Code::SlowConsumer), "too slow"));
    for code in [
        "busy",
        "malformed",
        "too_large",
        "shutting_down",
        "of_tomorrow",
    ] {
        let (client, mut peer) = server.connected_as(builder.clone()).await;
        peer.send(&json!({"error": "go", "code": code})).await;
        let reason = disconnected(&client).await;
        let line = reason.to_string();
        assert_eq!(line, "the server ended the connection: go", "{code}");
    }

    let (client, mut peer) = server.connected_as(builder).await;
    peer.send(&json!({"event": "ipc.shutdown", "result": {"grace_ms": 10}}))
        .await;
    drop(peer);
    let reason = disconnected(&client).await;
    assert!(matches!(reason, DisconnectReason::ServerShutdown));
}

#[tokio::test]
async fn a_connection_that_ends_within_a_message_broke_no_protocol() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, mut peer) = server.connected_as(builder).await;
    peer.send_text("{\"event\":\"e\",\"result\":\"half of")
        .await;
    drop(peer);
    let reason = disconnected(&client).await;
    assert!(matches!(reason, DisconnectReason::ClosedWithinMessage));
    let line = reason.to_string();
    assert!(line.contains("not read fast enough"), "{line}");
}

#[tokio::test]
async fn a_complaint_about_one_event_is_the_reason_only_if_nothing_follows_it() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let complaint = json!({"error": "reserved", "code": "denied"});
    for (next, expected) in [
        (
            Some(json!({"event": "e", "result": 1})),
            "the server closed the connection",
        ),
        (None, "the server ended the connection: reserved"),
    ] {
        let (client, mut peer) = server.connected_as(builder.clone()).await;
        client.emit("e", &1).unconfirmed().await.unwrap();
        assert_eq!(peer.next().await["event"], "e");
        peer.send(&complaint).await;
        if let Some(next) = next {
            peer.send(&next).await;
        }
        drop(peer);
        let reason = disconnected(&client).await;
        assert_eq!(reason.to_string(), expected);
    }
}

#[tokio::test]
async fn connecting_fails_with_what_is_the_matter() {
    let server = Server::bind().await;
    let refuse = async {
        let mut peer = server.accept().await;
        let hello = peer.next().await;
        assert_eq!(hello["param"]["name"], "billing");
        let answer = json!({"error": "who are you", "code": "auth_failed", "id": hello["id"]});
        peer.send(&answer).await;
    };
    let builder = server.client().name("billing");
    let (refused, ()) = tokio::join!(builder.connect(), refuse);
    let Err(ConnectError::Refused { code, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, Some(Code::AuthFailed));

    let close = async { drop(server.accept().await) };
    let (closed, ()) = tokio::join!(server.client().connect(), close);
    assert!(
        matches!(
            closed,
            Err(ConnectError::ClosedByServer { .. } | ConnectError::Io { .. })
        ),
        "{closed:?}"
    );

    let http = async {
        let mut peer = server.accept().await;
        peer.next().await;
        peer.send_text("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    };
    let (http_answer, ()) = tokio::join!(server.client().connect(), http);
    assert!(matches!(http_answer, Err(ConnectError::Protocol { .. })));

    let builder = server.client().connect_timeout(Duration::from_millis(20));
    let (silent, _peer) = tokio::join!(builder.connect(), server.accept());
    assert!(matches!(silent, Err(ConnectError::Timeout { .. })));

    let builder = server.client();
    drop(server);
    let absent = builder.connect().await;
    assert!(matches!(absent, Err(ConnectError::Io { .. })));
}

#[tokio::test]
async fn closing_writes_what_was_queued_and_ends_what_is_open() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let object = client.object("a");
    let mut call = object.call::<i64>("b", &1).into_future();
    assert!(poll_immediate(&mut call).await.is_none());
    for n in 0..1000 {
        client.emit("n", &n).unconfirmed().await.unwrap();
    }
    let drain = async {
        assert_eq!(peer.next().await["method"], "b");
        for n in 0..1000 {
            assert_eq!(peer.next().await["result"], n);
        }
        // So that the client can tell that all of it arrived.
        let ping = peer.next().await;
        assert_eq!(ping["method"], "ping");
        peer.respond(&ping, &json!({"pong": true})).await;
        assert_eq!(peer.try_next().await, None);
        drop(peer);
    };
    tokio::join!(client.close(), drain).0.unwrap();
    assert!(call.await.unwrap_err().is_outcome_unknown());
    let state = client.states().current();
    assert!(matches!(state, ConnectionState::Closed { reason: None }));
}

#[tokio::test]
async fn the_last_handle_closes_the_connection_and_a_clone_does_not() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let object = client.clone().object("a");
    drop(client);
    let call = async { object.call::<i64>("b", &1).await };
    let answer = async {
        let call = peer.next().await;
        peer.respond(&call, &json!(1)).await;
    };
    assert_eq!(tokio::join!(call, answer).0.unwrap(), 1);
    drop(object);
    assert_eq!(peer.try_next().await, None);
}
