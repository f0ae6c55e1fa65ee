//! Calls to objects of the client are all answered, whatever their handlers do.

use std::{
    future::pending,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ipc_client::{
    CallError, Client, Code, ConnectionState, DisconnectReason, Methods, Mode, ObjectError,
    Provider, Registration, RegistrationState, Request, RequestError, Response,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::peer::{Peer, Server};

async fn register<P: Provider>(client: &Client, peer: &mut Peer, provider: P) -> Registration {
    let registering = client.register("calc", provider).into_future();
    let (registration, request) = tokio::join!(registering, peer.succeed_next());
    assert_eq!(request["reg_object"], "calc");
    registration.unwrap()
}

fn call(method: &str, param: &Value, id: u64) -> Value {
    json!({"object": "calc", "method": method, "param": param, "id": id})
}

struct Calc;

impl Provider for Calc {
    async fn call(&self, request: Request) -> Result<Response, ObjectError> {
        match request.method() {
            "add" => {
                let (a, b): (i64, i64) = request.param()?;
                Response::new(&(a + b))
            }
            "fail" => Err(ObjectError::new(&json!({"reason": 7}))),
            "panic" => panic!("on purpose"),
            "left" => {
                let left = request.timeout().unwrap().as_millis();
                Response::new(&(0 < left && left <= 5000, request.headers()))
            }
            method => Err(ObjectError::method_not_found(method)),
        }
    }
}

#[tokio::test]
async fn a_registration_says_its_mode_and_describes_its_interface() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let interface = json!({"methods": {"add": {}}});
    let register = client
        .register("calc", Calc)
        .mode(Mode::Queue)
        .interface(&interface);
    let (registration, request) = tokio::join!(register.into_future(), peer.succeed_next());
    let registration = registration.unwrap();
    assert_eq!(request["mode"], "queue");
    assert_eq!(request["interface"], interface);
    let state = registration.states().current();
    assert_eq!(state, RegistrationState::Active);
}

#[tokio::test]
async fn replies_carry_the_ids_of_their_calls() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let _registration = register(&client, &mut peer, Calc).await;
    peer.send(&call("add", &json!([1, 2]), 70)).await;
    assert_eq!(peer.next().await, json!({"response": 3, "id": 70}));
    peer.send(&call("fail", &json!(null), 71)).await;
    assert_eq!(peer.next().await, json!({"error": {"reason": 7}, "id": 71}));
    peer.send(&call("mul", &json!(null), 72)).await;
    let reply = peer.next().await;
    assert_eq!(reply["code"], "method_not_found");
    assert_eq!(reply["id"], 72);
    let mut with_options = call("left", &json!(null), 73);
    with_options["timeout_ms"] = json!(5000);
    with_options["headers"] = json!({"a": "b"});
    peer.send(&with_options).await;
    assert_eq!(peer.next().await["response"], json!([true, {"a": "b"}]));
    peer.send(&json!({"object": "other", "method": "m", "id": 74}))
        .await;
    assert_eq!(peer.next().await["code"], "object_not_found");
}

#[tokio::test]
async fn a_panic_in_a_handler_is_answered_and_the_next_call_works() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let _registration = register(&client, &mut peer, Calc).await;
    peer.send(&call("panic", &json!(null), 1)).await;
    let reply = peer.next().await;
    assert_eq!(reply["error"], "the handler of 'panic' panicked");
    assert_eq!(reply["id"], 1);
    peer.send(&call("add", &json!([1, 2]), 2)).await;
    assert_eq!(peer.next().await, json!({"response": 3, "id": 2}));
}

#[tokio::test]
async fn a_slow_call_does_not_hold_up_the_others() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let methods = Methods::new()
        .on("slow", move |(): ()| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok("slow")
            }
        })
        .on("fast", |(): ()| async { Ok("fast") });
    let _registration = register(&client, &mut peer, methods).await;
    peer.send(&call("slow", &json!(null), 1)).await;
    peer.send(&call("fast", &json!(null), 2)).await;
    assert_eq!(peer.next().await, json!({"response": "fast", "id": 2}));
    opened.notify_one();
    assert_eq!(peer.next().await, json!({"response": "slow", "id": 1}));
}

/// Tells when it is dropped.
struct Tell(Arc<Notify>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Methods that never answer; their end is told through what is returned.
fn endless() -> (Methods, Arc<Notify>) {
    let dropped = Arc::new(Notify::new());
    let tell = Arc::clone(&dropped);
    let methods = Methods::new().on("endless", move |(): ()| {
        let tell = Tell(Arc::clone(&tell));
        async move {
            let _tell = tell;
            pending::<Result<(), ObjectError>>().await
        }
    });
    let methods = methods.on("fast", |(): ()| async { Ok("fast") });
    (methods, dropped)
}

#[tokio::test]
async fn a_call_that_the_caller_gave_up_is_aborted() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let (methods, dropped) = endless();
    let _registration = register(&client, &mut peer, methods).await;
    peer.send(&call("endless", &json!(null), 5)).await;
    // The answer to a later call shows that the earlier one has started.
    peer.send(&call("fast", &json!(null), 6)).await;
    peer.next().await;
    peer.send(&json!({"event": "ipc.cancel", "result": {"id": 5}}))
        .await;
    dropped.notified().await;
    peer.send(&call("fast", &json!(null), 7)).await;
    assert_eq!(peer.next().await["id"], 7, "nothing is said about 5");
}

