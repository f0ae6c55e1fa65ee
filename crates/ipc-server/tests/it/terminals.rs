//! A server whose log goes to a terminal.
#![cfg(target_os = "linux")]

use std::{
    fs::{File, OpenOptions},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt},
    process::Command,
};

use rustix::{
    fs::OFlags,
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use super::harness::ServerProcess;

/// A terminal: its own side, and the one that programs use.
fn terminal() -> (OwnedFd, File) {
    let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&own).unwrap();
    unlockpt(&own).unwrap();
    let name = ptsname(&own, Vec::new()).unwrap().into_string().unwrap();
    let no_control = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(no_control);
    (own, options.open(name).unwrap())
}

#[test]
fn a_server_in_the_background_of_a_terminal_that_stops_writers_goes_on() {
    // A shell with job control, whose terminal stops whoever writes to it from the background.
    let shell = r#"exec setsid --ctty sh -c "$1" "$0" <&2"#;
    let job = r#"stty tostop; set -m
        "$0" --listen tcp://127.0.0.1:0 --log trace & trap "kill $!" TERM; wait $!; wait $!"#;
    let (_own, terminal) = terminal();
    let mut command = Command::new("sh");
    command.args(["-c", shell, env!("CARGO_BIN_EXE_ipc-server"), job]);
    let mut server = ServerProcess::start_logging_to(terminal, &mut command, 1);
    for _ in 0..3 {
        server.hello("client").stats();
    }
    kill_process(Pid::from_child(&server.child), Signal::TERM).unwrap();
    assert_eq!(server.wait().code(), Some(0));
}
