//! The longer texts of `--help` and of the man pages.
//!
//! A line that begins at the margin and ends with a colon is a heading; `commands/man.rs` makes a
//! section of it.

pub(crate) const SHORT: &str = "\
Examples:
  ipc list
  ipc call calc add a=1 b=2
  ipc listen temp

More, and the exit codes, with --help; each command has its own.";

pub(crate) const LONG: &str = "\
Examples:
  ipc serve echo --echo             provide an object
  ipc list                          see it
  ipc call echo hello name=World    call it
  ipc listen temp                   wait for events
  ipc send temp 21.5                send one

Output:
  On a terminal people get aligned, coloured text; a pipe or --json gets one JSON value a line,
  just as it was sent. Data goes to standard output, everything else to standard error. What comes
  from others is escaped on a terminal. With --json an error is an object, too:
  {\"error\":…,\"code\":\"timeout\",\"exit\":4}, where error is the provider's own JSON if it is its
  error, and code is the server's, where there is one.

Exit codes:
  0  all went well, or the reader of the output left
  1  the provider answered with an error, or does not know the method
  2  the command line makes no sense
  3  the object is not registered
  4  the time passed
  5  denied
  6  there is no server, or the connection to it was lost
  7  any other error, such as one of the server, or output that cannot be written
  A signal ends every command as it ends any program, which a shell shows as 130 for Ctrl-C
  (SIGINT), 143 for SIGTERM, 129 for SIGHUP and 131 for SIGQUIT. As process 1 of a container, ipc
  exits with these codes.

Environment:
  IPC_ADDRESS         where the server is, unless --address says it
  ENV_SERVER_ADDRESS  the same as HOST:PORT, as in the 2024 system
  NO_COLOR            no colours, unless --color says otherwise";

/// What a value may be; for `call` and `send`.
macro_rules! value_help {
    () => {
        "\
Values:
  key=value…  an object; each value is JSON if it is valid JSON, else a string:
              a=1 b=true c='[1,2]' name=World
              Keys are taken as they are: a.b=1 makes {\"a.b\":1}.
  key:=JSON   the same, and an error if it is not JSON
  -f key=TEXT the same with a string, whatever it looks like: -f zip=01234 -f name=\"$name\"
  JSON        one argument that is a number or begins with { [ or \", or is true, false or null;
              sent as it is written, digit for digit
  -s TEXT     a string, whatever it looks like: -s 'hello world', -s \"$message\"
  - or @-     JSON from standard input
  @FILE       JSON from a file, in UTF-8
  --string-file FILE
              a string: all of the file, or of standard input (-), line breaks included"
    };
}

pub(crate) const CALL: &str = concat!(
    "\
Examples:
  ipc call calc add a=1 b=2
  ipc call calc add '{\"a\":1,\"b\":2}'
  ipc call calc sum '[1,2,3]' --timeout 500ms
  ipc call greeter greet -s World
  date +%s | ipc call clock set -
  ipc call ipc ping                 the object ipc is the server itself

",
    value_help!(),
    "

Output:
  The response: laid out on a terminal, else on one line as it was sent. An error of the provider
  goes to standard error, and the exit code is 1."
);

pub(crate) const SEND: &str = concat!(
    "\
Examples:
  ipc send temp 21.5
  ipc send door.opened id=3 by=alice
  ipc send chat -s 'hello world'
  sensors -j | ipc send sensors -
  journalctl -f -o json | ipc send journal --lines
  tail -f app.log | ipc send log.app --string-lines

",
    value_help!(),
    "

Lines:
  With --lines each line of standard input is JSON and an event of its own, with --string-lines it
  is text. They are sent as they come and in their order; blank lines are skipped. The first line
  that cannot be sent ends it: the error says which one it is and how many events were sent.

Output:
  {\"delivered\":3}: how many connections the event was sent to; null if the server does not say.
  Of lines, at their end: {\"sent\":1000,\"delivered\":3000}."
);

pub(crate) const LIST: &str = "\
Examples:
  ipc list
  ipc list | jq -r .object          the names alone
  ipc list --client 7               what client 7 provides or stands by for

Output:
  Text: a row for each object, its providers as number and name, and who stands by.
  JSON: {\"object\":…,\"mode\":…,\"providers\":[…],\"standby\":[…]} for each object.
  Of many providers or standbys the first are shown, and how many more there are: 'and 7 more', in
  JSON more_providers and more_standby. 'ipc clients --object OBJECT' lists them all.";

pub(crate) const LISTEN: &str = "\
Examples:
  ipc listen temp
  ipc listen temp door.opened
  ipc listen 'sensor.*.temp' 'log.>'
  ipc listen temp -n 1 --timeout 10s
  ipc listen ipc.object.registered  what happens on the server; 'ipc.>' is all of it

Patterns:
  A name with * or > is a pattern: dots separate tokens, * is any one token, > at the end is one
  token or more. 'room.*' hears room.bath; 'room.>' hears room.bath.temp, too. Quote patterns, or
  the shell writes the names of files in their place. --literal takes names as they are.

Output:
  Text: time, event and value.
  JSON: {\"event\":…,\"result\":…} for each event, the result as it was sent.
  'listening to temp' on standard error says that no event is missed from now on. Events that were
  missed, because this or the server was too slow or the connection was lost, are counted on
  standard error, with --json as {\"lagged\":3,\"events\":[…]}, where null is an unknown number. A lost
  connection is made again by itself. Without --count, the end of --timeout is no failure.
  Listening ends with the reader of the output, such as head. With --count the exit code is 0 only
  when so many events were printed, or their reader left: 'ipc listen ready -n 1 && start' starts
  nothing when Ctrl-C (130) or another signal ended it.";

pub(crate) const WAIT: &str = "\
Examples:
  ipc wait calc && ipc call calc add a=1 b=2
  ipc wait calc log --timeout 10s
  ipc wait calc --timeout 0         only look
  ipc wait ipc --timeout 10s        wait for the server, whose own object is ipc

Output:
  None, with --json the list of names. When the time passes, those that are missing are named on
  standard error, and the exit code is 4; it is 6 when the server did not come either.";

pub(crate) const SERVE: &str = "\
Examples:
  ipc serve echo --echo
  ipc serve version -s 1.4
  ipc serve limits --reply '{\"max\":10}'
  ipc serve calc --exec 'jq .a+.b'
  ipc serve disk --exec 'df -h /' --mode shared
  ipc serve job --exec './job.sh \"$1\"' --jobs 1 --timeout 1m

Commands:
  CMD is run by sh for each call. The method is $1 and IPC_METHOD, the object IPC_OBJECT; treat
  them as what they are: words of a stranger. The parameter is standard input, JSON and a line
  break, or nothing. What CMD prints is the response: JSON if it is JSON, else a string without the
  line breaks at its end. If CMD fails, the last line that it wrote to standard error is the error.
  When the caller cancels or leaves, or the time passes, or serve ends, CMD and what it started are
  killed.
  The response is sent when CMD ends. What it leaves running in the background goes on, even when
  serve ends, but nobody reads what it prints then: SIGPIPE ends it when it does, unless its output
  goes elsewhere, as in 'job > job.log 2>&1 & echo started'.

Output:
  'serving calc' on standard error says that the object can be called; on a terminal each call is
  shown. Ctrl-C or another signal gives the name back and ends it (130, or as the signal has it); one
  that follows does not wait for the server. A lost connection is made again by itself.";

pub(crate) const DESCRIBE: &str = "\
Examples:
  ipc describe calc
  ipc describe ipc                  every method and event of the server
  ipc describe calc | jq .interface";

pub(crate) const CLIENTS: &str = "\
Examples:
  ipc clients
  ipc clients | jq -c 'select(.events_dropped > 0)'
  ipc clients --object calc         who provides calc or stands by for it

Output:
  Of many objects the first are shown, and how many more there are: 'and 7 more', in JSON
  more_objects. 'ipc list --client CLIENT' lists them all.
  SUBS are the events and patterns it listens to, IN and OUT the open calls to and from it, QUEUED
  the bytes that wait to be written to it, LOST the events it missed because it was slow.";

pub(crate) const STATS: &str = "\
Examples:
  ipc stats
  watch -n 1 ipc stats --text";

pub(crate) const PING: &str = "\
Examples:
  ipc ping
  ipc ping -n 1000 --json | jq -s 'map(.ms) | add / length'
  ipc ping -n 60 --interval 1s";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  ipc completions bash > ~/.local/share/bash-completion/completions/ipc
  ipc completions zsh > ~/.zfunc/_ipc
  ipc completions fish > ~/.config/fish/completions/ipc.fish";

pub(crate) const MAN: &str = "\
Examples:
  ipc man | man -l -
  ipc man ~/.local/share/man/man1";
