//! The value that a command line gives: JSON, `key=value…`, `-` or `@file`.
//!
//! JSON goes out as it was written: numbers digit for digit, keys in their order.

use std::{collections::HashSet, fs, io::Read};

use ipc_client::RawJson;

use crate::{exit::Usage, stream::Stdin};

/// The most that is read from a file or from standard input: what the server takes in a message.
/// A larger value would be refused after it was read, however large it is.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads the words that stand where a value may; none when there are none.
pub(crate) fn read(words: &[String]) -> Result<Option<RawJson>, Usage> {
    match words {
        [] => Ok(None),
        [word] => read_one(word).map(Some),
        pairs => from_pairs(pairs).map(Some),
    }
}

/// Reads JSON, or `@file`.
pub(crate) fn read_json(word: &str) -> Result<RawJson, Usage> {
    match word.strip_prefix('@') {
        Some(path) => read_file(path),
        None => parse("the argument", word),
    }
}

fn read_one(word: &String) -> Result<RawJson, Usage> {
    if word == "-" {
        return read_all("standard input", Stdin);
    }
    if let Some(path) = word.strip_prefix('@') {
        return read_file(path);
    }
    if looks_like_json(word) {
        return parse("the argument", word);
    }
    from_pairs(std::slice::from_ref(word))
}

/// Whether a word is meant as JSON: then it is never taken for `key=value`.
fn looks_like_json(word: &str) -> bool {
    let word = word.trim();
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    word.starts_with(['{', '[', '"'])
        || unsigned.starts_with(|c: char| c.is_ascii_digit())
        || matches!(word, "true" | "false" | "null")
}

fn read_file(path: &str) -> Result<RawJson, Usage> {
    match fs::File::open(path) {
        Ok(file) => read_all(path, file),
        Err(error) => Err(Usage(format!("cannot read {path}: {error}"))),
    }
}

fn read_all(name: &str, reader: impl Read) -> Result<RawJson, Usage> {
    let mut text = Vec::new();
    reader
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut text)
        .map_err(|error| Usage(format!("cannot read {name}: {error}")))?;
    if MAX_BYTES < text.len() {
        return Err(Usage(format!("{name} has more than 16 MiB")));
    }
    let text = String::from_utf8(text)
        .map_err(|error| Usage(format!("{name} is not UTF-8: {}", error.utf8_error())))?;
    if text.trim().is_empty() {
        return Err(Usage(format!("{name} is empty")));
    }
    parse(name, &text)
}

fn parse(name: &str, text: &str) -> Result<RawJson, Usage> {
    RawJson::from_text(text.trim_end())
        .map_err(|error| Usage(format!("{name} is not JSON: {error}")))
}

/// Makes an object of `key=value` words; nothing is nested.
fn from_pairs(words: &[String]) -> Result<RawJson, Usage> {
    let mut object = String::from("{");
    let mut keys = HashSet::new();
    for word in words {
        let Some((key, value)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Usage(format!(
                "'{word}' is neither JSON nor key=value; a JSON string is written '\"text\"'"
            )));
        };
        if !keys.insert(key) {
            return Err(Usage(format!("the key '{key}' is given twice")));
        }
        if 1 < keys.len() {
            object.push(',');
        }
        object.push_str(&serde_json::Value::from(key).to_string());
        object.push(':');
        match RawJson::from_text(value.trim()) {
            Ok(json) => object.push_str(json.as_str()),
            Err(_not_json) => object.push_str(&serde_json::Value::from(value).to_string()),
        }
    }
    object.push('}');
    parse("the argument", &object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &[&str]) -> Result<String, String> {
        let words: Vec<_> = line.iter().map(|&word| word.to_owned()).collect();
        match read(&words) {
            Ok(param) => Ok(param.map_or_else(String::new, |param| param.to_string())),
            Err(Usage(message)) => Err(message),
        }
    }

    #[test]
    fn json_stays_as_it_was_written() {
        for json in [
            r#"{"b":1.10,"a":12345678901234567890123}"#,
            "[1, 2]",
            "\"x=y\"",
            "-5",
            "21.50",
            "true",
            "null",
        ] {
            assert_eq!(read_line(&[json]).unwrap(), json);
        }
        assert_eq!(read_line(&[]).unwrap(), "");
    }

    #[test]
    fn pairs_make_an_object() {
        for (line, json) in [
            (&["a=1", "b=2"][..], r#"{"a":1,"b":2}"#),
            (&["city=Paris"], r#"{"city":"Paris"}"#),
            (
                &["a=1.10", "b=\"3\"", "c=[1,{}]", "d=null"],
                r#"{"a":1.10,"b":"3","c":[1,{}],"d":null}"#,
            ),
            (
                &["text=a \"b\" = c", "empty="],
                r#"{"text":"a \"b\" = c","empty":""}"#,
            ),
            (&["a.b=1"], r#"{"a.b":1}"#),
            (&["broken={"], r#"{"broken":"{"}"#),
            (&["zero=007"], r#"{"zero":"007"}"#),
        ] {
            assert_eq!(read_line(line).unwrap(), json);
        }
    }

    #[test]
    fn what_is_neither_is_said_in_one_line() {
        for (line, expected) in [
            (
                &["{\"a\":}"][..],
                "not JSON: expected value at line 1 column 6",
            ),
            (&["12x"], "not JSON: trailing characters at line 1 column 3"),
            (&["hello"], "'hello' is neither JSON nor key=value"),
            (&["a=1", "{}"], "'{}' is neither JSON nor key=value"),
            (&["=1"], "'=1' is neither"),
            (&["a=1", "a=2"], "the key 'a' is given twice"),
            (&["@/does/not/exist"], "cannot read /does/not/exist: "),
        ] {
            let message = read_line(line).unwrap_err();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains('\n'));
        }
    }
}
