//! The path of a Unix socket: replaced when stale, left alone when it is anything else.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
};

use super::harness::ServerProcess;

fn fails_with(path: &Path, problem: &str) {
    let address = format!("unix:{}", path.display());
    let output = ServerProcess::command()
        .args(["--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with(&format!("ipc-server: cannot listen on {address}: ")),
        "{error}"
    );
    assert!(error.contains(problem), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn the_socket_of_a_killed_server_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    let mut killed = ServerProcess::start_unix(&path);
    killed.child.kill().unwrap();
    killed.wait();
    assert!(path.exists());
    let server = ServerProcess::start_unix(&path);
    assert_eq!(
        server.connect().ask(r#"{"reg_object":"a"}"#)["success"],
        "OK"
    );
}

#[test]
fn the_socket_of_a_live_server_is_refused_and_goes_on_working() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    let server = ServerProcess::start_unix(&path);
    fails_with(&path, "another process is listening there");
    assert_eq!(
        server.connect().ask(r#"{"reg_object":"a"}"#)["success"],
        "OK"
    );
}

#[test]
fn files_and_links_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "precious").unwrap();
    fails_with(&file, "no socket");
    let link = directory.path().join("link");
    symlink(&file, &link).unwrap();
    fails_with(&link, "no socket");
    let dangling = directory.path().join("dangling");
    symlink(directory.path().join("nothing"), &dangling).unwrap();
    fails_with(&dangling, "no socket");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    fails_with(&directory.path().join("none/ipc.sock"), "no such directory");
}

#[test]
fn a_live_socket_of_another_program_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("foreign.sock");
    let foreign = UnixListener::bind(&path).unwrap();
    fails_with(&path, "another process is listening there");
    drop(foreign);
}

#[test]
fn nobody_else_may_connect_and_the_file_goes_with_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    let mut server = ServerProcess::start_unix(&path);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn the_default_socket_is_in_the_runtime_directory() {
    let directory = tempfile::tempdir().unwrap();
    // The default TCP port may be taken by a server of the user's own; then the start fails, and
    // with the same words as for any other address.
    let mut command = ServerProcess::command();
    command.env("XDG_RUNTIME_DIR", directory.path());
    let output = command.env("PATH", "").arg("--help").output().unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("XDG_RUNTIME_DIR")
    );
    let addresses = ipc_server::default_addresses();
    assert_eq!(addresses[0].to_string(), "tcp://127.0.0.1:1986");
    assert!(addresses[1].to_string().ends_with("/ipc.sock"));
}

#[test]
fn the_process_behind_a_connection_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start_unix(&directory.path().join("ipc.sock"));
    let mut peer = server.hello("me");
    let clients = peer.ask(r#"{"object":"ipc","method":"clients","id":1}"#);
    let me = &clients["response"]["clients"][0];
    assert_eq!(me["name"], "me");
    if cfg!(target_os = "linux") {
        assert_eq!(me["pid"].as_u64(), Some(u64::from(std::process::id())));
        assert_eq!(
            me["uid"].as_u64(),
            Some(u64::from(rustix::process::geteuid().as_raw()))
        );
    }
}
