//! Addresses: what a name stands for, what the machine has of it, and where the default socket is.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use super::harness::{Peer, ServerProcess, signal_process, skip, wait_for_exit};

/// A server in name spaces of its own, where it is root, if the system lets us: `unshare` with
/// these options, then a script whose "$@" is the server with its arguments.
fn in_namespaces(options: &[&str], script: &str, arguments: &[&str]) -> Option<Command> {
    unshared(&[&["--map-root-user"], options].concat(), script, arguments)
}

fn unshared(options: &[&str], script: &str, arguments: &[&str]) -> Option<Command> {
    let unshare = |options: &[&str]| {
        let mut command = Command::new("unshare");
        command.arg("--user").args(options);
        command
    };
    let shell = |command: &mut Command| {
        command.args(["sh", "-c", script, "sh"]);
    };
    let mut probe = unshare(options);
    shell(&mut probe);
    let probe = probe.arg("true").stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        skip("this system lets us make no such name spaces");
        return None;
    }
    let server = ServerProcess::command();
    let mut command = unshare(options);
    shell(&mut command);
    command.arg(server.get_program()).args(arguments);
    for (variable, _) in server.get_envs() {
        command.env_remove(variable);
    }
    Some(command)
}

/// A server for which a name stands for these addresses.
fn with_name(name: &str, addresses: &[&str], arguments: &[&str]) -> Option<Command> {
    let lines: String = addresses
        .iter()
        .map(|ip| format!("{ip} {name}\n"))
        .collect();
    let script = format!(
        "mount -t tmpfs hosts /mnt && printf '{}' > /mnt/hosts && mount --bind /mnt/hosts /etc/hosts && exec \"$@\"",
        lines.replace('\n', "\\n")
    );
    in_namespaces(&["--mount"], &script, arguments)
}

const ABSENT: [&str; 2] = ["192.0.2.77", "2001:db8::77"];

#[test]
fn of_what_a_name_stands_for_the_machine_serves_what_it_has_and_says_what_it_leaves_out() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let addresses = [ABSENT[0], "127.0.0.1", ABSENT[1], "127.0.0.2"];
    let arguments = ["--listen", "tcp://manifold.test:0"];
    let Some(mut command) = with_name("manifold.test", &addresses, &arguments) else {
        return;
    };
    let server = ServerProcess::start_logging_to(log.reopen().unwrap(), &mut command, 2);
    let port = |address: &str| address.rsplit_once(':').unwrap().1.to_owned();
    assert_eq!(port(&server.addresses[0]), port(&server.addresses[1]));
    for address in &server.addresses {
        assert!(0 < Peer::connect(address).hello("visitor"));
    }
    let said = fs::read_to_string(log.path()).unwrap();
    for absent in ABSENT {
        let words = format!("this machine does not have {absent}; it is left out");
        assert_eq!(said.matches(&words).count(), 1, "{said}");
    }
}

