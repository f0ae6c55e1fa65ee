//! Every call ends, and says how.

use std::{collections::HashMap, time::Duration};

use futures_util::future::poll_immediate;
use ipc_client::{CallError, Client, Code, RawJson, Reconnect, RequestError};
use serde_json::{Value, json};

use crate::peer::{Peer, Server};

async fn fail(error: Value) -> CallError {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let answer = async {
        let call = peer.next().await;
        let mut answer = error;
        answer["id"] = call["id"].clone();
        peer.send(&answer).await;
    };
    let object = client.object("calc");
    let (outcome, ()) = tokio::join!(object.call::<i64>("add", &1).into_future(), answer);
    outcome.unwrap_err()
}

#[tokio::test]
async fn a_call_travels_with_id_timeout_and_headers_and_returns_its_response() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let headers = HashMap::from([("traceparent", "00-1")]);
    let call = async {
        let calc = client.object("calc");
        let call = calc.call("add", &(1, 2)).headers(&headers);
        let sum: i64 = call.timeout(Duration::from_millis(2500)).await.unwrap();
        sum
    };
    let answer = async {
        let call = peer.next().await;
        let expected = json!({"object": "calc", "method": "add", "param": [1, 2],
            "timeout_ms": 2500, "headers": {"traceparent": "00-1"}, "id": 1});
        assert_eq!(call, expected);
        peer.respond(&call, &json!(3)).await;
    };
    assert_eq!(tokio::join!(call, answer).0, 3);
}

#[tokio::test]
async fn a_call_without_a_param_and_without_a_timeout_has_neither_key() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let object = client.object("a \"quoted\"\\ name");
    let calls = async {
        let unit: () = object
            .call_without_param("reset")
            .no_timeout()
            .await
            .unwrap();
        let raw = object.call_raw("reset", None).no_timeout().await.unwrap();
        let text = RawJson::from_text("{\"b\": 1.10,\n\"a\": 2}").unwrap();
        let echoed = object.call_raw("echo", Some(text)).await.unwrap();
        (unit, raw, echoed)
    };
    let answer = async {
        for _ in 0..2 {
            let call = peer.next().await;
            assert_eq!(call["object"], "a \"quoted\"\\ name");
            assert!(call.get("param").is_none() && call.get("timeout_ms").is_none());
            peer.respond(&call, &json!(null)).await;
        }
        let call = peer.next().await;
        let text = format!("{{\"response\":{{\"b\":1.10}},\"id\":{}}}", call["id"]);
        peer.send_text(&text).await;
    };
    let ((_, raw, echoed), ()) = tokio::join!(calls, answer);
    assert_eq!(raw.as_str(), "null");
    assert_eq!(echoed.as_str(), "{\"b\":1.10}", "digit for digit");
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let object = client.object("echo");
    let calls = (0..100).map(|n| object.call::<i64>("same", &n).into_future());
    let answer = async {
        let mut calls = Vec::new();
        for _ in 0..100 {
            calls.push(peer.next().await);
        }
        for call in calls.iter().rev() {
            peer.respond(call, &call["param"]).await;
        }
    };
    let (results, ()) = tokio::join!(futures_util::future::try_join_all(calls), answer);
    assert_eq!(results.unwrap(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_kind_of_error_is_told_apart() {
    let error = fail(json!({"error": {"reason": 7}})).await;
    assert_eq!(error.remote().unwrap().as_str(), r#"{"reason":7}"#);
    assert_eq!(error.code(), None);

    let error = fail(json!({"error": "Object not found", "code": "object_not_found"})).await;
    assert!(matches!(&error, CallError::ObjectNotFound { object } if object == "calc"));
    let error = fail(json!({"error": "no", "code": "method_not_found"})).await;
    assert_eq!(error.to_string(), "object 'calc' has no method 'add'");
    let error = fail(json!({"error": "no", "code": "cancelled"})).await;
    assert!(matches!(error, CallError::Cancelled));

    for code in ["provider_gone", "timeout"] {
        let error = fail(json!({"error": "gone", "code": code})).await;
        assert!(error.is_outcome_unknown(), "{code}");
        assert_eq!(error.code().unwrap().as_str(), code);
    }
    let error = fail(json!({"error": "full", "code": "busy"})).await;
    assert!(!error.is_outcome_unknown());
    assert_eq!(error.code(), Some(Code::Busy));
    let error = fail(json!({"error": "full", "code": "of_the_future"})).await;
    assert!(matches!(error, CallError::Refused { code: None, message } if message == "full"));
    let error = fail(json!({"response": "three"})).await;
    assert!(matches!(error, CallError::Decode(_)));
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_and_its_late_response_is_nobodys() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let object = client.object("slow");
    let dropped = object.call::<i64>("work", &1).into_future();
    assert!(poll_immediate(dropped).await.is_none());
    let call = peer.next().await;
    assert_eq!(call["method"], "work");
    let cancel = peer.next().await;
    assert_eq!(cancel["object"], "ipc");
    assert_eq!(cancel["method"], "cancel");
    assert_eq!(cancel["param"], json!({"id": call["id"]}));
    peer.respond(&call, &json!("late")).await;
    peer.respond(&cancel, &json!(null)).await;

    let next = object.call::<i64>("work", &2);
    let answer = async {
        let call = peer.next().await;
        peer.respond(&call, &json!(2)).await;
    };
    assert_eq!(tokio::join!(next.into_future(), answer).0.unwrap(), 2);
}

#[tokio::test]
async fn a_server_that_hangs_does_not_hang_the_caller() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let calling = tokio::spawn(async move {
        let call = client.object("slow").call::<i64>("work", &1);
        call.timeout(Duration::from_secs(30)).await
    });
    peer.next().await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let error = calling.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Timeout));
    let took = start.elapsed();
    assert!(Duration::from_secs(30) < took && took < Duration::from_secs(32));
}

