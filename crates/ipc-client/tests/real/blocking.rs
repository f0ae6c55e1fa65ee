//! The client for programs without async.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use ipc_client::{
    CallError, Client as AsyncClient, ConnectError, InsideRuntime, Methods, ObjectError,
    RegistrationState, RequestError, Response, WaitError,
    blocking::{Client, RecvTimeoutError, Registration},
};
use ipc_server::Running;

use super::start_server;

fn connect(server: &Running) -> Client {
    let address = server.addresses()[0].clone();
    let builder = AsyncClient::builder().address(address);
    builder.connect_blocking().unwrap()
}

fn provide_calc(client: &Client) -> Registration {
    let calc = Methods::new()
        .on("add", |(a, b): (i64, i64)| async move { Ok(a + b) })
        .on("fail", |(): ()| async move {
            Err::<(), _>(ObjectError::text("on purpose"))
        });
    client.register("calc", calc).wait().unwrap()
}

#[test]
fn calls_come_back_without_async() {
    let server = start_server();
    let (provider, caller) = (connect(&server), connect(&server));
    // Nobody waits at the provider's side, so its own thread answers.
    let registration = provide_calc(&provider);
    let calc = caller.object("calc");
    for n in 0..100 {
        assert_eq!(calc.call::<i64>("add", &(n, 1)).wait().unwrap(), n + 1);
    }
    let error = calc.call_without_param::<()>("fail").wait().unwrap_err();
    assert_eq!(error.remote().unwrap().as_str(), r#""on purpose""#);
    assert_eq!(caller.objects().unwrap()[0].object, "calc");
    assert!(caller.is_connected() && caller.id().is_some());

    registration.unregister().unwrap();
    let error = calc.call::<i64>("add", &(1, 2)).wait().unwrap_err();
    assert!(matches!(error, CallError::ObjectNotFound { .. }), "{error}");
}

#[test]
fn a_client_can_call_its_own_object_from_one_thread() {
    let server = start_server();
    let client = connect(&server);
    let _registration = provide_calc(&client);
    let calc = client.object("calc");
    assert_eq!(calc.call::<i64>("add", &(1, 2)).wait().unwrap(), 3);
}

#[test]
fn many_threads_call_through_one_client() {
    let server = start_server();
    let (provider, caller) = (connect(&server), connect(&server));
    let _registration = provide_calc(&provider);
    let calling = (0..8).map(|thread| {
        let calc = caller.object("calc");
        thread::spawn(move || {
            for n in 0..200 {
                let sum: i64 = calc.call("add", &(thread, n)).wait().unwrap();
                assert_eq!(sum, thread + n);
            }
        })
    });
    for thread in calling.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
}

#[test]
fn a_handler_may_block_and_call_through_its_own_client() {
    let server = start_server();
    let client = connect(&server);
    let _calc = provide_calc(&client);
    let inner = client.object("calc");
    let relay = client.register_fn("relay", move |request| match request.method() {
        "panic" => panic!("on purpose"),
        _ => {
            let pair: (i64, i64) = request.param()?;
            let sum = inner.call::<i64>("add", &pair).wait();
            Response::new(&sum.map_err(ObjectError::text)?)
        }
    });
    let _relay = relay.wait().unwrap();
    let relay = client.object("relay");
    let error = relay.call_without_param::<()>("panic").wait().unwrap_err();
    let text = r#""the handler of 'panic' panicked""#;
    assert_eq!(error.remote().unwrap().as_str(), text);
    let calling = (0..4).map(|n| {
        let relay = relay.clone();
        thread::spawn(move || relay.call::<i64>("add", &(n, 1)).wait().unwrap())
    });
    for (n, thread) in calling.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), i64::try_from(n).unwrap() + 1);
    }
}

#[test]
fn a_call_ends_at_its_timeout() {
    let server = start_server();
    let client = connect(&server);
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let slow = client.register_fn("slow", move |_| {
        // Ends when the test does.
        released.lock().unwrap().recv().ok();
        Response::new(&())
    });
    let _slow = slow.wait().unwrap();
    let call = client.object("slow").call::<()>("m", &1);
    let error = call.timeout(Duration::from_millis(20)).wait().unwrap_err();
    assert!(matches!(error, CallError::Timeout), "{error}");
    let waiting = client.wait_for_objects(["slow", "absent"]);
    let error = waiting.timeout(Duration::ZERO).wait().unwrap_err();
    assert!(matches!(error, WaitError::Missing(names) if names == ["absent"]));
    drop(release);
}

