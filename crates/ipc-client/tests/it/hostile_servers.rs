//! What a server says or sends never makes a client use more than its own limits allow. How much
//! a client would take is counted in the bytes that the server gets rid of.

use std::time::Duration;

use ipc_client::{
    Builder, Client, ConnectError, ConnectionState, DisconnectReason, Fault, Reconnect,
    RequestError,
};
use serde_json::{Value, json};

use crate::peer::{Peer, Server};

/// What the sockets of a connection may hold beside what the client has read.
const SOCKET_BYTES: usize = 16 * 1024 * 1024;

/// The limit that the clients of these tests have.
const LIMIT_BYTES: usize = 100_000;

/// What the client takes beyond it: a read, and what a server may add to a message.
const SLACK_BYTES: usize = 256 * 1024;

/// Far more than any client may take.
const ENDLESS_BYTES: usize = 64 * 1024 * 1024;

fn limited(server: &Server) -> Builder {
    server
        .client()
        .reconnect(Reconnect::never())
        .message_bytes(LIMIT_BYTES)
}

/// Sends the same bytes again and again until the client closes; how many it let go.
async fn flood(peer: &mut Peer, begin: &str, bytes: &str) -> usize {
    let mut n_bytes = begin.len();
    if peer.try_send(begin.as_bytes()).await.is_err() {
        return 0;
    }
    while n_bytes < ENDLESS_BYTES && peer.try_send(bytes.as_bytes()).await.is_ok() {
        n_bytes += bytes.len();
    }
    n_bytes
}

/// A client of a server that says these things about itself.
async fn connected(server: &Server, hello: Value) -> (Client, Peer) {
    let greet = async {
        let mut peer = server.accept().await;
        let request = peer.next().await;
        peer.respond(&request, &hello).await;
        peer
    };
    let (client, peer) = tokio::join!(limited(server).connect(), greet);
    (client.unwrap(), peer)
}

