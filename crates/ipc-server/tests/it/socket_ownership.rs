//! A path has one server: it alone serves there, keeps its socket there, and removes it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Signal;

use super::harness::{Peer, ServerProcess, skip, wait_for};

fn lock_of(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

fn command(path: &Path) -> Command {
    let mut command = ServerProcess::command();
    command.args(["--listen", &format!("unix:{}", path.display())]);
    command
}

/// Leaves a socket behind as a killed server does.
fn leave_stale_socket(path: &Path) {
    fs::remove_file(path).ok();
    drop(UnixListener::bind(path).unwrap());
}

fn serves(path: &Path) -> bool {
    let mut peer = Peer::connect(&format!("unix:{}", path.display()));
    0 < peer.hello("visitor")
}

/// What a server that must not start says.
fn refusal(path: &Path) -> String {
    let error = ServerProcess::refusal(&mut command(path));
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn of_servers_that_start_at_once_on_a_stale_socket_one_serves_and_the_others_delete_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    let n_rounds = if cfg!(feature = "slow-tests") {
        400
    } else {
        20
    };
    for round in 0..n_rounds {
        leave_stale_socket(&path);
        let mut servers: Vec<ServerProcess> = (0..4).map(|_| spawn(&path)).collect();
        let first_lines: Vec<String> = servers.iter_mut().map(first_line).collect();
        let n_serving = first_lines
            .iter()
            .filter(|line| line.starts_with("listening on "))
            .count();
        for (server, _) in servers
            .iter_mut()
            .zip(&first_lines)
            .filter(|(_, line)| line.is_empty())
        {
            assert_eq!(server.wait().code(), Some(1));
            let mut error = String::new();
            let mut stderr = server.child.stderr.take().unwrap();
            stderr.read_to_string(&mut error).unwrap();
            let expected = format!(
                "ipc-server: cannot listen on unix:{}: another process is listening there\n",
                path.display()
            );
            assert!(error.ends_with(&expected), "round {round}: {error}");
        }
        assert_eq!(n_serving, 1, "round {round}");
        assert!(serves(&path), "round {round}");
        let place = first_lines.iter().position(|line| !line.is_empty());
        let server = &mut servers[place.unwrap()];
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code(), Some(0));
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert!(left.is_empty(), "round {round}: {left:?}");
    }
}

/// A server that may serve or refuse.
fn spawn(path: &Path) -> ServerProcess {
    let mut command = command(path);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    ServerProcess {
        child: command.spawn().unwrap(),
        addresses: Vec::new(),
    }
}

/// The first line that a server prints; empty if it prints none.
fn first_line(server: &mut ServerProcess) -> String {
    let mut line = String::new();
    let mut stdout = BufReader::new(server.child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    line
}

#[test]
fn whoever_holds_the_lock_owns_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    leave_stale_socket(&path);
    let lock = File::create(lock_of(&path)).unwrap();
    lock.lock().unwrap();
    assert!(refusal(&path).contains("another process is listening there"));
    assert!(path.exists(), "a stale socket is another's to remove");
    drop(lock);
    let server = ServerProcess::start_with(&mut command(&path), 1);
    assert!(serves(&path));
    drop(server);
}

#[test]
fn a_killed_server_leaves_files_that_keep_nobody_out_and_go_with_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    let mut killed = ServerProcess::start_unix(&path);
    killed.child.kill().unwrap();
    killed.wait();
    assert!(path.exists() && lock_of(&path).exists());
    let mut server = ServerProcess::start_unix(&path);
    assert!(serves(&path));
    server.signal(Signal::TERM);
    server.wait();
    assert!(!path.exists() && !lock_of(&path).exists());
}

#[test]
fn what_is_no_lock_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    let lock = lock_of(&path);
    let precious = directory.path().join("precious");

    symlink(&precious, &lock).unwrap();
    assert!(refusal(&path).contains("is not a lock file"));
    assert!(!precious.exists(), "a dangling link was followed");
    fs::write(&precious, "text").unwrap();
    assert!(refusal(&path).contains("is not a lock file"));
    fs::remove_file(&lock).unwrap();

    fs::create_dir(&lock).unwrap();
    assert!(refusal(&path).contains("is not a lock file"));
    fs::remove_dir(&lock).unwrap();

    rustix::fs::mkfifoat(rustix::fs::CWD, &lock, rustix::fs::Mode::RWXU).unwrap();
    assert!(refusal(&path).contains("is not a lock file"));
    fs::remove_file(&lock).unwrap();

    fs::write(&lock, "text").unwrap();
    let mut server = ServerProcess::start_unix(&path);
    server.signal(Signal::TERM);
    server.wait();
    assert_eq!(fs::read_to_string(&lock).unwrap(), "text");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "text");
}

