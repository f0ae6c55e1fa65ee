//! The real `ipc`, driven against a server in this process.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod colors_and_terminals;
mod documents;
mod encodings;
mod ending_quietly;
mod exit_codes;
mod interrupted;
mod late_servers;
mod lines;
mod listening;
mod long_lists;
mod old_servers;
mod one_json_value_a_line;
mod parameters;
mod processes;
mod running_commands;
mod serving;
mod standard_streams;
mod tool;
mod waiting;