#[test]
fn events_are_an_iterator_and_can_be_waited_for_in_limited_time() {
    let server = start_server();
    let (listener, sender) = (connect(&server), connect(&server));
    let mut events = listener.listen_pattern("room.*").unwrap();
    events.add("hall").unwrap();
    let none = events.recv_timeout(Duration::from_millis(1));
    assert!(matches!(none, Err(RecvTimeoutError::Timeout)));
    let sending = thread::spawn(move || {
        for n in 0..100 {
            let emit = sender.emit(["room.a", "hall"][n % 2], &n);
            if n % 3 == 0 {
                emit.unconfirmed().wait().unwrap();
            } else {
                assert_eq!(emit.wait().unwrap(), 1);
            }
        }
        sender
    });
    for n in 0..50 {
        let event = events.next().unwrap().unwrap();
        assert_eq!(event.parse::<usize>().unwrap(), n);
    }
    for n in 50..100 {
        let received = events.recv_timeout(Duration::from_secs(60));
        let event = received.unwrap().unwrap().unwrap();
        assert_eq!(event.parse::<usize>().unwrap(), n);
    }
    sending.join().unwrap();

    // The iterator ends with the client, here from another thread.
    let closing = thread::spawn(move || listener.close().unwrap());
    assert!(events.next().is_none());
    closing.join().unwrap();
}

#[test]
fn an_event_that_nobody_confirms_needs_no_further_request_to_be_sent() {
    let server = start_server();
    let (listener, sender) = (connect(&server), connect(&server));
    let mut events = listener.listen("tick").unwrap();
    for n in 0..200 {
        sender.emit("tick", &n).unconfirmed().wait().unwrap();
        let event = events.next().unwrap().unwrap();
        assert_eq!(event.parse::<u32>().unwrap(), n);
    }
}

#[tokio::test]
async fn within_async_code_waiting_is_refused() {
    let server = start_server();
    let refused = Client::connect();
    assert!(matches!(refused, Err(ConnectError::InsideRuntime(_))));
    let connecting = thread::spawn(move || (connect(&server), server));
    let (client, server) = connecting.join().unwrap();
    let error = client.object("a").call::<()>("b", &1).wait().unwrap_err();
    assert!(matches!(error, CallError::InsideRuntime(_)) && !error.is_outcome_unknown());
    let error = client.listen("a").unwrap_err();
    assert!(matches!(error, RequestError::InsideRuntime(_)));
    let error = client.close().unwrap_err();
    assert!(matches!(error, RequestError::InsideRuntime(InsideRuntime)));
    // Here it is dropped, which does not wait for anything.
    drop((client, server));
}

#[test]
fn the_last_handle_closes_the_connection_after_what_was_queued() {
    let server = start_server();
    let (client, other) = (connect(&server), connect(&server));
    let mut events = other.listen("bye").unwrap();
    let registration = provide_calc(&client);
    assert_eq!(registration.state(), RegistrationState::Active);
    client.emit("bye", &1).unconfirmed().wait().unwrap();
    drop(client);
    assert_eq!(
        other.clients().unwrap().len(),
        2,
        "the registration holds it"
    );
    drop(registration);
    assert!(events.next().unwrap().is_ok());
    while other.clients().unwrap().len() == 2 {
        thread::yield_now();
    }
}

#[test]
fn objects_come_back_after_a_restart_though_nobody_waits() {
    let server = start_server();
    let address = server.addresses()[0].clone();
    let provider = connect(&server);
    let n_calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_calls);
    let object = provider.register_fn("late", move |_| {
        Response::new(&counted.fetch_add(1, Ordering::Relaxed))
    });
    let _registration = object.wait().unwrap();
    server.stop().unwrap();

    let server = super::start_server_at(address);
    let caller = connect(&server);
    caller.wait_for_objects(["late"]).wait().unwrap();
    let n: usize = caller.object("late").call("m", &()).wait().unwrap();
    assert_eq!((n, n_calls.load(Ordering::Relaxed)), (0, 1));
}

#[test]
fn dropping_the_last_handle_ends_though_the_server_reads_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let (release, released) = mpsc::channel::<()>();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 1024];
        assert!(0 < stream.read(&mut hello).unwrap());
        let answer = b"{\"response\":{\"protocol\":1},\"id\":0}\n";
        stream.write_all(answer).unwrap();
        released.recv().ok();
    });
    let builder = AsyncClient::builder().address(address.parse().unwrap());
    let client = builder.connect_blocking().unwrap();
    let large = "x".repeat(256 * 1024);
    for _ in 0..30 {
        client.emit("n", &large).unconfirmed().wait().unwrap();
    }
    drop(client);
    drop(release);
    serving.join().unwrap();
}

#[test]
fn a_flush_within_async_code_is_refused() {
    let server = start_server();
    let client = connect(&server);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let error = runtime.block_on(async { client.flush() }).unwrap_err();
    assert!(matches!(error, RequestError::InsideRuntime(_)));
    client.flush().unwrap();
}