#[tokio::test]
async fn calls_that_run_are_aborted_when_the_connection_is_lost() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let (methods, dropped) = endless();
    let _registration = register(&client, &mut peer, methods).await;
    peer.send(&call("endless", &json!(null), 5)).await;
    // The answer to a later call shows that the earlier one has started.
    peer.send(&call("fast", &json!(null), 6)).await;
    peer.next().await;
    drop(peer);
    dropped.notified().await;
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_and_those_beyond_the_queue_are_refused() {
    let server = Server::bind().await;
    let builder = server.client().concurrent_calls(1);
    let (client, mut peer) = server.connected_as(builder).await;
    let (methods, _dropped) = endless();
    let _registration = register(&client, &mut peer, methods).await;
    peer.send(&call("endless", &json!(null), 1)).await;
    for id in 2..4098 {
        peer.send(&call("fast", &json!(null), id)).await;
    }
    peer.send(&call("fast", &json!(null), 4098)).await;
    let refused = peer.next().await;
    assert_eq!(refused["id"], 4098);
    assert_eq!(refused["code"], "busy");
    // One that waits is given up, then the one that runs.
    for id in [3, 1] {
        peer.send(&json!({"event": "ipc.cancel", "result": {"id": id}}))
            .await;
    }
    assert_eq!(peer.next().await["id"], 2);
    for id in 4..4098 {
        assert_eq!(peer.next().await["id"], id);
    }
}

#[tokio::test]
async fn dropping_a_registration_gives_the_name_back() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let registration = register(&client, &mut peer, Calc).await;
    let mut states = registration.states();
    drop(registration);
    let unregister = peer.next().await;
    assert_eq!(unregister["method"], "unregister");
    assert_eq!(unregister["param"], json!({"object": "calc"}));
    assert_eq!(states.current(), RegistrationState::Ended);
    assert!(states.changed().await.is_some());
    assert!(states.changed().await.is_none(), "there is no more");

    let registration = register(&client, &mut peer, Calc).await;
    let answer = async {
        let request = peer.next().await;
        assert_eq!(request["method"], "unregister");
        // A call that came before the server took the name is still answered.
        peer.send(&call("add", &json!([1, 2]), 9)).await;
        assert_eq!(peer.next().await, json!({"response": 3, "id": 9}));
        peer.respond(&request, &json!(null)).await;
    };
    let (unregistered, ()) = tokio::join!(registration.unregister(), answer);
    unregistered.unwrap();
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_here_and_there() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let _registration = register(&client, &mut peer, Calc).await;
    let twice = client.register("calc", Calc).await.unwrap_err();
    assert_eq!(twice.code(), Some(Code::NameTaken));
    let refuse = async {
        let request = peer.next().await;
        let refusal = json!({"error": "taken", "code": "name_taken", "id": request["id"]});
        peer.send(&refusal).await;
    };
    let register = client.register("other", Calc).into_future();
    let (refused, ()) = tokio::join!(register, refuse);
    let Err(RequestError::Refused { code, message }) = refused else {
        panic!("it was not refused");
    };
    assert_eq!((code, &*message), (Some(Code::NameTaken), "taken"));
}

#[tokio::test]
async fn a_provider_may_hold_the_client_and_call_through_it() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let inner = client.clone();
    let was_called = Arc::new(AtomicBool::new(false));
    let called = Arc::clone(&was_called);
    let relay = move |_request: Request| {
        let inner = inner.clone();
        called.store(true, Ordering::Relaxed);
        async move {
            let value: Value = inner
                .object("far")
                .call("get", &1)
                .await
                .map_err(ObjectError::text)?;
            Response::new(&value)
        }
    };
    let registration = register(&client, &mut peer, relay).await;
    peer.send(&call("relay", &json!(null), 8)).await;
    let far = peer.next().await;
    assert_eq!(far["object"], "far");
    peer.respond(&far, &json!("value")).await;
    assert_eq!(peer.next().await, json!({"response": "value", "id": 8}));
    assert!(was_called.load(Ordering::Relaxed));

    // With the registration goes the last handle, and with it the connection.
    drop(client);
    drop(registration);
    assert_eq!(peer.next().await["method"], "unregister");
    assert_eq!(peer.try_next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_whose_handlers_compute_for_long_get_threads_of_their_own() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let both = Arc::new(Barrier::new(2));
    let methods = Methods::new()
        .on("compute", |(): ()| async {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(1) {}
            Ok(())
        })
        .on("meet", move |(): ()| {
            let both = Arc::clone(&both);
            async move {
                // Ends only if the other call runs at the same time.
                both.wait();
                Ok(())
            }
        });
    let _registration = register(&client, &mut peer, methods).await;
    for id in 1..5 {
        peer.send(&call("compute", &json!(null), id)).await;
        assert_eq!(peer.next().await["id"], id);
    }
    for id in 5..7 {
        peer.send(&call("meet", &json!(null), id)).await;
    }
    let mut met = [
        peer.next().await["id"].as_u64(),
        peer.next().await["id"].as_u64(),
    ];
    met.sort_unstable();
    assert_eq!(met, [Some(5), Some(6)]);
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose");
    }
}

