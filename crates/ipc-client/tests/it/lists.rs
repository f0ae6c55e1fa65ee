//! A list is walked page by page, and to its end only.

use ipc_client::RequestError;
use serde_json::{Value, json};

use crate::peer::{Peer, Server};

async fn answer_page(peer: &mut Peer, param: Value, objects: &[&str], next: Value) {
    let call = peer.next().await;
    assert_eq!(
        (&call["object"], &call["method"]),
        (&"ipc".into(), &"objects".into())
    );
    assert_eq!(call["param"], param);
    let objects: Vec<_> = objects
        .iter()
        .map(|object| json!({ "object": object }))
        .collect();
    peer.respond(&call, &json!({"objects": objects, "next": next}))
        .await;
}

#[tokio::test]
async fn each_page_is_asked_for_when_the_one_before_is_used_up() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let mut objects = client.list_objects().of_client(7);
    let mut names = Vec::new();
    for (param, entries, next) in [
        (json!({"client": 7}), ["a", "b"], json!("b")),
        (json!({"client": 7, "after": "b"}), ["c", "d"], Value::Null),
    ] {
        let answer = answer_page(&mut peer, param, &entries, next);
        let (first, ()) = tokio::join!(objects.next(), answer);
        names.push(first.unwrap().unwrap().object);
        names.push(objects.next().await.unwrap().unwrap().object);
    }
    assert!(objects.next().await.is_none());
    assert!(objects.next().await.is_none(), "it stays at its end");
    assert_eq!(names, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_page_without_entries_is_not_the_end() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let answer = async {
        answer_page(&mut peer, json!({}), &[], json!("b")).await;
        answer_page(&mut peer, json!({"after": "b"}), &["c"], Value::Null).await;
    };
    let (objects, ()) = tokio::join!(client.objects(), answer);
    assert_eq!(objects.unwrap()[0].object, "c");
}

#[tokio::test]
async fn a_server_cannot_lead_a_client_in_circles() {
    for next in [json!("a"), json!("b"), json!(7), json!([])] {
        let server = Server::bind().await;
        let (client, mut peer) = server.connected().await;
        let answer = async {
            answer_page(&mut peer, json!({}), &["a"], json!("b")).await;
            answer_page(&mut peer, json!({"after": "b"}), &["c"], next.clone()).await;
        };
        let mut objects = client.list_objects();
        let walk = async {
            assert_eq!(objects.next().await.unwrap().unwrap().object, "a");
            let error = objects.next().await.unwrap().unwrap_err();
            assert!(matches!(error, RequestError::Decode(_)), "{error}");
            assert!(objects.next().await.is_none());
        };
        tokio::join!(walk, answer);
    }
}

#[tokio::test]
async fn giving_up_on_an_entry_loses_nothing() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let mut objects = client.list_objects();
    // The page is asked for, and its answer comes after nobody waits any more.
    let call = tokio::select! {
        biased;
        _ = objects.next() => panic!("nothing was answered"),
        call = peer.next() => call,
    };
    let page = json!({"objects": [{"object": "a"}], "next": null});
    peer.respond(&call, &page).await;
    assert_eq!(objects.next().await.unwrap().unwrap().object, "a");
    assert!(objects.next().await.is_none());
}

#[tokio::test]
async fn where_a_page_begins_may_be_a_whole_number_in_any_form() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let answer = async {
        for next in ["1e3", "2000.0", "3000", "null"] {
            let call = peer.next().await;
            let page = format!("{{\"clients\":[],\"next\":{next}}}");
            let id = &call["id"];
            peer.send_text(&format!("{{\"response\":{page},\"id\":{id}}}\n"))
                .await;
        }
        std::future::pending().await
    };
    let clients = tokio::select! {
        clients = client.clients() => clients,
        () = answer => unreachable!("it goes on"),
    };
    assert_eq!(clients.unwrap(), []);
}
