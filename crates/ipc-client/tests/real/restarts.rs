//! The server goes and comes back.

use ipc_client::{CallError, ConnectionState, Lagged, Methods};
use tokio::sync::mpsc;

use super::{connect, start_server, start_server_at};

#[tokio::test]
async fn after_a_restart_objects_and_subscriptions_are_there_again() {
    let server = start_server();
    let address = server.addresses()[0].clone();
    let (tell, mut told) = mpsc::channel(1);
    let (provider, caller) = (
        connect(&server, "provider").await,
        connect(&server, "caller").await,
    );
    let object = Methods::new()
        .on("add", |(a, b): (i64, i64)| async move { Ok(a + b) })
        .on("hang", move |(): ()| {
            let tell = tell.clone();
            async move {
                tell.send(()).await.unwrap();
                std::future::pending::<()>().await;
                Ok(())
            }
        });
    let _registration = provider.register("calc", object).await.unwrap();
    let mut events = caller.listen("temp").await.unwrap();
    let in_flight = tokio::spawn({
        let caller = caller.clone();
        async move { caller.object("calc").call::<()>("hang", &()).await }
    });
    told.recv().await.unwrap();

    // It stops without waiting for the call: both ends are gone before the drain is over.
    let mut states = caller.states();
    let stopper = server.stopper();
    stopper.stop();
    // A call that is faster than the signal is still sent to the provider, which does not know it.
    let calc = caller.object("calc");
    loop {
        let error = calc.call::<()>("late", &()).await.unwrap_err();
        if error.code() == Some(ipc_client::Code::ShuttingDown) {
            break;
        }
        assert!(matches!(error, CallError::MethodNotFound { .. }), "{error}");
    }
    in_flight.abort();
    tokio::task::spawn_blocking(move || server.stop().unwrap())
        .await
        .unwrap();
    states
        .wait_for(|state| matches!(state, ConnectionState::Disconnected { .. }))
        .await
        .unwrap();

    let server = start_server_at(address);
    states
        .wait_for(|state| matches!(state, ConnectionState::Connected))
        .await
        .unwrap();
    caller.wait_for_objects(["calc"]).await.unwrap();
    assert_eq!(
        caller
            .object("calc")
            .call::<i64>("add", &(1, 2))
            .await
            .unwrap(),
        3
    );
    while caller.emit("temp", &21.5).await.unwrap() == 0 {}
    loop {
        match events.recv().await.unwrap() {
            Ok(event) => {
                assert_eq!(event.parse::<f64>().unwrap(), 21.5);
                break;
            }
            Err(gap) => assert!(matches!(gap, Lagged::Disconnected), "{gap}"),
        }
    }
    drop(server);
}

#[tokio::test]
async fn a_call_waits_for_a_server_that_is_away_within_its_timeout() {
    let server = start_server();
    let address = server.addresses()[0].clone();
    let caller = connect(&server, "caller").await;
    let mut states = caller.states();
    drop(server);
    states
        .wait_for(|state| matches!(state, ConnectionState::Disconnected { .. }))
        .await
        .unwrap();

    let call = caller.object("calc").call::<()>("m", &());
    let error = call
        .timeout(std::time::Duration::from_millis(20))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::NotSent) && !error.is_outcome_unknown(),
        "{error}"
    );

    let waiting = tokio::spawn({
        let caller = caller.clone();
        async move { caller.object("calc").call::<()>("m", &()).await }
    });
    let server = start_server_at(address);
    let error = waiting.await.unwrap().unwrap_err();
    assert!(
        matches!(error, CallError::ObjectNotFound { .. }),
        "it was sent: {error}"
    );
    drop(server);
}