#[test]
fn a_name_that_stands_for_nothing_the_machine_has_is_one_clear_line() {
    let arguments = ["--listen", "tcp://elsewhere.test:0"];
    let Some(mut command) = with_name("elsewhere.test", &ABSENT, &arguments) else {
        return;
    };
    let error = ServerProcess::refusal(&mut command);
    assert!(
        error.starts_with(
            "ipc-server: cannot listen on tcp://elsewhere.test:0: this machine does not have "
        ),
        "{error}"
    );
    assert!(ABSENT.iter().all(|ip| error.contains(ip)), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_name_with_an_address_that_is_taken_is_refused() {
    let taken = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("tcp://manifold.test:{port}");
    let addresses = [ABSENT[0], "127.0.0.2"];
    let Some(mut command) = with_name("manifold.test", &addresses, &["--listen", &address]) else {
        return;
    };
    assert_eq!(
        ServerProcess::refusal(&mut command),
        format!(
            "ipc-server: cannot listen on tcp://127.0.0.2:{port}: another process is listening there\n"
        )
    );
}

/// A server on the default addresses, in a network of its own, so that no port is taken; its
/// addresses, and what it says, once it listens or has failed.
fn on_defaults(environment: &[(&str, &Path)]) -> Option<(Vec<String>, String)> {
    in_own_network("", environment, &[])
}

fn in_own_network(
    network: &str,
    environment: &[(&str, &Path)],
    arguments: &[&str],
) -> Option<(Vec<String>, String)> {
    let script = format!("{network} exec \"$@\"");
    let mut command = in_namespaces(&["--net"], &script, arguments)?;
    command.envs(environment.iter().copied());
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.reopen().unwrap())
        .spawn()
        .unwrap();
    let mut lines = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut lines).unwrap();
    // It says the rest before it ends, if it has not ended already.
    signal_process(&child, Signal::TERM);
    stdout.read_to_string(&mut lines).unwrap();
    wait_for_exit(&mut child);
    let addresses = lines.lines().map(|line| line.replace("listening on ", ""));
    Some((addresses.collect(), fs::read_to_string(log.path()).unwrap()))
}

const NO_LOOPBACK: &str = "ip link set lo up && ip address delete 127.0.0.1/8 dev lo &&";
const TCP: &str = "tcp://127.0.0.1:1986";

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Where the default socket is without a runtime directory; the user is root in a name space.
fn private(temporary: &Path) -> String {
    unix(&temporary.join("ipc-0/ipc.sock"))
}

