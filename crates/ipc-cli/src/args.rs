//! The command line: what `ipc` understands. `help.rs` holds the longer texts.

use std::{path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use ipc_client::{Address, Mode};

use crate::{
    help,
    patience::{Patience, parse_duration, parse_patience, parse_positive},
};

/// Talk to the objects and events of an ipc-server.
#[derive(Debug, Parser)]
#[command(
    name = "ipc",
    version,
    arg_required_else_help = true,
    after_help = help::SHORT,
    after_long_help = help::LONG
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where the server is: tcp://HOST:PORT or unix:PATH, or HOST:PORT or /PATH for short
    ///
    /// Without it: IPC_ADDRESS, else ENV_SERVER_ADDRESS (HOST:PORT), else the first that answers
    /// of the default sockets and tcp://127.0.0.1:1986.
    #[arg(long, short = 'a', global = true, value_name = "ADDRESS")]
    pub(crate) address: Option<Address>,

    /// One JSON value a line, also on a terminal; errors as JSON, too
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Text for people, also into a pipe
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) text: bool,

    /// When to use colours; auto is on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value = "auto"
    )]
    pub(crate) color: Color,

    /// No notes on standard error, only errors and lost connections
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Timeout {
    /// How long to wait for the answer, such as 500ms, 2s (or 2), 1m or never [default: 30s]
    ///
    /// When it is given, it is also the time in which the server may come; without it, a server
    /// that is not there is an error at once.
    #[arg(long, short, value_name = "DURATION", value_parser = parse_patience)]
    pub(crate) timeout: Option<Patience>,
}

impl Timeout {
    /// The time for the answer; none is without end.
    pub(crate) fn for_answer(self) -> Option<Duration> {
        self.timeout
            .map_or(Some(DEFAULT_TIMEOUT), Patience::duration)
    }
}

/// Long enough for most calls, short enough for a person who waits.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the registered objects
    #[command(after_help = help::LIST, visible_alias = "ls")]
    List(List),

    /// Call a method of an object and print its response
    #[command(after_help = help::CALL)]
    Call(Call),

    /// Send an event to everyone who listens to it
    #[command(after_help = help::SEND)]
    Send(Send),

    /// Print events as they come
    #[command(after_help = help::LISTEN)]
    Listen(Listen),

    /// Wait until objects are registered
    #[command(after_help = help::WAIT)]
    Wait(Wait),

    /// Provide an object without writing a program
    #[command(after_help = help::SERVE)]
    Serve(Serve),

    /// Show an object: who provides it, its methods and events
    #[command(after_help = help::DESCRIBE)]
    Describe(Describe),

    /// List the connections of the server
    #[command(after_help = help::CLIENTS)]
    Clients(Clients),

    /// Show the figures of the server
    #[command(after_help = help::STATS)]
    Stats(Timeout),

    /// Measure the way to the server and back
    #[command(after_help = help::PING)]
    Ping(Ping),

    /// Print a script that completes this command line in a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Print the man page, or write all man pages into a directory
    #[command(after_help = help::MAN)]
    Man {
        /// Where to write ipc.1, ipc-call.1 and the others; it must exist
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// Only the objects that this client provides or stands by for; 'ipc clients' has the numbers
    #[arg(long, value_name = "NUMBER")]
    pub(crate) client: Option<u64>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Clients {
    /// Only the clients that provide this object or stand by for it
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Call {
    /// The object's name
    pub(crate) object: String,
    /// The method's name
    pub(crate) method: String,
    /// The parameter: JSON, key=value…, - for standard input, or @FILE; without it there is none
    #[arg(id = "value", value_name = "PARAM", allow_negative_numbers = true)]
    pub(crate) param: Vec<String>,
    #[command(flatten)]
    pub(crate) text: Text,
    #[command(flatten)]
    pub(crate) literal: Literal,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Values that are text, whatever they look like.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct Text {
    /// Add this key to the key=value pairs; its value is this text, even if it looks like JSON
    #[arg(long, short, value_name = "KEY=TEXT", allow_hyphen_values = true)]
    pub(crate) field: Vec<String>,
    /// The value is this text as a JSON string, even if it looks like JSON or an option
    #[arg(
        long, short, value_name = "TEXT", allow_hyphen_values = true,
        conflicts_with_all = ["value", "field"]
    )]
    pub(crate) string: Option<String>,
    /// The value is what this file holds, or standard input (-), as one JSON string
    #[arg(
        long, value_name = "FILE", value_hint = ValueHint::FilePath,
        conflicts_with_all = ["value", "field", "string"]
    )]
    pub(crate) string_file: Option<String>,
}

