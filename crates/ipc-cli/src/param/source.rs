//! Files and standard input as values.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use ipc_client::{RawJson, WrongEncoding};

use super::{advice, is_meant_as_json, parse};
use crate::{exit::Usage, stream::Stdin};

/// The most that is read from a file or from standard input: what the server takes in a message.
/// A larger value would be refused after it was read, however large it is.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Where a value is read from.
#[derive(Debug)]
pub(super) enum Source<'a> {
    StandardInput,
    File(&'a str),
}

impl<'a> Source<'a> {
    /// A file, or standard input for `-`, as `curl` and `git` have it; `./-` is a file.
    pub(super) fn new(path: &'a str) -> Result<Self, Usage> {
        match path {
            "" => Err(Usage("the name of the file is empty".to_owned())),
            "-" => Ok(Self::StandardInput),
            path => Ok(Self::File(path)),
        }
    }

    /// What `-` and `@FILE` stand for; none for any other word.
    pub(super) fn named(word: &'a str) -> Option<Result<Self, Usage>> {
        if word == "-" {
            return Some(Ok(Self::StandardInput));
        }
        match word.strip_prefix('@')? {
            "" => Some(Err(Usage(
                "a file name is missing after '@', as in @param.json".to_owned(),
            ))),
            path => Some(Self::new(path)),
        }
    }

    /// Whether there is something to read.
    pub(super) fn exists(&self) -> bool {
        match self {
            Self::StandardInput => true,
            Self::File(path) => Path::new(path).exists(),
        }
    }

    /// Reads one JSON value where text could be meant as well.
    pub(super) fn read_value(&self) -> Result<RawJson, Usage> {
        let text = self.read_some_text()?;
        let json = parse(self.name(), &text);
        if is_meant_as_json(&text) {
            return json;
        }
        let path = match self {
            Self::StandardInput => "-".to_owned(),
            Self::File(path) => advice::quote(path, "FILE"),
        };
        json.map_err(|Usage(message)| {
            Usage(format!("{message} (as text, write --string-file {path})"))
        })
    }

    /// Reads one JSON value.
    pub(super) fn read_json(&self) -> Result<RawJson, Usage> {
        parse(self.name(), &self.read_some_text()?)
    }

    /// Reads all of it; there is something.
    fn read_some_text(&self) -> Result<String, Usage> {
        let text = self.read_text()?;
        if text.trim().is_empty() {
            let name = self.name();
            return Err(Usage(format!(
                "{name} is empty, which is not JSON (for no value, leave it out)"
            )));
        }
        Ok(text)
    }

    /// Reads all of it.
    pub(super) fn read_text(&self) -> Result<String, Usage> {
        let name = self.name();
        let bytes = match self {
            Self::StandardInput => read_bytes(Stdin),
            Self::File(path) => read_file(path),
        };
        let bytes = bytes.map_err(|error| Usage(format!("cannot read {name}: {error}")))?;
        if MAX_BYTES < bytes.len() {
            return Err(Usage(format!("{name} exceeds 16 MiB")));
        }
        text_of(name, bytes)
    }

    const fn name(&self) -> &'a str {
        match self {
            Self::StandardInput => "standard input",
            Self::File(path) => path,
        }
    }
}

fn read_file(path: &str) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a directory; name a file in it"));
    }
    read_bytes(file)
}

fn read_bytes(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks that bytes are UTF-8, without a byte order mark as the server wants it; `name` is what an
/// error calls them.
pub(crate) fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, Usage> {
    if let Some(encoding) = WrongEncoding::detect(&bytes) {
        return Err(refuse(name, encoding, &bytes));
    }
    String::from_utf8(bytes).map_err(|error| {
        let error = error.utf8_error();
        Usage(format!(
            "{name} is not UTF-8: {error}; convert it, for example with 'iconv -f LATIN1 -t UTF-8'"
        ))
    })
}

fn refuse(name: &str, encoding: WrongEncoding, bytes: &[u8]) -> Usage {
    let encoding = match encoding {
        WrongEncoding::Utf16 => "UTF-16",
        WrongEncoding::Utf32 => "UTF-32",
        _ => {
            return Usage(format!(
                "{name} begins with a byte order mark; save it as UTF-8 without one, or cut it off \
                 with 'tail -c +4'"
            ));
        }
    };
    // With a mark, iconv finds the byte order itself, and takes the mark away.
    let order = match bytes {
        [0xFE | 0xFF, ..] | [0, 0, 0xFE, ..] => "",
        [0, ..] => "BE",
        _ => "LE",
    };
    Usage(format!(
        "{name} is {encoding}; save it as UTF-8, or convert it with 'iconv -f {encoding}{order} -t \
         UTF-8'"
    ))
}