#[test]
fn a_lock_of_another_user_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    File::create(lock_of(&path)).unwrap();
    if std::os::unix::fs::chown(lock_of(&path), Some(12345), None).is_err() {
        skip("only root can give a file away");
        return;
    }
    assert!(refusal(&path).contains("belongs to another user"));
}

#[test]
fn a_directory_that_cannot_be_written_is_one_clear_line() {
    if rustix::process::geteuid().is_root() {
        skip("root may write everywhere");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let error = refusal(&directory.path().join("ipc.sock"));
    assert!(error.ends_with("permission denied\n"), "{error}");
}

#[test]
fn one_path_in_several_spellings_is_one_address() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    fs::create_dir(directory.path().join("d")).unwrap();
    let mut command = command(&path);
    for spelling in ["ipc.sock", "d/../ipc.sock", "./ipc.sock"] {
        let path = directory.path().join(spelling);
        command.args(["--listen", &format!("unix:{}", path.display())]);
    }
    let last = "--listen=tcp://127.0.0.1:0";
    let server = ServerProcess::start_with(command.arg(last), 2);
    assert!(server.addresses[1].starts_with("tcp://"));
    assert!(serves(&path));
}

/// A server whose log can be read.
struct Logged {
    server: ServerProcess,
    path: PathBuf,
    log: PathBuf,
}

impl Logged {
    fn start(path: &Path, log: &Path) -> Self {
        let file = File::create(log).unwrap();
        let server = ServerProcess::start_logging_to(file, &mut command(path), 1);
        Self {
            server,
            path: path.to_owned(),
            log: log.to_owned(),
        }
    }

    fn wait_for_log(&self, words: &str) {
        wait_for(words, || {
            let log = fs::read_to_string(&self.log).unwrap();
            log.contains(words).then_some(())
        });
    }

    /// Waits until there is a socket that somebody listens at.
    fn wait_for_socket(&self) {
        wait_for("the socket", || {
            std::os::unix::net::UnixStream::connect(&self.path).ok()
        });
        assert!(serves(&self.path));
    }
}

#[test]
fn a_removed_socket_is_made_again_and_its_clients_meet() {
    let directory = tempfile::tempdir().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let (own, away) = (directory.path().join("own"), directory.path().join("away"));
    fs::create_dir(&own).unwrap();
    let path = own.join("ipc.sock");
    let mut logged = Logged::start(&path, log.path());
    let mut old = logged.server.hello("old");
    old.register("calc");

    fs::remove_file(&path).unwrap();
    logged.wait_for_socket();
    logged.wait_for_log("the socket was removed; made it again");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let mut new = logged.server.hello("new");
    new.send(r#"{"object":"calc","method":"m","id":1}"#);
    let call = old.receive();
    old.send(format!(r#"{{"response":"done","id":{}}}"#, call["id"]));
    assert_eq!(new.receive()["response"], "done");

    // The lock with it, and even the directory.
    fs::remove_file(lock_of(&path)).unwrap();
    fs::remove_file(&path).unwrap();
    logged.wait_for_socket();
    assert!(refusal(&path).contains("another process is listening there"));
    fs::rename(&own, away).unwrap();
    logged.wait_for_log("the socket cannot be made again");
    fs::create_dir(&own).unwrap();
    logged.wait_for_socket();

    logged.server.signal(Signal::TERM);
    logged.server.wait();
    let left: Vec<_> = fs::read_dir(&own).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_file_that_somebody_put_in_the_sockets_place_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = directory.path().join("ipc.sock");
    let mut logged = Logged::start(&path, log.path());
    let foreign = directory.path().join("foreign");

    fs::write(&foreign, "text").unwrap();
    fs::rename(&foreign, &path).unwrap();
    logged.wait_for_log("another file has taken the socket's place");
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    fs::remove_file(&path).unwrap();
    logged.wait_for_socket();

    fs::write(&foreign, "text").unwrap();
    fs::rename(&foreign, &path).unwrap();
    logged.server.signal(Signal::TERM);
    logged.server.wait();
    assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    assert!(!lock_of(&path).exists());
}

#[test]
fn a_path_that_another_server_took_over_is_left_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = directory.path().join("ipc.sock");
    let mut first = Logged::start(&path, log.path());
    first.server.signal(Signal::STOP);
    fs::remove_file(lock_of(&path)).unwrap();
    fs::remove_file(&path).unwrap();
    let mut second = ServerProcess::start_unix(&path);
    first.server.signal(Signal::CONT);
    first.wait_for_log("another server has taken the path");
    first.server.signal(Signal::TERM);
    first.server.wait();
    assert!(serves(&path));
    second.signal(Signal::TERM);
    second.wait();
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