/// Whether a name is taken as it is.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Literal {
    /// Take the name as it is, even if it looks like a pattern
    #[arg(long)]
    pub(crate) literal: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Send {
    /// The event's name
    pub(crate) event: String,
    /// The value: JSON, key=value…, - for standard input, or @FILE; without it, null
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) value: Vec<String>,
    #[command(flatten)]
    pub(crate) text: Text,
    #[command(flatten)]
    pub(crate) lines: Lines,
    #[command(flatten)]
    pub(crate) literal: Literal,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// Many events, one a line.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Lines {
    /// Send an event for each line of standard input, which is JSON
    #[arg(long, conflicts_with_all = ["value", "field", "string", "string_file"])]
    pub(crate) lines: bool,
    /// Send an event for each line of standard input, which is text
    #[arg(long, conflicts_with_all = ["value", "field", "string", "string_file", "lines"])]
    pub(crate) string_lines: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Listen {
    /// The events' names, or patterns: dots separate tokens, * is one token, > the rest
    #[arg(value_name = "EVENT", required = true)]
    pub(crate) events: Vec<String>,
    /// Take every name as a pattern; one with * or > is a pattern anyway
    #[arg(long, short, conflicts_with = "literal")]
    pub(crate) pattern: bool,
    #[command(flatten)]
    pub(crate) literal: Literal,
    /// End after so many events
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after this time, such as 500ms, 2s, 1m; exit code 4 if --count was not reached
    ///
    /// When it is given, it is also the time in which the server may come.
    #[arg(long, short, value_name = "DURATION", value_parser = parse_patience)]
    pub(crate) timeout: Option<Patience>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Wait {
    /// The objects' names
    #[arg(value_name = "OBJECT", required = true)]
    pub(crate) objects: Vec<String>,
    #[command(flatten)]
    pub(crate) literal: Literal,
    /// How long to wait, such as 500ms, 2s, 1m or never; 0 only looks [default: never]
    ///
    /// When it is given, it is also the time in which the server may come; without it, a server
    /// that is not there is an error at once.
    #[arg(long, short, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Patience>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Describe {
    /// The object's name; ipc is the server itself
    pub(crate) object: String,
    #[command(flatten)]
    pub(crate) literal: Literal,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Ping {
    /// How often
    #[arg(
        long, short = 'n', value_name = "COUNT", default_value = "4",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) count: u64,
    /// How long to pause between two round trips, such as 1s; 0 is not at all
    #[arg(long, short, value_name = "DURATION", default_value = "0", value_parser = parse_duration)]
    pub(crate) interval: Patience,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// The object's name
    pub(crate) object: String,
    #[command(flatten)]
    pub(crate) literal: Literal,
    #[command(flatten)]
    pub(crate) answer: Answer,
    /// How the name is shared with other providers
    #[arg(long, value_name = "MODE", value_enum, default_value = "exclusive")]
    pub(crate) mode: ServeMode,
    /// What `ipc describe` shows: a JSON object with doc, methods and events, @FILE, or - for
    /// standard input
    #[arg(long, value_name = "JSON")]
    pub(crate) interface: Option<String>,
    /// How many calls run at once; further ones wait
    #[arg(
        long, short, value_name = "COUNT", default_value = "16",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub(crate) jobs: u16,
    /// Kill CMD after this time, such as 500ms, 2s, 1m, and answer an error
    #[arg(
        long, short, value_name = "DURATION", value_parser = parse_positive,
        conflicts_with_all = ["echo", "reply", "string", "string_file"]
    )]
    pub(crate) timeout: Option<Duration>,
}

/// How calls are answered.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Answer {
    /// Answer with the parameter (null when there is none)
    #[arg(long)]
    pub(crate) echo: bool,
    /// Answer with what a shell command prints: the method is $1, the parameter standard input
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,
    /// Answer with this value: JSON, key=value, - for standard input, or @FILE
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) reply: Option<String>,
    /// Answer with this text as a JSON string, even if it looks like JSON or an option
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) string: Option<String>,
    /// Answer with what this file holds, or standard input (-), as one JSON string
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) string_file: Option<String>,
}

/// How a name is shared.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ServeMode {
    /// A second provider is refused
    Exclusive,
    /// Take the name over from its provider
    Replace,
    /// Stand by behind the provider and take over when it leaves
    Queue,
    /// Share the calls with the other providers
    Shared,
}

impl From<ServeMode> for Mode {
    fn from(mode: ServeMode) -> Self {
        match mode {
            ServeMode::Exclusive => Self::Exclusive,
            ServeMode::Replace => Self::Replace,
            ServeMode::Queue => Self::Queue,
            ServeMode::Shared => Self::Shared,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_may_stand_before_and_after_the_command() {
        for line in [
            "ipc --json --address tcp://[::1]:7 call calc add 1 --timeout 2s",
            "ipc call --timeout 2s calc add 1 --json --address tcp://[::1]:7",
        ] {
            let args = parse(line).unwrap();
            assert!(args.global.json);
            assert_eq!(args.global.address.unwrap().to_string(), "tcp://[::1]:7");
            let Command::Call(call) = args.command else {
                panic!("{line}");
            };
            assert_eq!(call.param, ["1"]);
            assert_eq!(call.timeout.for_answer(), Some(Duration::from_secs(2)));
        }
    }

    #[test]
    fn a_parameter_may_look_like_an_option() {
        for (line, param) in [("ipc call o m -5", "-5"), ("ipc call o m -", "-")] {
            let Command::Call(call) = parse(line).unwrap().command else {
                panic!("{line}");
            };
            assert_eq!(call.param, [param]);
        }
    }

    #[test]
    fn serve_wants_exactly_one_way_to_answer() {
        assert!(parse("ipc serve calc --echo").is_ok());
        assert!(parse("ipc serve calc").is_err());
        assert!(parse("ipc serve calc --echo --reply 1").is_err());
        assert!(parse("ipc serve calc --reply -1").is_ok());
        assert!(parse("ipc serve calc --echo --timeout 1s").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "ipc listen",
            "ipc listen a -n 0",
            "ipc call o m --timeout 0",
            "ipc wait",
            "ipc list --json --text",
            "ipc list --address localhost",
            "ipc ping -n 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("ipc wait o --timeout 0").is_ok());
    }
}