#[test]
fn addresses_that_name_the_same_socket_share_it() {
    let hosts = [
        "127.0.0.1:5",
        "0.0.0.0:5",
        "127.0.0.1:5",
        "0.0.0.0:5",
        "[::ffff:127.0.0.1]:5",
        "127.0.0.1:6",
        "127.0.0.1:6",
    ];
    let arguments = hosts.map(|host| format!("--listen=tcp://{host}"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((addresses, log)) = in_own_network("", &[], &arguments) else {
        return;
    };
    assert_eq!(addresses, ["tcp://0.0.0.0:5", "tcp://127.0.0.1:6"], "{log}");
}

#[test]
fn the_default_socket_is_in_the_runtime_directory_if_that_is_the_users_own() {
    let (runtime, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (runtime, temporary) = (runtime.path(), temporary.path());
    let start =
        |runtime: &Path| on_defaults(&[("XDG_RUNTIME_DIR", runtime), ("TMPDIR", temporary)]);
    let Some((addresses, _)) = start(runtime) else {
        return;
    };
    assert_eq!(addresses, [TCP.to_owned(), unix(&runtime.join("ipc.sock"))]);

    let (addresses, log) = start(&runtime.join("absent")).unwrap();
    assert_eq!(addresses, [TCP.to_owned(), private(temporary)]);
    assert!(
        log.contains("which does not exist, so the Unix socket is"),
        "{log}"
    );

    let (addresses, log) = start(Path::new("relative")).unwrap();
    assert_eq!(addresses, [TCP.to_owned(), private(temporary)]);
    assert!(log.contains("which is not an absolute path"), "{log}");

    fs::set_permissions(runtime, fs::Permissions::from_mode(0o777)).unwrap();
    let (addresses, log) = start(runtime).unwrap();
    assert_eq!(addresses, [TCP.to_owned(), private(temporary)]);
    assert!(log.contains("which everybody can write to"), "{log}");
}

#[test]
fn the_runtime_directory_of_another_user_is_not_used() {
    let (runtime, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    if std::os::unix::fs::chown(runtime.path(), Some(12345), None).is_err() {
        skip("only root can give a directory away");
        return;
    }
    let environment = [
        ("XDG_RUNTIME_DIR", runtime.path()),
        ("TMPDIR", temporary.path()),
    ];
    let Some((addresses, log)) = on_defaults(&environment) else {
        return;
    };
    assert_eq!(addresses, [TCP.to_owned(), private(temporary.path())]);
    assert!(log.contains("which belongs to user"), "{log}");
    assert_eq!(fs::read_dir(runtime.path()).unwrap().count(), 0);
}

#[test]
fn a_runtime_directory_where_no_socket_can_be_made_is_passed_over() {
    let (runtime, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(runtime.path().join("ipc.sock"), "precious").unwrap();
    let environment = [
        ("XDG_RUNTIME_DIR", runtime.path()),
        ("TMPDIR", temporary.path()),
    ];
    let Some((addresses, log)) = on_defaults(&environment) else {
        return;
    };
    assert_eq!(addresses, [TCP.to_owned(), private(temporary.path())]);
    assert!(log.contains("there is a file that is no socket"), "{log}");
}

#[test]
fn without_a_place_for_the_default_socket_tcp_is_served() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("ipc-0"), "in the way").unwrap();
    let Some((addresses, log)) = on_defaults(&[("TMPDIR", temporary.path())]) else {
        return;
    };
    assert_eq!(addresses, [TCP]);
    assert!(log.contains("no default Unix socket can be made"), "{log}");
    assert!(
        log.contains("is not a directory of this user's own"),
        "{log}"
    );
}

#[test]
fn without_a_network_the_default_socket_is_served() {
    let temporary = tempfile::tempdir().unwrap();
    let Some((addresses, log)) = in_own_network(NO_LOOPBACK, &[("TMPDIR", temporary.path())], &[])
    else {
        return;
    };
    assert_eq!(addresses, [private(temporary.path())]);
    assert!(log.contains("only the Unix socket is served"), "{log}");
}

#[test]
fn a_default_socket_where_another_server_listens_ends_the_start() {
    let runtime = tempfile::tempdir().unwrap();
    let path = runtime.path().join("ipc.sock");
    let _server = ServerProcess::start_unix(&path);
    let environment = [("XDG_RUNTIME_DIR", runtime.path())];
    let Some((addresses, log)) = on_defaults(&environment) else {
        return;
    };
    assert!(addresses.is_empty(), "{addresses:?}");
    let expected = format!(
        "cannot listen on {}: another process is listening there",
        unix(&path)
    );
    assert!(log.contains(&expected), "{log}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_peer_whose_process_cannot_be_named_counts_for_its_user() {
    let directory = tempfile::tempdir().unwrap();
    let address = unix(&directory.path().join("ipc.sock"));
    let arguments = ["--listen", &address, "--max-connections-per-user", "3"];
    let options = ["--pid", "--fork", "--kill-child"];
    let Some(mut command) = in_namespaces(&options, "exec \"$@\"", &arguments) else {
        return;
    };
    let server = ServerProcess::start_with(&mut command, 1);
    let mut peers: Vec<Peer> = (0..3).map(|_| server.hello("visitor")).collect();
    let clients = peers[0].ask(r#"{"object":"ipc","method":"clients","id":1}"#);
    assert_eq!(clients["response"]["clients"][0]["uid"], 0, "{clients}");
    assert_eq!(
        clients["response"]["clients"][0].get("pid"),
        Some(&serde_json::Value::Null)
    );
    assert_eq!(server.connect().receive()["code"], "busy");
}

#[test]
#[cfg(target_os = "linux")]
fn users_that_cannot_be_named_share_what_one_user_may_have() {
    let directory = tempfile::tempdir().unwrap();
    let address = unix(&directory.path().join("ipc.sock"));
    let arguments = ["--listen", &address, "--max-connections-per-user", "1"];
    // No user of ours has a name in there.
    let Some(mut command) = unshared(&[], "exec \"$@\"", &arguments) else {
        return;
    };
    let server = ServerProcess::start_with(&mut command, 1);
    let mut peer = server.hello("visitor");
    let clients = peer.ask(r#"{"object":"ipc","method":"clients","id":1}"#);
    assert_eq!(clients["response"]["clients"][0]["uid"], 65534, "{clients}");
    assert_eq!(server.connect().receive()["code"], "busy");
}
