//! States that are watched: of the connection and of a registration, by the same rules.

use futures_util::future::poll_immediate;
use ipc_client::{ConnectionState, Reconnect, RegistrationState, Response};

use crate::peer::Server;

#[tokio::test]
async fn what_stands_when_a_watch_is_made_counts_as_seen() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let registering = client.register_fn("calc", |_| async { Response::new(&1) });
    let (registration, _) = tokio::join!(registering.into_future(), peer.succeed_next());
    let registration = registration.unwrap();
    let (mut connection, mut registered) = (client.states(), registration.states());
    assert_eq!(registered.current(), RegistrationState::Active);
    assert!(poll_immediate(connection.changed()).await.is_none());
    assert!(poll_immediate(registered.changed()).await.is_none());

    drop(peer);
    let changed = registered.changed().await.unwrap();
    assert_eq!(changed, RegistrationState::Disconnected);
    let changed = connection.changed().await.unwrap();
    assert!(matches!(changed, ConnectionState::Disconnected { .. }));
    // Those that are made now have seen that, and a clone what its original has.
    for mut watch in [registration.states(), registered.clone()] {
        assert!(poll_immediate(watch.changed()).await.is_none());
    }
    assert!(poll_immediate(client.states().changed()).await.is_none());
}

#[tokio::test]
async fn a_watch_of_what_cannot_change_any_more_says_so() {
    let server = Server::bind().await;
    let builder = server.client().reconnect(Reconnect::never());
    let (client, mut peer) = server.connected_as(builder).await;
    let registering = client.register_fn("calc", |_| async { Response::new(&1) });
    let (registration, _) = tokio::join!(registering.into_future(), peer.succeed_next());
    let registration = registration.unwrap();
    let (mut connection, mut registered) = (client.states(), registration.states());
    drop(peer);
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    connection.wait_for(is_closed).await.unwrap();
    let is_ended = |state: &RegistrationState| *state == RegistrationState::Ended;
    registered.wait_for(is_ended).await.unwrap();

    // The handles are still there, and so is what they watch.
    assert!(connection.changed().await.is_none());
    assert!(registered.changed().await.is_none());
    assert!(client.states().changed().await.is_none());
    let is_connected = |state: &ConnectionState| matches!(state, ConnectionState::Connected);
    assert!(connection.wait_for(is_connected).await.is_none());
    let is_active = |state: &RegistrationState| *state == RegistrationState::Active;
    assert!(registered.wait_for(is_active).await.is_none());
}
