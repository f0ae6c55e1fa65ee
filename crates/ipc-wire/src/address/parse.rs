//! From text to address, and from a wrong text to what is wrong with it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Address, DEFAULT_TCP_PORT, Problem};

/// Reads an address from a text without white space around it.
pub(super) fn address(text: &str) -> Result<Address, Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    if let Some((scheme, rest)) = text.split_once("://").filter(|(it, _)| is_scheme(it)) {
        return match scheme.to_ascii_lowercase().as_str() {
            "tcp" => tcp(rest.strip_suffix('/').unwrap_or(rest), true),
            "unix" if rest.is_empty() => Err(Problem::NoPath),
            // `unix:///run/ipc.sock` is how URL-minded people write `unix:/run/ipc.sock`.
            "unix" if rest.starts_with('/') => path(rest),
            "unix" => Err(Problem::RelativeUrl(rest.to_owned())),
            _ => Err(Problem::Scheme(scheme.to_owned())),
        };
    }
    if let Some(rest) = strip_scheme(text, "unix:") {
        return path(rest);
    }
    if strip_scheme(text, "tcp:").is_some() {
        return Err(Problem::Slashes);
    }
    if text.starts_with(['/', '~', '@']) || text.starts_with("./") || text.starts_with("../") {
        return path(text);
    }
    if text.contains(':') || text.parse::<Ipv4Addr>().is_ok() || text.starts_with('[') {
        return tcp(text, false);
    }
    Err(if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Problem::Number(text.to_owned())
    } else if text.chars().all(is_plain) {
        Problem::Word(text.to_owned())
    } else {
        Problem::Form
    })
}

fn is_scheme(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_part)
}

/// What a name in a hint may be made of: it is repeated within what to write.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "-_./".contains(c)
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn path(path: &str) -> Result<Address, Problem> {
    if path.is_empty() {
        return Err(Problem::NoPath);
    }
    if path.starts_with('~') {
        return Err(Problem::Home);
    }
    if let Some(name) = path.strip_prefix('@') {
        return Err(Problem::Abstract(name.to_owned()));
    }
    if path.contains('\0') {
        return Err(Problem::ZeroByte);
    }
    if matches!(path.rsplit('/').next(), Some("" | "." | "..")) {
        return Err(Problem::Directory);
    }
    Ok(Address::Unix(path.into()))
}

/// Reads `HOST:PORT`, or a host alone.
fn tcp(text: &str, has_scheme: bool) -> Result<Address, Problem> {
    let written = |rest: &str| format!("{}{rest}", if has_scheme { "tcp://" } else { "" });
    let text = match text.split_once('/') {
        // Beside a scheme it is cut off before.
        Some((address, "")) => address,
        Some((_, rest)) => return Err(Problem::Rest(format!("/{rest}"))),
        None => text,
    };
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err(Problem::NotIpv6(rest.to_owned()));
        };
        check_ipv6(host)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(Problem::Rest(rest.to_owned())),
        }
    } else if 1 < text.matches(':').count() {
        return Err(Problem::Brackets(written(&bracketed(text))));
    } else {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        check_host(host, port)?;
        (host, port)
    };
    Ok(Address::Tcp {
        host: host.to_owned(),
        port: port.map_or(Ok(DEFAULT_TCP_PORT), read_port)?,
    })
}

fn check_host(host: &str, port: Option<&str>) -> Result<(), Problem> {
    if host.is_empty() {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        return Err(Problem::NoHost(port));
    }
    if host == "*" {
        return Err(Problem::AnyHost);
    }
    match host.chars().find(|&c| !is_plain(c)) {
        Some(wrong) => Err(Problem::HostCharacter(wrong)),
        None => Ok(()),
    }
}

/// An IPv6 address, perhaps with the name of an interface behind a percent sign.
fn check_ipv6(host: &str) -> Result<(), Problem> {
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    if address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(is_plain) {
        Ok(())
    } else {
        Err(Problem::NotIpv6(host.to_owned()))
    }
}

/// How an IPv6 address should have been written: the last part is meant as a port where what
/// comes before it is an address, too.
fn bracketed(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((host, port)) if check_ipv6(host).is_ok() => format!("[{host}]:{port}"),
        _ if check_ipv6(text).is_ok() => format!("[{text}]:{DEFAULT_TCP_PORT}"),
        _ => "[ADDRESS]:PORT".to_owned(),
    }
}

fn read_port(port: &str) -> Result<u16, Problem> {
    if port.is_empty() {
        return Err(Problem::EmptyPort);
    }
    // `parse` would take a sign.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Port(port.to_owned()));
    }
    port.parse()
        .map_err(|_large| Problem::LargePort(port.to_owned()))
}
