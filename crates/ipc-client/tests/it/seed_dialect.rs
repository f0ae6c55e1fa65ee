//! Servers of the 2024 seed system, which take one read for one message, are understood.

use std::time::Duration;

use futures_util::future::poll_immediate;
use ipc_client::{CallError, Client, Mode, RequestError, Response, WaitError};
use serde_json::{Value, json};

use crate::peer::{Peer, Server};

/// A client and the server's side of its connection, after the fallback.
async fn connected(server: &Server) -> (Client, Peer) {
    let refuse = async {
        let mut peer = server.accept().await;
        let hello = peer.read_once().await;
        assert_eq!(hello["method"], "hello");
        peer.send_text(r#"{"error":"Object not found"}"#).await;
        peer
    };
    let (client, peer) = tokio::join!(server.client().connect(), refuse);
    let client = client.unwrap();
    assert!(client.is_seed());
    assert_eq!((client.id(), client.server()), (None, None));
    (client, peer)
}

async fn answer_once(peer: &mut Peer, answer: &Value) -> Value {
    let request = peer.read_once().await;
    peer.send_text(&answer.to_string()).await;
    request
}

#[tokio::test]
async fn one_call_at_a_time_travels_in_the_seed_form() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let calc = client.object("calc");
    let calls = (0..5).map(|n| {
        calc.call::<i64>("same", &n)
            .headers(&json!({}))
            .into_future()
    });
    let serve = async {
        for n in 0..5 {
            let call = answer_once(&mut peer, &json!({"response": n})).await;
            let expected = json!({"object": "calc", "method": "same", "param": n});
            assert_eq!(call, expected);
        }
    };
    let (results, ()) = tokio::join!(futures_util::future::try_join_all(calls), serve);
    assert_eq!(results.unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_message_that_fills_its_last_read_gets_a_space() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let envelope = json!({"event": "e", "result": ""}).to_string().len();
    let value = "x".repeat(4096 - envelope);
    client.emit("e", &value).await.unwrap();
    // A peer that takes a full read for an unfinished message sees the end only by the space.
    let text = peer.read_once_raw().await;
    assert_eq!(text.len(), 4097);
    assert!(text.ends_with(b"} "));
}

#[tokio::test]
async fn the_seed_servers_words_have_their_meaning() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let calc = client.object("calc");
    let mut errors = Vec::new();
    for words in [
        "Object not found",
        "client connection error",
        "division by zero",
    ] {
        let answer = json!({"error": words});
        let call = calc.call::<i64>("m", &1).into_future();
        let (outcome, _) = tokio::join!(call, answer_once(&mut peer, &answer));
        errors.push(outcome.unwrap_err());
    }
    assert!(matches!(errors[0], CallError::ObjectNotFound { .. }));
    assert!(matches!(errors[1], CallError::ProviderGone));
    assert!(matches!(errors[2], CallError::Remote(_)));
}

#[tokio::test]
async fn the_answer_to_a_call_whose_time_passed_is_not_taken_for_the_next_ones() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let calc = client.object("calc");
    let late = calc.call::<i64>("late", &1);
    let error = late.timeout(Duration::from_millis(5)).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout));
    let queued = calc.call::<i64>("queued", &1);
    let error = queued.timeout(Duration::from_millis(5)).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent), "its turn never came");
    let serve = async {
        let call = answer_once(&mut peer, &json!({"response": 1})).await;
        assert_eq!(call["method"], "late");
        let call = answer_once(&mut peer, &json!({"response": 2})).await;
        assert_eq!(call["method"], "next");
    };
    let next = calc.call::<i64>("next", &1).into_future();
    assert_eq!(tokio::join!(next, serve).0.unwrap(), 2);
}

