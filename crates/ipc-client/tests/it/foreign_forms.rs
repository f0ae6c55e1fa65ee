//! A server that writes numbers and absent keys as other languages do is understood.

use ipc_client::{ConnectionState, DisconnectReason, Fault, Reconnect, Request, Response};
use serde_json::json;

use crate::peer::Server;

#[tokio::test]
async fn a_greeting_and_reports_may_have_fractions_and_nulls() {
    let server = Server::bind().await;
    let greeted = async {
        let mut peer = server.accept().await;
        peer.next().await;
        peer.send_text("{\"response\":{\"protocol\":1.0,\"server\":null,\"client\":1.7e1,\"limits\":null},\"error\":null,\"id\":0}\n").await;
        peer
    };
    let (client, mut peer) = tokio::join!(server.client().connect(), greeted);
    let client = client.unwrap();
    assert_eq!(client.id(), Some(17));

    let scripted = async {
        let request = peer.next().await;
        let id = &request["id"];
        let report = r#"{"client":3.0,"name":null,"subscriptions":1e2,"pid":4E+1,"uid":null}"#;
        peer.send_text(&format!(
            "{{\"response\":{{\"clients\":[{report}],\"next\":null}},\"error\":null,\"id\":{id}.0}}\n"
        ))
        .await;
    };
    let (clients, ()) = tokio::join!(client.clients(), scripted);
    let clients = clients.unwrap();
    let seen = (
        clients[0].client,
        clients[0].subscriptions,
        clients[0].pid,
        clients[0].uid,
    );
    assert_eq!(seen, (3, 100, Some(40), None));
}

#[tokio::test]
async fn answers_are_found_by_their_ids_in_any_form_of_the_number() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let object = client.object("calc");
    for form in ["#", "#.0", "#00e-2", "#E+0"] {
        let scripted = async {
            let request = peer.next().await;
            let id = form.replace('#', &request["id"].to_string());
            peer.send_text(&format!("{{\"error\":null,\"response\":3,\"id\":{id}}}\n"))
                .await;
        };
        let (answer, ()) = tokio::join!(object.call::<i64>("add", &json!([1, 2])), scripted);
        assert_eq!(answer.unwrap(), 3, "{form}");
    }
    let emitting = client.emit("e", &1);
    let scripted = async {
        let id = peer.next().await["id"].clone();
        peer.send_text(&format!(
            "{{\"success\":\"OK\",\"delivered\":2.0,\"error\":null,\"id\":{id}.0}}\n"
        ))
        .await;
    };
    let (delivered, ()) = tokio::join!(emitting.into_future(), scripted);
    assert_eq!(delivered.unwrap(), 2);
}

#[tokio::test]
async fn a_reply_carries_the_id_of_its_call_as_it_was_written() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let provider = |_request: Request| async { Response::new(&1) };
    let registering = client.register("calc", provider);
    let (registration, _) = tokio::join!(registering.into_future(), peer.succeed_next());
    let _registration = registration.unwrap();
    for id in ["7.0", "1e3", "-1.5", "\"a\"", "8"] {
        let call = format!(
            "{{\"object\":\"calc\",\"method\":\"m\",\"timeout_ms\":5e3,\"error\":null,\"id\":{id}}}\n"
        );
        peer.send_text(&call).await;
        let reply = String::from_utf8(peer.read_once_raw().await).unwrap();
        assert_eq!(reply, format!("{{\"response\":1,\"id\":{id}}}\n"));
    }
}

#[tokio::test]
async fn what_a_subscription_missed_is_counted_in_any_form() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let (subscription, _) = tokio::join!(client.listen("e"), peer.succeed_next());
    let mut subscription = subscription.unwrap();
    peer.send_text("{\"event\":\"ipc.lost\",\"result\":{\"event\":\"e\",\"count\":3.0}}\n")
        .await;
    let missed = subscription.recv().await.unwrap().unwrap_err();
    assert_eq!(missed.missed(), Some(3));
}

#[tokio::test]
async fn a_server_whose_answer_has_a_wrong_value_is_left_and_nobody_waits_for_it() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, mut peer) = server.connected_as(builder).await;
    let scripted = async {
        let id = peer.next().await["id"].clone();
        peer.send_text(&format!(
            "{{\"success\":\"OK\",\"delivered\":\"many\",\"id\":{id}}}\n"
        ))
        .await;
    };
    let (delivered, ()) = tokio::join!(client.emit("e", &1).into_future(), scripted);
    delivered.unwrap_err();
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    let state = client.states().wait_for(is_closed).await;
    let Some(ConnectionState::Closed {
        reason: Some(DisconnectReason::Fault(Fault::WrongType { key, .. })),
    }) = state
    else {
        panic!("{state:?}");
    };
    assert_eq!(key, "delivered");
}
