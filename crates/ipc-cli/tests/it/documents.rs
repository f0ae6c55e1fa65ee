//! Help, completions and man pages come from one set of definitions, without a server.

use std::fs;

use crate::tool::{ipc, run};

const COMMANDS: [&str; 12] = [
    "list",
    "call",
    "send",
    "listen",
    "wait",
    "serve",
    "describe",
    "clients",
    "stats",
    "ping",
    "completions",
    "man",
];

#[track_caller]
fn printed(args: &[&str]) -> String {
    let ended = run(ipc(args));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    ended.stdout
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    let help = printed(&["--help"]);
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command}")), "{command}");
    }
    for code in 0..=7 {
        assert!(help.contains(&format!("\n  {code}  ")), "{code}");
    }
}

#[test]
fn the_help_of_every_command_has_examples() {
    for command in COMMANDS {
        let help = printed(&[command, "--help"]);
        assert!(
            help.contains(&format!("Examples:\n  ipc {command}")) || command == "send",
            "{help}"
        );
        assert!(help.contains(&format!("ipc {command}")), "{help}");
    }
}

#[test]
fn completions_know_every_command_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} {command}");
        }
    }
}

#[test]
fn the_man_page_lists_the_commands_and_the_exit_codes() {
    let page = printed(&["man"]);
    assert!(page.contains(".TH ipc 1"), "{page}");
    assert!(
        page.contains(".SH \"EXIT CODES\"") || page.contains(".SH EXIT CODES"),
        "{page}"
    );
    for command in COMMANDS {
        assert!(page.contains(&format!("ipc\\-{command}(1)")), "{command}");
    }
}

#[test]
fn a_directory_gets_a_man_page_for_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let ended = run(ipc(&["man", path, "--quiet"]));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    for command in COMMANDS {
        let page = fs::read_to_string(directory.path().join(format!("ipc-{command}.1"))).unwrap();
        assert!(page.contains(".SH EXAMPLES"), "{command}");
    }
    assert!(directory.path().join("ipc.1").exists());
    assert_eq!(run(ipc(&["man", "/does/not/exist"])).code, 2);
}