#[tokio::test]
async fn one_connection_provides_calls_and_listens_at_once() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let register = client.register_fn("echo", |request| async move {
        Response::new(&request.raw_param())
    });
    let success = json!({"success": "OK"});
    let (registration, request) =
        tokio::join!(register.into_future(), answer_once(&mut peer, &success));
    assert_eq!(request, json!({"reg_object": "echo"}));
    let _registration = registration.unwrap();
    let mut temp = client.listen("temp").await.unwrap();
    assert_eq!(peer.read_once().await, json!({"event_name": "temp"}));

    let calling = tokio::spawn(async move {
        let sum = client.object("calc").call::<i64>("add", &1).await;
        (sum, client)
    });
    let call = peer.read_once().await;
    assert_eq!(call["method"], "add");
    // While our call is open, calls and events come in; the replies keep their order.
    let to_us = |n: i64| json!({"object": "echo", "method": "m", "param": n}).to_string();
    peer.send_text(&to_us(1)).await;
    assert_eq!(peer.read_once().await, json!({"response": 1}));
    peer.send_text(&(to_us(2) + &to_us(3))).await;
    let event = json!({"event": "temp", "result": 21.5}).to_string();
    peer.send_text(&event).await;
    assert_eq!(peer.read_once().await, json!({"response": 2}));
    assert_eq!(peer.read_once().await, json!({"response": 3}));
    peer.send_text(r#"{"response":7}"#).await;
    let event = temp.recv().await.unwrap().unwrap();
    assert_eq!(event.value().as_str(), "21.5");
    assert_eq!(calling.await.unwrap().0.unwrap(), 7);
}

#[tokio::test]
async fn messages_without_an_answer_are_kept_apart() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let emit = async {
        for n in 0..10 {
            assert_eq!(client.emit("n", &n).await.unwrap(), 0, "nobody says");
        }
    };
    let read = async {
        for n in 0..10 {
            assert_eq!(peer.read_once().await["result"], n);
        }
    };
    tokio::join!(emit, read);
}

#[tokio::test]
async fn waiting_asks_again_and_again_and_then_for_each_name() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let none = json!({"list": []});
    let both = json!({"list": ["a", "b"]});
    let serve = async {
        let asked = answer_once(&mut peer, &none).await;
        assert_eq!(asked, both);
        answer_once(&mut peer, &both).await;
    };
    let (waited, ()) = tokio::join!(client.wait_for_objects(["a", "b"]).into_future(), serve);
    waited.unwrap();

    let serve = async {
        answer_once(&mut peer, &none).await;
        let one = json!({"list": ["a"]});
        assert_eq!(answer_once(&mut peer, &one).await, one);
        answer_once(&mut peer, &none).await;
    };
    let waiting = client.wait_for_objects(["a", "b"]).timeout(Duration::ZERO);
    let (waited, ()) = tokio::join!(waiting.into_future(), serve);
    let Err(WaitError::Missing(missing)) = waited else {
        panic!("{waited:?}");
    };
    assert_eq!(missing, ["b"]);
}

#[tokio::test]
async fn what_the_seed_dialect_has_no_words_for_is_refused_here() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let unsupported = |error| matches!(error, RequestError::Unsupported);
    assert!(unsupported(client.listen_pattern("a.*").await.unwrap_err()));
    assert!(unsupported(client.stats().await.unwrap_err()));
    let register = client.register_fn("o", |_| async { Response::new(&1) });
    assert!(unsupported(register.mode(Mode::Shared).await.unwrap_err()));
    let not_found = json!({"error": "Object not found"});
    let (pong, _) = tokio::join!(client.ping(), answer_once(&mut peer, &not_found));
    pong.expect("any answer is a sign of life");
}

#[tokio::test]
async fn a_flush_ends_when_the_events_are_written_even_behind_a_call_that_takes_long() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server).await;
    let mut call = client.object("slow").call::<i64>("m", &1).into_future();
    assert!(poll_immediate(&mut call).await.is_none());
    assert_eq!(peer.read_once().await["object"], "slow");
    client.flush().await.unwrap();
    for n in 0..5 {
        client.emit("n", &n).unconfirmed().await.unwrap();
    }
    let mut flush = std::pin::pin!(client.flush());
    assert!(poll_immediate(&mut flush).await.is_none());
    let read = async {
        for n in 0..5 {
            assert_eq!(peer.read_once().await, json!({"event": "n", "result": n}));
        }
    };
    tokio::join!(flush, read).0.unwrap();
    client.emit("n", &5).unconfirmed().await.unwrap();
    let read = async {
        assert_eq!(peer.read_once().await, json!({"event": "n", "result": 5}));
        assert!(peer.read_once_raw().await.is_empty(), "it is closed");
        drop(peer);
    };
    tokio::join!(client.close(), read).0.unwrap();
    assert!(call.await.unwrap_err().is_outcome_unknown());
}

#[tokio::test]
async fn events_that_were_not_written_when_the_connection_was_lost_are_told() {
    let server = Server::bind().await;
    let (client, peer) = connected(&server).await;
    for n in 0..100 {
        client.emit("n", &n).unconfirmed().await.unwrap();
    }
    drop(peer);
    let error = client.flush().await.unwrap_err();
    assert!(matches!(error, RequestError::Unconfirmed), "{error}");
}
