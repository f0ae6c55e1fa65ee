//! What is wrong with the command line, for programs: with `--json` it is an object like any other
//! error.

use std::ffi::OsString;

use clap::error::ErrorKind;

/// Whether `--json` is on a command line that could not be understood.
pub(crate) fn wants_json(args: impl IntoIterator<Item = OsString>) -> bool {
    let options = args.into_iter().take_while(|arg| arg != "--");
    options.into_iter().any(|arg| arg == "--json")
}

/// What the parser has to say, on one line and without the usage.
pub(crate) fn one_line(said: &clap::Error) -> String {
    if said.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; 'ipc --help' lists them".to_owned();
    }
    let text = said.render().to_string();
    let mut line = String::new();
    for part in text.lines().map(str::trim) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        if part.is_empty() {
            continue;
        }
        match line.chars().last() {
            None => {}
            Some(':') => line.push(' '),
            Some(_) if part.starts_with("tip: ") => line.push_str("; "),
            Some(_) => line.push_str(", "),
        }
        line.push_str(part.strip_prefix("error: ").unwrap_or(part));
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Args;

    #[test]
    fn json_is_wanted_by_an_option_only() {
        let wants = |line: &str| wants_json(line.split(' ').map(OsString::from));
        assert!(wants("ipc --json lst"));
        assert!(wants("ipc lst --json"));
        assert!(!wants("ipc lst"));
        assert!(!wants("ipc send e -- --json"));
    }

    #[test]
    fn what_is_wrong_is_said_on_one_line() {
        for (line, expected) in [
            (
                "ipc lst",
                "unrecognized subcommand 'lst'; tip: some similar subcommands exist: 'listen', 'ls', 'list'",
            ),
            (
                "ipc call",
                "the following required arguments were not provided: <OBJECT>, <METHOD>",
            ),
            ("ipc", "a command is missing; 'ipc --help' lists them"),
            (
                "ipc list --json --text",
                "the argument '--json' cannot be used with '--text'",
            ),
        ] {
            let said = Args::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(one_line(&said), expected);
        }
        let said = Args::try_parse_from(["ipc", "completions", "cmd"]).unwrap_err();
        let line = one_line(&said);
        assert!(
            line.starts_with("invalid value 'cmd' for '<SHELL>', [possible"),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }
}
