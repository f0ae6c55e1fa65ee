//! What people see: colours where they are wanted, and nothing that drives their terminal.

use std::{
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::tool::Bus;

/// A pseudo-terminal, seen from its screen.
pub(crate) struct Terminal {
    screen: File,
    device: File,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        let screen: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let path = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        // Without it becoming the terminal of the test itself.
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let device = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
        Self {
            screen: screen.into(),
            device: device.into(),
        }
    }

    /// The terminal as somebody's output.
    pub(crate) fn stdio(&self) -> Stdio {
        self.device.try_clone().unwrap().into()
    }

    pub(crate) fn into_reader(self) -> Screen {
        Screen {
            screen: self.screen,
        }
    }
}

/// What comes onto the screen.
pub(crate) struct Screen {
    screen: File,
}

impl Screen {
    /// The next line that contains the text.
    pub(crate) fn read_line_with(&mut self, text: &str) -> String {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            self.screen.read_exact(&mut byte).unwrap();
            if byte != *b"\n" {
                line.push(byte[0]);
                continue;
            }
            let read = String::from_utf8(std::mem::take(&mut line)).unwrap();
            if read.contains(text) {
                return read.trim_end().to_owned();
            }
        }
    }

    fn read_all(&mut self) -> String {
        let mut bytes = Vec::new();
        // The end of the last writer is an error on Linux.
        self.screen.read_to_end(&mut bytes).ok();
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    }
}

/// What a person sees.
fn shown(mut command: Command) -> String {
    let terminal = Terminal::open();
    command.stdout(terminal.stdio()).stderr(terminal.stdio());
    let mut child = command.spawn().unwrap();
    drop(command);
    let shown = terminal.into_reader().read_all();
    child.wait().unwrap();
    shown
}

#[test]
fn a_terminal_gets_laid_out_and_coloured_text() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let call = ["call", "echo", "m", "{\"a\":[1.10]}"];
    let text = shown(bus.command(&call));
    assert!(text.contains("\x1b["), "{text:?}");
    assert_eq!(
        anstream::adapter::strip_str(&text).to_string(),
        "{\n  \"a\": [\n    1.10\n  ]\n}\n"
    );
}

#[test]
fn no_color_and_never_take_the_colours_away() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    for args in [
        &["list"][..],
        &["call", "echo", "m", "{}"],
        &["call", "nope", "m"],
    ] {
        let mut command = bus.command(args);
        command.env("NO_COLOR", "1");
        let text = shown(command);
        assert!(!text.contains('\x1b') && !text.is_empty(), "{text:?}");
        let text = shown(bus.command(&[args, &["--color", "never"]].concat()));
        assert!(!text.contains('\x1b') && !text.is_empty(), "{text:?}");
        let mut dumb = bus.command(args);
        dumb.env("TERM", "dumb");
        assert!(!shown(dumb).contains('\x1b'));
    }
}

#[test]
fn always_colours_even_a_pipe_and_in_spite_of_no_color() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let mut command = bus.command(&["--color", "always", "call", "echo", "m", "{\"a\":1}"]);
    command.env("NO_COLOR", "1");
    let ended = crate::tool::run(command);
    assert!(ended.stdout.contains("\x1b["), "{ended:?}");
    assert_eq!(
        anstream::adapter::strip_str(&ended.stdout).to_string(),
        "{\"a\":1}\n"
    );
}

#[test]
fn json_on_a_terminal_is_json() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let args = [
        "call",
        "echo",
        "m",
        "[1,\"\u{9b}2J\"]",
        "--json",
        "--color",
        "never",
    ];
    assert_eq!(shown(bus.command(&args)), "[1,\"\\u009b2J\"]\n");
}

#[test]
fn an_empty_list_is_explained_to_people_only() {
    let bus = Bus::start();
    assert!(shown(bus.command(&["list"])).contains("no objects are registered"));
    assert_eq!(bus.print(&["list"]), "");
}

#[test]
fn what_strangers_say_does_not_drive_the_terminal() {
    let bus = Bus::start();
    let hostile = "evil\u{202e}txt";
    let command = r"printf '\033[2Jboo\n' >&2; false";
    let _hostile = bus.start_tool(
        &["serve", hostile, "--exec", command],
        r"serving evil\u202etxt",
    );
    for args in [
        &["list"][..],
        &["describe", hostile],
        &["clients"],
        &["call", hostile, "\x1b]0;title\x07"],
    ] {
        let command = bus.command(&[args, &["--color", "never"]].concat());
        let text = shown(command);
        assert!(text.contains(r"evil\u202etxt"), "{text:?}");
        assert!(
            !text.contains(['\x1b', '\x07', '\u{202e}', '\u{9b}']),
            "{text:?}"
        );
    }
    let error = bus.run(&["call", hostile, "m"]);
    assert_eq!(error.stderr, "ipc: evil\\u202etxt.m: \\u001b[2Jboo\n");
}

#[test]
fn a_hostile_event_is_shown_harmlessly() {
    let bus = Bus::start();
    let terminal = Terminal::open();
    let mut command = bus.command(&["listen", "--pattern", ">", "-n", "1", "--color", "never"]);
    command.stdout(terminal.stdio()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut note = [0; 14];
    child
        .stderr
        .as_mut()
        .unwrap()
        .read_exact(&mut note)
        .unwrap();
    assert_eq!(&note, b"listening to >");
    bus.print(&["send", "e\u{200f}vil", "\"\u{9b}31m\u{feff}\""]);
    let text = terminal.into_reader().read_all();
    assert!(
        text.ends_with("  e\\u200fvil  \"\\u009b31m\\ufeff\"\n"),
        "{text:?}"
    );
    assert!(child.wait().unwrap().success());
}
