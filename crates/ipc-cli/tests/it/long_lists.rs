//! Lists are read whole however long they are, and take little memory.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

use crate::tool::{Bus, Tool};

/// The literal of one of the longest names, which JSON writes twice as long.
fn literal(n: usize) -> String {
    format!("\"{}{n:06}\"", "\\\"".repeat(249))
}

/// A connection under a name that provides objects of these names.
fn provide(bus: &Bus, name: &str, literals: impl Iterator<Item = String>) -> TcpStream {
    let address = bus.address();
    let stream = TcpStream::connect(address.strip_prefix("tcp://").unwrap()).unwrap();
    let mut text =
        format!(r#"{{"object":"ipc","method":"hello","param":{{"name":{name}}},"id":0}}"#);
    let mut n_requests = 1;
    for literal in literals {
        writeln!(text, r#"{{"reg_object":{literal},"id":{n_requests}}}"#).unwrap();
        n_requests += 1;
    }
    (&stream).write_all(text.as_bytes()).unwrap();
    let answers = BufReader::new(&stream).lines();
    for answer in answers.take(n_requests).map(Result::unwrap) {
        assert!(!answer.contains("\"error\""), "{answer}");
    }
    stream
}

#[test]
fn every_object_of_a_server_full_of_long_names_is_listed() {
    const N_NAMES: usize = 256;
    // Either way the list has more bytes than a message may have.
    let n_connections = if cfg!(feature = "slow-tests") {
        400
    } else {
        110
    };
    let bus = Bus::start();
    let _connections: Vec<_> = (0..n_connections)
        .map(|n| {
            provide(
                &bus,
                &literal(n),
                (0..N_NAMES).map(move |m| literal(n * N_NAMES + m)),
            )
        })
        .collect();

    let mut tool = Tool::start(bus.command(&["list"]));
    let (mut n_listed, mut n_bytes) = (0, 0);
    for line in tool.stdout.take().unwrap().lines().map(Result::unwrap) {
        let beginning = format!("{{\"object\":{},", literal(n_listed));
        assert!(line.starts_with(&beginning), "{line}");
        n_listed += 1;
        n_bytes += line.len();
    }
    let ended = tool.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(n_listed, n_connections * N_NAMES);
    assert!(16 * 1024 * 1024 < n_bytes, "{n_bytes}");
}

/// Lets this process have both ends of so many connections.
#[cfg(target_os = "linux")]
fn allow_connections(n_connections: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let wanted = 2 * n_connections + 100;
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}

/// Runs the tool, which may allocate so much memory; what it printed.
#[cfg(target_os = "linux")]
fn print_within(bus: &Bus, memory_kib: usize, args: &[&str]) -> String {
    let tool = bus.command(args);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("ulimit -d {memory_kib}; exec \"$0\" \"$@\"")]);
    command.arg(tool.get_program()).args(tool.get_args());
    for (variable, value) in tool.get_envs() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let ended = crate::tool::run(command);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    ended.stdout
}

#[test]
#[cfg(target_os = "linux")]
fn lists_take_little_memory_and_one_long_entry_does_not_widen_all_rows() {
    const N_CLIENTS: usize = 1000;
    /// Twice what the tool takes, and a fifth of what a table took that was as wide as its longest
    /// list.
    const MEMORY_KIB: usize = 12 * 1024;
    allow_connections(N_CLIENTS as u64);
    let bus = Bus::start();
    let _clients: Vec<_> = (0..N_CLIENTS)
        .map(|n| {
            let n_names = if n % 100 == 50 { 256 } else { 0 };
            provide(
                &bus,
                r#""filler""#,
                (0..n_names).map(move |m| literal(n * 256 + m)),
            )
        })
        .collect();

    let text = print_within(&bus, MEMORY_KIB, &["clients", "--text"]);
    assert_eq!(
        text.lines().count(),
        1 + N_CLIENTS + 1,
        "titles, and this client"
    );
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest < 200, "{widest}");
    let n_cut = text
        .lines()
        .filter(|line| line.contains(" and 255 more"))
        .count();
    assert_eq!(n_cut, 10);

    let json = print_within(&bus, MEMORY_KIB, &["clients"]);
    assert_eq!(json.lines().count(), N_CLIENTS + 1);

    let text = print_within(&bus, MEMORY_KIB, &["list", "--text"]);
    assert_eq!(text.lines().count(), 1 + 10 * 256);
    let modes: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| line.find("exclusive"))
        .collect();
    assert!(
        modes.iter().all(|&place| place == modes[0]),
        "aligned from page to page"
    );
    assert!(
        text.lines()
            .filter(|line| line.starts_with("OBJECT"))
            .count()
            == 1
    );
}

#[test]
fn a_list_can_be_that_of_one_client_or_of_one_object() {
    let bus = Bus::start();
    let names = |names: &'static [&'static str]| names.iter().map(|name| format!("{name:?}"));
    let _one = provide(&bus, "null", names(&["b", "a"]));
    let _other = provide(&bus, "null", names(&["c"]));
    let owner = |object: &str| {
        let line = bus.print(&["clients", "--object", object]);
        let client: serde_json::Value = serde_json::from_str(&line).unwrap();
        client["client"].to_string()
    };
    let objects = |client: &str| -> Vec<String> {
        let lines = bus.print(&["list", "--client", client]);
        let parse = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let name = |line| parse(line)["object"].as_str().unwrap().to_owned();
        lines.lines().map(name).collect()
    };
    assert_eq!(owner("a"), owner("b"));
    assert_eq!(objects(&owner("a")), ["a", "b"]);
    assert_eq!(objects(&owner("c")), ["c"]);
    assert_eq!(bus.print(&["clients", "--object", "nobody"]), "");
    assert_eq!(bus.run(&["clients", "--object", ""]).code, 2);
}
