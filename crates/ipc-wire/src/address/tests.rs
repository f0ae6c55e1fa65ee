use super::*;

fn tcp(host: &str, port: u16) -> Address {
    let host = host.to_owned();
    Address::Tcp { host, port }
}

fn unix(path: &str) -> Address {
    Address::Unix(path.into())
}

/// What is said about a text that is not an address.
fn refused(text: &str) -> String {
    match text.parse::<Address>() {
        Ok(address) => panic!("{text:?} is read as {address:?}"),
        Err(invalid) => invalid.to_string(),
    }
}

#[test]
fn an_address_survives_the_way_to_text_and_back() {
    for text in [
        "tcp://127.0.0.1:1986",
        "tcp://[::1]:0",
        "tcp://[fe80::1%eth0]:7",
        "tcp://localhost:80",
        "unix:/a b/c",
        "unix:app.sock",
        "unix:////a",
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
}

#[test]
fn addresses_are_read_as_people_write_them() {
    for (text, address) in [
        ("127.0.0.1:4502", tcp("127.0.0.1", 4502)),
        ("127.0.0.1", tcp("127.0.0.1", 1986)),
        ("localhost:4502", tcp("localhost", 4502)),
        ("localhost:4502/", tcp("localhost", 4502)),
        ("[::1]:4502", tcp("::1", 4502)),
        ("[::1]", tcp("::1", 1986)),
        ("tcp://127.0.0.1", tcp("127.0.0.1", 1986)),
        ("tcp://host/", tcp("host", 1986)),
        ("tcp://my_host-1.example:1/", tcp("my_host-1.example", 1)),
        ("tcp://[::1]", tcp("::1", 1986)),
        ("TCP://[::1]:2/", tcp("::1", 2)),
        (" tcp://host:0\n", tcp("host", 0)),
        ("/run/app.sock", unix("/run/app.sock")),
        ("./app.sock", unix("./app.sock")),
        ("../app.sock", unix("../app.sock")),
        ("unix:relative", unix("relative")),
        ("unix:a:b", unix("a:b")),
        ("unix:///run/x", unix("/run/x")),
        ("Unix:/run/x\t", unix("/run/x")),
        ("UNIX:///run/x", unix("/run/x")),
    ] {
        assert_eq!(text.parse(), Ok(address.clone()), "{text:?}");
        assert_eq!(address.to_string().parse(), Ok(address), "{text:?}");
        assert_eq!(Address::from_host_port(text), text.parse(), "{text:?}");
    }
}

#[test]
fn what_is_wrong_with_an_address_is_said_with_what_to_write() {
    for (text, said) in [
        ("", "the text is empty"),
        (" ", "the text is empty"),
        ("localhost", "if '#' is a host, tcp://#"),
        ("app.sock", "if it is a file here, ./#"),
        ("1986", "if '#' is a port, 127.0.0.1:#"),
        ("a b", "; write tcp://HOST:PORT or unix:PATH"),
        ("tcp://", "the host is missing; write 127.0.0.1 for"),
        (":1986", "the host is missing; write 127.0.0.1:1986 for"),
        ("tcp://:1", "the host is missing"),
        ("tcp:host:1", "write tcp://HOST:PORT"),
        ("tcp://h:", "the port is missing"),
        ("tcp://h:65536", "port 65536 is above 65535"),
        ("h:80000", "port 80000 is above 65535"),
        ("h:99999999999999999999999", "is above 65535"),
        ("tcp://h:http", "'http' is not a port; write a number"),
        ("h:+80", "'+80' is not a port"),
        ("h:-1", "'-1' is not a port"),
        ("tcp://h: 1", "' 1' is not a port"),
        ("tcp://h:1/x", "leave out '/x'"),
        ("[::1]1", "leave out '1'"),
        ("tcp://::1:4502", "write tcp://[::1]:4502"),
        ("::1:4502", "write [::1]:4502"),
        ("tcp://::1", "write tcp://[::1]:1986"),
        ("a:b:c", "write [ADDRESS]:PORT"),
        ("[localhost]:1", "'localhost' is not an IPv6 address"),
        ("[::1", "'::1' is not an IPv6 address"),
        ("tcp://*:1", "write 0.0.0.0"),
        ("tcp://me@host:1", "'@' cannot be part of a host's name"),
        ("a b:1", "' ' cannot be part of a host's name"),
        ("http://h:1", "'http://' is not understood; write tcp://"),
        ("ws://h", "'ws://' is not understood"),
        ("nats://h:4222", "'nats://' is not understood"),
        ("file:///run/x", "'file://' is not understood"),
        ("unix:", "the path is missing"),
        ("unix://", "the path is missing"),
        ("unix:///", "names a directory"),
        ("unix:/run/", "names a directory"),
        ("..", "write tcp://HOST:PORT or unix:PATH"),
        ("unix:..", "names a directory"),
        ("unix://run/x", "write unix:///run/x, or unix:run/x here"),
        ("~/app.sock", "write the path in full"),
        ("unix:~/app.sock", "write the path in full"),
        ("@app", "./app for a file here"),
        ("unix:@app", "./app for a file here"),
        ("/run/\0", "zero byte"),
    ] {
        let message = refused(text);
        let said = said.replace('#', text);
        assert!(message.contains(&said), "{message}");
        assert!(message.contains("' is not an address"), "{message}");
        assert!(!message.contains(['\n', '\0']), "{message:?}");
    }
}

#[test]
fn a_path_may_be_as_long_as_a_socket_takes() {
    let longest = format!("/{}", "x".repeat(MAX_SOCKET_PATH_BYTES - 1));
    assert_eq!(longest.parse(), Ok(unix(&longest)));
    for text in [format!("{longest}x"), format!("unix:{longest}x")] {
        let n_bytes = MAX_SOCKET_PATH_BYTES + 1;
        let said = format!("may have {MAX_SOCKET_PATH_BYTES} bytes and this has {n_bytes}");
        assert!(refused(&text).ends_with(&said), "{}", refused(&text));
    }
    unix(&format!("{longest}x")).check().unwrap_err();
}

#[test]
fn port_0_is_for_servers() {
    let address = tcp("h", 0);
    address.check().unwrap();
    let said = address.check_for_client().unwrap_err().to_string();
    assert!(
        said.starts_with("'tcp://h:0' is not an address: port 0 lets a server choose"),
        "{said}"
    );
    tcp("h", 1).check_for_client().unwrap();
}

#[test]
fn the_seed_systems_variable_is_told_what_it_holds() {
    for text in ["nowhere", "1986", "a b"] {
        let invalid = Address::from_host_port(text).unwrap_err();
        assert_eq!(invalid.problem().to_string(), "write HOST:PORT");
    }
    let invalid = Address::from_host_port("h:80000").unwrap_err();
    assert_eq!(invalid.problem().to_string(), "port 80000 is above 65535");
}

#[test]
fn a_relative_runtime_directory_is_not_used() {
    let socket = default_socket(Some(Path::new("run")), Path::new("/tmp"), 7);
    assert_eq!(socket, Path::new("/tmp/ipc-7/ipc.sock"));
    let socket = default_socket(Some(Path::new("/run/user/7")), Path::new("/tmp"), 7);
    assert_eq!(socket, Path::new("/run/user/7/ipc.sock"));
}