async fn lost_call(peer: Peer, client: Client) -> CallError {
    let mut peer = peer;
    let calling = tokio::spawn(async move { client.object("a").call::<i64>("b", &1).await });
    peer.next().await;
    drop(peer);
    calling.await.unwrap().unwrap_err()
}

#[tokio::test]
async fn calls_in_flight_end_with_an_unknown_outcome_when_the_server_dies() {
    let server = Server::bind().await;
    let (client, peer) = server.connected().await;
    let error = lost_call(peer, client).await;
    assert!(matches!(error, CallError::Disconnected));
    assert!(error.is_outcome_unknown());
}

#[tokio::test]
async fn a_call_made_without_a_connection_waits_for_the_next_one() {
    let server = Server::bind().await;
    let (client, peer) = server.connected().await;
    let mut states = client.states();
    drop(peer);
    states
        .wait_for(|state| !matches!(state, ipc_client::ConnectionState::Connected))
        .await;
    let call = client.object("a").call::<i64>("b", &1);
    let serve = async {
        let mut peer = server.accept_greeted().await;
        let call = peer.next().await;
        peer.respond(&call, &json!(5)).await;
        peer
    };
    let (outcome, _peer) = tokio::join!(call.into_future(), serve);
    assert_eq!(outcome.unwrap(), 5);
}

#[tokio::test]
async fn a_call_that_finds_no_connection_in_its_time_was_not_sent() {
    let server = Server::bind().await;
    let hour = Duration::from_secs(3600);
    let builder = server.client().reconnect(Reconnect::between(hour, hour));
    let (client, peer) = server.connected_as(builder).await;
    let error = lost_call(peer, client.clone()).await;
    assert!(error.is_outcome_unknown());
    let call = client.object("a").call::<i64>("b", &1);
    let error = call.timeout(Duration::from_millis(1)).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent));
    assert!(!error.is_outcome_unknown());
}

#[tokio::test]
async fn a_call_larger_than_the_server_takes_is_not_sent() {
    let server = Server::bind().await;
    let greet = async {
        let mut peer = server.accept().await;
        let hello = peer.next().await;
        let answer = json!({"protocol": 1, "limits": {"message_bytes": 100}});
        peer.respond(&hello, &answer).await;
        peer
    };
    let (client, mut peer) = tokio::join!(server.client().connect(), greet);
    let client = client.unwrap();
    let error = client.object("a").call::<()>("b", &"x".repeat(100)).await;
    let Err(CallError::TooLarge { bytes, limit_bytes }) = error else {
        panic!("{error:?}");
    };
    assert!(100 < bytes && limit_bytes == 100);
    let error = client.emit("e", &"x".repeat(100)).await.unwrap_err();
    assert!(matches!(error, RequestError::TooLarge { .. }));
    client.emit("e", &1).unconfirmed().await.unwrap();
    assert_eq!(peer.next().await, json!({"event": "e", "result": 1}));
}

#[tokio::test]
async fn names_that_are_none_are_refused_before_anything_is_sent() {
    let server = Server::bind().await;
    let (client, _peer) = server.connected().await;
    let error = client.object("").call::<()>("b", &1).await.unwrap_err();
    assert!(matches!(error, CallError::InvalidName(_)));
    let error = client.emit("a\nb", &1).await.unwrap_err();
    assert!(matches!(error, RequestError::InvalidName(_)));
    let error = client.listen_pattern("room/+").await.unwrap_err();
    assert!(matches!(error, RequestError::InvalidPattern(_)));
    let error = client.register_fn("", |_| async { unreachable!() }).await;
    assert!(matches!(error, Err(RequestError::InvalidName(_))));
}

#[tokio::test]
async fn the_answers_of_the_object_ipc_are_read_with_and_without_their_keys() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let answer = async {
        for response in [
            json!({"pong": true}),
            json!({"objects": [{"object": "calc", "mode": "queue", "providers": [{"client": 17,
                "name": "billing"}], "standby": [{"client": 18, "name": null}], "new": 1}]}),
            json!({"object": "calc", "interface": {"methods": {}}}),
            json!({"clients": [{"client": 17, "dialect": "lines", "pid": 123,
                "objects": ["calc"]}], "next": null}),
            json!({"calls": 5, "version": "0.1.0"}),
        ] {
            let call = peer.next().await;
            assert_eq!(call["object"], "ipc");
            peer.respond(&call, &response).await;
        }
    };
    let ask = async {
        client.ping().await.unwrap();
        let objects = client.objects().await.unwrap();
        let described = client.describe("calc").await.unwrap();
        let clients = client.clients().await.unwrap();
        let stats = client.stats().await.unwrap();
        (objects, described, clients, stats)
    };
    let ((objects, described, clients, stats), ()) = tokio::join!(ask, answer);
    assert_eq!(objects[0].providers[0].name.as_deref(), Some("billing"));
    assert_eq!(objects[0].standby[0].client, 18);
    let interface = described.interface.unwrap();
    assert_eq!(interface.as_str(), r#"{"methods":{}}"#);
    assert_eq!((clients[0].pid, clients[0].uid), (Some(123), None));
    assert_eq!(stats["calls"], 5);
    assert_eq!(client.id(), Some(17));
    assert_eq!(client.server().as_deref(), Some("ipc-server/0.1.0"));
}
