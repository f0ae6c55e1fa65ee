//! Waiting for objects.

use std::time::Duration;

use ipc_client::WaitError;
use serde_json::json;

use crate::peer::Server;

#[tokio::test]
async fn the_objects_that_did_not_come_in_time_are_named() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let waiting = client.wait_for_objects(["calc", "log"]);
    let waiting = waiting.timeout(Duration::from_millis(20)).into_future();
    let serve = async {
        let request = peer.next().await;
        assert_eq!(request["list"], json!(["calc", "log"]));
        let hold = Duration::from_millis(request["timeout_ms"].as_u64().unwrap());
        tokio::time::sleep(hold).await;
        let answer = json!({"list": [], "missing": ["log"], "id": request["id"]});
        peer.send(&answer).await;
    };
    let (waited, ()) = tokio::join!(waiting, serve);
    let Err(WaitError::Missing(missing)) = waited else {
        panic!("{waited:?}");
    };
    assert_eq!(missing, ["log"]);
}

#[tokio::test]
async fn waiting_without_a_timeout_outlasts_answers_and_connections() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let serve = async {
        let request = peer.next().await;
        let answer = json!({"list": [], "missing": ["a"], "id": request["id"]});
        peer.send(&answer).await;
        peer.next().await;
        drop(peer);
        let mut peer = server.accept_greeted().await;
        let request = peer.next().await;
        let answer = json!({"list": ["a"], "id": request["id"]});
        peer.send(&answer).await;
        peer
    };
    let waiting = client.wait_for_objects(["a"]).into_future();
    let (waited, _peer) = tokio::join!(waiting, serve);
    waited.unwrap();
    let none: [&str; 0] = [];
    client.wait_for_objects(none).await.unwrap();
}