async fn ended(client: &Client) -> DisconnectReason {
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    match client.states().wait_for(is_closed).await {
        Some(ConnectionState::Closed { reason }) => reason.unwrap(),
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn no_announcement_of_a_server_raises_what_a_client_takes() {
    for limit in [
        json!(1_u64 << 62),
        json!(u64::MAX),
        serde_json::from_str("1e300").unwrap(),
        json!(-1),
        json!(1.5),
        json!(null),
        json!("all"),
    ] {
        let server = Server::bind().await;
        let hello = json!({"protocol": 1, "limits": {"message_bytes": limit, "names": limit,
            "outbox_bytes": limit, "requests": limit}});
        let (client, mut peer) = connected(&server, hello).await;
        let chunk = "x".repeat(64 * 1024);
        let n_bytes = flood(&mut peer, "{\"response\":\"", &chunk).await;
        assert!(
            n_bytes < LIMIT_BYTES + SLACK_BYTES + SOCKET_BYTES,
            "{limit}: {n_bytes}"
        );
        let reason = ended(&client).await;
        let DisconnectReason::Fault(Fault::TooLarge { limit_bytes }) = reason else {
            panic!("{limit}: {reason:?}");
        };
        assert!(limit_bytes < LIMIT_BYTES + SLACK_BYTES, "{limit_bytes}");
    }
}

#[tokio::test]
async fn no_announcement_of_a_server_raises_what_a_client_sends_and_a_small_one_lowers_it() {
    for (hello, limit_bytes) in [
        (json!({}), LIMIT_BYTES),
        (json!({"limits": null}), LIMIT_BYTES),
        (
            json!({"limits": {"message_bytes": 1_u64 << 62}}),
            LIMIT_BYTES,
        ),
        (json!({"limits": {"message_bytes": -5}}), LIMIT_BYTES),
        (json!({"limits": {"message_bytes": 1000.0}}), 1000),
        (
            json!({"limits": {"message_bytes": 1000}, "client": "?", "server": 7}),
            1000,
        ),
        (json!({"limits": {"message_bytes": 0}}), 0),
    ] {
        let server = Server::bind().await;
        let (client, _peer) = connected(&server, hello.clone()).await;
        let value = "x".repeat(LIMIT_BYTES);
        let refused = client.emit("e", &value).await.unwrap_err();
        let RequestError::TooLarge { limit_bytes: n, .. } = refused else {
            panic!("{hello}: {refused:?}");
        };
        assert_eq!(n, limit_bytes, "{hello}");
    }
}

#[tokio::test]
async fn a_server_of_the_seed_system_is_held_to_the_same_limits() {
    let server = Server::bind().await;
    let refuse = async {
        let mut peer = server.accept().await;
        peer.next().await;
        peer.send_text("{\"error\":\"Object not found\"}").await;
        peer
    };
    let (client, mut peer) = tokio::join!(limited(&server).connect(), refuse);
    let client = client.unwrap();
    let value = "x".repeat(LIMIT_BYTES);
    let refused = client.emit("e", &value).await.unwrap_err();
    assert!(matches!(refused, RequestError::TooLarge { .. }));

    let n_bytes = flood(&mut peer, "{\"response\":\"", &value).await;
    assert!(n_bytes < LIMIT_BYTES + SLACK_BYTES + SOCKET_BYTES);
    let reason = ended(&client).await;
    assert!(matches!(
        reason,
        DisconnectReason::Fault(Fault::TooLarge { .. })
    ));
}

#[tokio::test]
async fn before_the_greeting_is_answered_little_is_taken() {
    let server = Server::bind().await;
    let flooding = async || {
        let mut peer = server.accept().await;
        flood(&mut peer, "{\"response\":\"", &"x".repeat(64 * 1024)).await
    };
    // Whatever the client may take later.
    let builder = server.client().message_bytes(usize::MAX);
    let (refused, n_bytes) = tokio::join!(builder.connect(), flooding());
    assert!(n_bytes < SLACK_BYTES + SOCKET_BYTES, "{n_bytes}");
    assert!(
        matches!(
            refused,
            Err(ConnectError::Protocol {
                source: Fault::TooLarge { .. },
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nothing_without_end_before_the_greeting_keeps_a_client_beyond_its_time() {
    for bytes in ["\n", " ", "{\"event\":\"ipc.lost\",\"result\":1}\n"] {
        let server = Server::bind().await;
        let builder = server.client().connect_timeout(Duration::from_millis(50));
        let flooding = async {
            let mut peer = server.accept().await;
            let bytes = bytes.repeat(1000);
            while peer.try_send(bytes.as_bytes()).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        let (refused, ()) = tokio::join!(builder.connect(), flooding);
        assert!(
            matches!(refused, Err(ConnectError::Timeout { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_before_and_after_the_greeting() {
    let deep = format!("{{\"response\":{}", "[".repeat(200_000));
    let server = Server::bind().await;
    let nest = async {
        let mut peer = server.accept().await;
        peer.try_send(deep.as_bytes()).await.ok();
    };
    let (refused, ()) = tokio::join!(limited(&server).connect(), nest);
    assert!(
        matches!(
            refused,
            Err(ConnectError::Protocol {
                source: Fault::TooDeep { .. },
                ..
            })
        ),
        "{refused:?}"
    );

    let (client, mut peer) = connected(&server, json!({})).await;
    peer.try_send(deep.as_bytes()).await.ok();
    let reason = ended(&client).await;
    assert!(matches!(
        reason,
        DisconnectReason::Fault(Fault::TooDeep { .. })
    ));
}

#[tokio::test]
async fn answers_and_notices_that_nobody_asked_for_are_dropped() {
    let server = Server::bind().await;
    let (client, mut peer) = connected(&server, json!({})).await;
    let (events, ()) = tokio::join!(client.listen("wanted"), async {
        let request = peer.next().await;
        peer.succeed(&request).await;
    });
    let mut events = events.unwrap();
    for n in 0..2000 {
        let unasked = [
            json!({"response": n, "id": 1_000_000 + n}),
            json!({"success": "OK", "id": format!("x{n}")}),
            json!({"list": [], "id": n + 5_000_000}),
            json!({"event": format!("unwanted{n}"), "result": n}),
            json!({"event": "ipc.cancel", "result": {"id": n}}),
            json!({"event": "ipc.lost", "result": {"event": "wanted", "count": 1}}),
            json!({"event": "ipc.lost", "result": -1}),
            json!({"event": "ipc.of_tomorrow", "result": n}),
        ];
        for message in unasked {
            peer.send(&message).await;
        }
    }
    peer.send(&json!({"event": "wanted", "result": 1})).await;
    let missed = events.recv().await.unwrap().unwrap_err();
    let mut n_missed = missed.missed().unwrap();
    loop {
        match events.recv().await.unwrap() {
            Ok(event) => break assert_eq!(event.name(), "wanted"),
            Err(missed) => n_missed += missed.missed().unwrap(),
        }
    }
    assert_eq!(n_missed, 2000);
    assert!(client.is_connected());
}
