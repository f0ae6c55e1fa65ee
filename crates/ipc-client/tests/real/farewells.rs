//! What was sent before a program ends: the events of a process of its own, which ends in one way
//! or the other.

use std::{
    env,
    process::{self, Command},
};

use futures_util::future::poll_immediate;
use ipc_client::Client;
use ipc_server::Address;
use tokio::runtime::{Builder, Runtime};

use super::{connect, start_server_at};

/// How many events a program sends that ends in this way. Where nobody waits for the socket, there
/// are so few that it has room for all, even if each of them is written by itself.
fn n_events(ending: &str) -> usize {
    if ending == "return" { 100 } else { 500 }
}

/// How the program that sends is made and ends; it is told by an environment variable.
const ENDING: &str = "IPC_TEST_ENDING";
const ADDRESS: &str = "IPC_TEST_ADDRESS";

/// The program that sends. The other tests run it, each in a process of its own.
#[test]
#[ignore = "ends its process; the tests beside it start it"]
fn program() {
    let (Ok(ending), Ok(address)) = (env::var(ENDING), env::var(ADDRESS)) else {
        return;
    };
    let (form, ending) = ending.split_once(' ').unwrap();
    let address = address.parse().unwrap();
    let builder = Client::builder().address(address).name("program");
    let runtime = match form {
        "blocking" => {
            let client = builder.connect_blocking().unwrap();
            for n in 0..n_events(ending) {
                client.emit("n", &n).unconfirmed().wait().unwrap();
            }
            match ending {
                "flush" => client.flush().unwrap(),
                "close" => client.close().unwrap(),
                "drop" => drop(client),
                other => panic!("{other}"),
            }
            process::exit(0);
        }
        "current-thread" => Builder::new_current_thread().enable_all().build(),
        "multi-thread" => Builder::new_multi_thread().enable_all().build(),
        other => panic!("{other}"),
    };
    send_and_end(runtime.unwrap(), builder, ending);
}

fn send_and_end(runtime: Runtime, builder: ipc_client::Builder, ending: &str) -> ! {
    runtime.block_on(async {
        let client = builder.connect().await.unwrap();
        for n in 0..n_events(ending) {
            client.emit("n", &n).unconfirmed().await.unwrap();
        }
        match ending {
            "flush" => client.flush().await.unwrap(),
            "close" => client.close().await.unwrap(),
            // As at the end of `main`: the client first, and then the runtime.
            "return" => return,
            "exit" => {}
            other => panic!("{other}"),
        }
        process::exit(0);
    });
    drop(runtime);
    process::exit(0);
}

fn run_program(form: &str, ending: &str, address: &Address) {
    let mut program = Command::new(env::current_exe().unwrap());
    program
        .args(["--ignored", "--exact", "farewells::program"])
        .env(ENDING, format!("{form} {ending}"))
        .env(ADDRESS, address.to_string());
    let output = program.output().unwrap();
    assert!(output.status.success(), "{form} {ending}: {output:?}");
}

/// Runs the program at a server on each kind of socket, a few times; how many of its events
/// arrive each time, from the first one on.
async fn n_arrived(form: &str, ending: &str) -> Vec<usize> {
    let directory = tempfile::tempdir().unwrap();
    let tcp = "tcp://127.0.0.1:0".to_owned();
    let unix = format!("unix:{}", directory.path().join("ipc.sock").display());
    let addresses = if cfg!(unix) {
        vec![tcp, unix]
    } else {
        vec![tcp]
    };
    let mut n_arrived = Vec::new();
    for address in addresses {
        let server = start_server_at(address.parse().unwrap());
        let listener = connect(&server, "listener").await;
        let mut events = listener.listen("n").await.unwrap();
        for _ in 0..4 {
            run_program(form, ending, &server.addresses()[0]);
            // The server has taken everything when it has seen the end of the connection, and
            // this answer comes after the events.
            while 1 < listener.clients().await.unwrap().len() {}
            let mut n_events = 0;
            while let Some(Some(event)) = poll_immediate(events.recv()).await {
                assert_eq!(event.unwrap().parse::<usize>().unwrap(), n_events);
                n_events += 1;
            }
            n_arrived.push(n_events);
        }
    }
    n_arrived
}

async fn assert_all_arrive(form: &str, ending: &str) {
    let n_arrived = n_arrived(form, ending).await;
    let is_all = n_arrived.iter().all(|n| *n == n_events(ending));
    assert!(is_all, "{form} {ending}: {n_arrived:?}");
}

#[tokio::test]
async fn everything_sent_before_a_flush_arrives_however_the_program_ends() {
    for form in ["current-thread", "multi-thread", "blocking"] {
        assert_all_arrive(form, "flush").await;
    }
}

#[tokio::test]
async fn everything_sent_before_closing_arrives_however_the_program_ends() {
    for form in ["current-thread", "multi-thread", "blocking"] {
        assert_all_arrive(form, "close").await;
    }
}

#[tokio::test]
async fn without_a_flush_what_is_queued_is_lost_with_the_process() {
    let n_arrived = n_arrived("current-thread", "exit").await;
    assert!(
        n_arrived.iter().all(|n_events| *n_events == 0),
        "{n_arrived:?}"
    );
}

#[tokio::test]
async fn what_is_queued_at_the_end_of_main_leaves_where_the_socket_has_room() {
    assert_all_arrive("current-thread", "return").await;
    assert_all_arrive("multi-thread", "return").await;
    assert_all_arrive("blocking", "drop").await;
}