#[tokio::test]
async fn a_panic_at_the_end_of_a_handler_is_answered_and_the_next_call_works() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let methods = Methods::new()
        .on("fragile", |(): ()| {
            let fragile = Fragile;
            async move {
                let _fragile = fragile;
                Ok(())
            }
        })
        .on("fast", |(): ()| async { Ok("fast") });
    let _registration = register(&client, &mut peer, methods).await;
    peer.send(&call("fragile", &json!(null), 1)).await;
    assert_eq!(
        peer.next().await["error"],
        "the handler of 'fragile' panicked"
    );
    peer.send(&call("fast", &json!(null), 2)).await;
    assert_eq!(peer.next().await, json!({"response": "fast", "id": 2}));
}

#[tokio::test]
async fn calls_that_come_together_are_answered_in_order_however_many() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let _registration = register(&client, &mut peer, Calc).await;
    let calls: String = (0..1000)
        .map(|id| format!("{}\n", call("add", &json!([id, 1]), id)))
        .collect();
    peer.send_text(&calls).await;
    for id in 0..1000 {
        let expected = json!({"response": id + 1, "id": id});
        assert_eq!(peer.next().await, expected);
    }
}

#[tokio::test]
async fn ids_that_are_no_small_numbers_come_back_as_they_were() {
    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let (methods, dropped) = endless();
    let _registration = register(&client, &mut peer, methods).await;
    for id in ["\"a\\u0062\"", "-7", "18446744073709551616"] {
        let called = format!("{{\"object\":\"calc\",\"method\":\"fast\",\"id\":{id}}}\n");
        peer.send_text(&called).await;
        let id: Value = serde_json::from_str(id).unwrap();
        assert_eq!(peer.next().await["id"], id);
    }
    let endless = json!({"object": "calc", "method": "endless", "id": "x"});
    peer.send(&endless).await;
    peer.send(&call("fast", &json!(null), 1)).await;
    assert_eq!(peer.next().await["id"], 1);
    let cancel = json!({"event": "ipc.cancel", "result": {"id": "x"}});
    peer.send(&cancel).await;
    dropped.notified().await;
}

#[tokio::test]
async fn a_provider_that_panics_when_it_is_dropped_ends_the_client_instead_of_leaving_it_mute() {
    struct Fragile;

    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let server = Server::bind().await;
    let (client, mut peer) = server.connected().await;
    let held = Arc::new(Mutex::new(None));
    let holder = Arc::clone(&held);
    let fragile = Fragile;
    let object = client.register_fn("o", move |_| {
        let _ = &fragile;
        // The first of two calls gives the object back, so the second is what holds it last.
        drop(holder.lock().unwrap().take());
        async { Response::new(&1) }
    });
    let (registration, _) = tokio::join!(object.into_future(), peer.succeed_next());
    *held.lock().unwrap() = Some(registration.unwrap());
    let call = |id| json!({"object": "o", "method": "m", "id": id});
    peer.send_text(&format!("{}\n{}\n", call(1), call(2))).await;
    while peer.try_next().await.is_some() {}
    let mut states = client.states();
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    let state = states.wait_for(is_closed).await.unwrap();
    let ConnectionState::Closed { reason } = state else {
        panic!("{state:?}");
    };
    assert!(
        matches!(reason, Some(DisconnectReason::TaskEnded)),
        "{reason:?}"
    );
}

#[tokio::test]
async fn a_waiting_call_whose_provider_panics_at_its_end_hides_the_loss_from_nobody() {
    const HANG: Duration = Duration::from_secs(60);

    let server = Server::bind().await;
    let builder = server.client().concurrent_calls(1).call_timeout(None);
    let (client, mut peer) = server.connected_as(builder).await;
    let (methods, _dropped) = endless();
    let _busy = register(&client, &mut peer, methods).await;
    let fragile = Fragile;
    let second = client.register_fn("second", move |_| {
        let _ = &fragile;
        async { Response::new(&1) }
    });
    let (second, _) = tokio::join!(second.into_future(), peer.succeed_next());
    let object = client.object("far");
    let waiting = tokio::spawn(object.call::<i64>("get", &1).into_future());
    assert_eq!(peer.next().await["object"], "far");

    // The second call waits for the end of the first, and is all that still holds its object.
    peer.send(&call("endless", &json!(null), 1)).await;
    peer.send(&json!({"object": "second", "method": "m", "id": 2}))
        .await;
    peer.send(&json!({"object": "unknown", "method": "m", "id": 3}))
        .await;
    assert_eq!(peer.next().await["id"], 3);
    drop(second);
    assert_eq!(peer.next().await["method"], "unregister");
    drop(peer);
    let ended = tokio::time::timeout(HANG, waiting).await.expect("it hangs");
    let error = ended.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected), "{error}");
}
