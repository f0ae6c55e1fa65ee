//! The first connection: who is refused reads why, and who may wait for the server does.

use std::{thread, time::Duration};

use ipc_client::{
    AddressError, Builder, Client, Code, ConnectError, ConnectionState, DisconnectReason,
    Reconnect, blocking,
};
use serde_json::json;
use tokio::sync::oneshot;

use crate::peer::Server;

const BUSY: &str = "{\"error\":\"the server is full\",\"code\":\"busy\"}\n";

/// An address at which nobody ever listens.
const NOWHERE: &str = "tcp://127.0.0.1:1";

/// Connects without async, in a thread of its own.
fn connect_blocking(builder: Builder) -> oneshot::Receiver<Result<blocking::Client, ConnectError>> {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || tell.send(builder.connect_blocking()));
    told
}

#[tokio::test]
async fn whoever_is_refused_at_the_door_reads_the_reason_in_both_forms() {
    let server = Server::bind().await;
    for n in 0..20 {
        let refuse = async {
            for _ in 0..2 {
                // The greeting is not read, so the system tells the client that it was lost.
                let mut peer = server.accept().await;
                peer.send_text(BUSY).await;
            }
        };
        let from_thread = connect_blocking(server.client());
        let (refused, from_thread, ()) =
            tokio::join!(server.client().connect(), from_thread, refuse);
        for refused in [refused.map(drop), from_thread.unwrap().map(drop)] {
            let Err(ConnectError::Refused { code, message }) = refused else {
                panic!("{n}: {refused:?}");
            };
            assert_eq!(
                (code, message.as_str()),
                (Some(Code::Busy), "the server is full")
            );
        }
    }
}

#[tokio::test]
async fn whoever_is_refused_when_it_connects_again_is_told_the_reason() {
    let server = Server::bind().await;
    let (client, peer) = server.connected().await;
    let mut states = client.states();
    drop(peer);
    let mut refused = server.accept().await;
    refused.send_text(BUSY).await;
    drop(refused);
    let is_refused = |state: &ConnectionState| {
        let ConnectionState::Disconnected {
            reason: DisconnectReason::Connect(ConnectError::Refused { code, .. }),
        } = state
        else {
            return false;
        };
        *code == Some(Code::Busy)
    };
    states.wait_for(is_refused).await.unwrap();
    server.accept_greeted().await;
}

#[tokio::test]
async fn a_client_waits_for_a_server_that_is_full_or_stopping_or_not_there_yet() {
    let server = Server::bind().await;
    let builder = server.client().wait_for_server(None);
    let from_thread = connect_blocking(builder.clone());
    let come = async {
        for refusal in [
            BUSY,
            "{\"error\":\"stopping\",\"code\":\"shutting_down\"}\n",
            "",
            "{\"err",
        ] {
            for _ in 0..2 {
                server.accept().await.send_text(refusal).await;
            }
        }
        (server.accept_greeted().await, server.accept_greeted().await)
    };
    let (client, from_thread, peers) = tokio::join!(builder.connect(), from_thread, come);
    assert!(client.unwrap().is_connected());
    assert!(from_thread.unwrap().unwrap().is_connected());
    drop(peers);
}

#[tokio::test]
async fn waiting_for_a_server_ends_in_time_with_the_last_reason() {
    for reconnect in [
        Reconnect::never(),
        Reconnect::between(Duration::from_millis(1), Duration::from_millis(2)),
    ] {
        let after = Duration::from_millis(50);
        let builder = Client::builder()
            .address(NOWHERE.parse().unwrap())
            .reconnect(reconnect)
            .wait_for_server(after);
        let from_thread = connect_blocking(builder.clone());
        let errors = [
            builder.connect().await.unwrap_err(),
            from_thread.await.unwrap().map(drop).unwrap_err(),
        ];
        for error in errors {
            let line = error.to_string();
            assert!(
                line.starts_with("no server within 50ms: cannot connect to tcp://127.0.0.1:1: "),
                "{line}"
            );
            let ConnectError::NotInTime { source, .. } = error else {
                panic!("{error:?}");
            };
            assert!(matches!(*source, ConnectError::Io { .. }), "{source:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_no_longer_than_was_said() {
    let server = Server::bind().await;
    let builder = server.client().wait_for_server(Duration::from_millis(50));
    let silent = builder.connect().await.unwrap_err();
    assert!(matches!(silent, ConnectError::Timeout { .. }), "{silent:?}");
}

#[tokio::test]
async fn what_waiting_cannot_mend_ends_it_at_once() {
    let server = Server::bind().await;
    let answers = [
        "{\"error\":\"who are you\",\"code\":\"auth_failed\",\"id\":0}\n",
        "{\"error\":\"no\",\"code\":\"of_tomorrow\",\"id\":0}\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "{\"success\":\"OK\"}\n",
    ];
    for answer in answers {
        let builder = server.client().wait_for_server(None);
        let refuse = async { server.accept().await.send_text(answer).await };
        let (refused, ()) = tokio::join!(builder.connect(), refuse);
        let error = refused.unwrap_err();
        assert!(!matches!(error, ConnectError::NotInTime { .. }), "{error}");
    }

    let unusable = Client::builder()
        .address("tcp://127.0.0.1:0".parse().unwrap())
        .wait_for_server(None);
    let error = unusable.connect().await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Address(AddressError::Unusable(_))),
        "{error:?}"
    );
    assert!(error.to_string().contains("port 0"), "{error}");
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_is_said_before_the_system_says_less() {
    let path = format!("/{}", "x".repeat(200));
    let address = ipc_client::Address::Unix(path.into());
    let error = Client::builder().address(address).connect().await;
    let line = error.unwrap_err().to_string();
    assert!(line.contains("bytes and this has 201"), "{line}");
}

#[tokio::test]
async fn a_notice_before_the_answer_to_the_greeting_is_no_answer() {
    let server = Server::bind().await;
    let greet = async {
        let mut peer = server.accept().await;
        let hello = peer.next().await;
        peer.send(&json!({"event": "ipc.shutdown", "result": {"grace_ms": 1}}))
            .await;
        peer.respond(&hello, &json!({"protocol": 1})).await;
        peer
    };
    let (client, _peer) = tokio::join!(server.client().connect(), greet);
    assert!(!client.unwrap().is_seed());
}
