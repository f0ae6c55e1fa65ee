//! Objects made of `key=value` words; nothing is nested.
//!
//! `key=value` takes what is JSON for JSON and anything else for text, `key:=json` has to be JSON,
//! and a field is text in any case.

use std::collections::HashSet;

use ipc_client::RawJson;

use super::{advice, looks_like_json, parse, string};
use crate::exit::Usage;

/// Makes an object of words, and of fields whose values are text.
pub(super) fn read(words: &[String], fields: &[String]) -> Result<RawJson, Usage> {
    let mut object = Object::default();
    for word in words {
        let (key, value) = pair(word).ok_or_else(|| no_pair(word, words, fields))?;
        match key.strip_suffix(':').filter(|key| !key.is_empty()) {
            Some(key) => {
                let name = format!("the value of '{}'", advice::shorten(key));
                let advice = "for text, write = instead of :=";
                let value = parse(&name, value)
                    .map_err(|Usage(message)| Usage(format!("{message} ({advice})")))?;
                object.push(key, &value)?;
            }
            None => {
                let json = RawJson::from_text(value.trim());
                object.push(key, &json.or_else(|_not_json| string(value))?)?;
            }
        }
    }
    for field in fields {
        let (key, value) = split(field).ok_or_else(|| {
            let field = advice::shorten(field);
            Usage(format!("-f {field}: write -f KEY=TEXT"))
        })?;
        object.push(key, &string(value)?)?;
    }
    object.finish()
}

fn split(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(key, _)| !key.is_empty())
}

/// The key and the value of a word. A URL or a sentence with a `=` in it is not a pair.
fn pair(word: &str) -> Option<(&str, &str)> {
    let (key, value) = split(word).filter(|_| !looks_like_json(word))?;
    let name = key.strip_suffix(':').unwrap_or(key);
    let is_key = !name.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '/' | '?' | '&'));
    is_key.then_some((key, value))
}

#[derive(Default)]
struct Object<'a> {
    json: String,
    keys: HashSet<&'a str>,
}

impl<'a> Object<'a> {
    fn push(&mut self, key: &'a str, value: &RawJson) -> Result<(), Usage> {
        if !self.keys.insert(key) {
            return Err(Usage(format!(
                "the key '{}' is given twice",
                advice::shorten(key)
            )));
        }
        self.json.push(if self.keys.len() == 1 { '{' } else { ',' });
        self.json.push_str(string(key)?.as_str());
        self.json.push(':');
        self.json.push_str(value.as_str());
        Ok(())
    }

    fn finish(self) -> Result<RawJson, Usage> {
        parse("the argument", &(self.json + "}"))
    }
}

/// Says what is wrong with a word that is no pair.
fn no_pair(word: &str, words: &[String], fields: &[String]) -> Usage {
    let is_source = |word: &String| word == "-" || word.starts_with('@');
    let is_pair = |word: &String| pair(word).is_some();
    if let Some(source) = words.iter().find(|word| is_source(word)) {
        return Usage(format!(
            "'{}' must be the only value",
            advice::shorten(source)
        ));
    }
    if words.iter().any(is_pair) || !fields.is_empty() {
        return Usage(format!(
            "'{}' is not key=value, as other values are",
            advice::shorten(word)
        ));
    }
    let n_words = words.len();
    if n_words == 1 {
        return Usage(format!(
            "'{}' is neither JSON nor key=value ({})",
            advice::shorten(word),
            advice::as_text(word)
        ));
    }
    let is_json = |word: &String| RawJson::from_text(word.as_str()).is_ok();
    let instead = if words.iter().all(is_json) {
        let array = advice::quote(&format!("[{}]", words.join(",")), "'[…]'");
        format!("an array is written {array}")
    } else {
        let text = advice::quote(&words.join(" "), "TEXT");
        format!("text of several words is written -s {text}")
    };
    Usage(format!(
        "there are {n_words} values, and one is sent; {instead}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(words: &[&str], fields: &[&str]) -> Result<String, String> {
        let own = |line: &[&str]| line.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        match read(&own(words), &own(fields)) {
            Ok(object) => Ok(object.to_string()),
            Err(Usage(message)) => Err(message),
        }
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
            (&["2fa=on", "-1=x"], r#"{"2fa":"on","-1":"x"}"#),
        ] {
            assert_eq!(read_line(line, &[]).unwrap(), json);
        }
    }

    #[test]
    fn a_colon_makes_the_value_json_and_a_field_makes_it_text() {
        for (words, fields, json) in [
            (
                &["a:=[1.10]", "b=x"][..],
                &[][..],
                r#"{"a":[1.10],"b":"x"}"#,
            ),
            (&[":=1"], &[], r#"{":":1}"#),
            (&["id:=5"], &["name=null"], r#"{"id":5,"name":"null"}"#),
            (&[], &["a:=1", "b=\"\""], r#"{"a:":"1","b":"\"\""}"#),
        ] {
            assert_eq!(read_line(words, fields).unwrap(), json);
        }
        for (words, fields, expected) in [
            (
                &["a:=x"][..],
                &[][..],
                "the value of 'a' is not JSON: expected value at line 1 column 1 \
                 (for text, write = instead of :=)",
            ),
            (&[], &["x"], "-f x: write -f KEY=TEXT"),
            (&["a:=1"], &["a=2"], "the key 'a' is given twice"),
            (
                &["1"],
                &["a=2"],
                "'1' is not key=value, as other values are",
            ),
        ] {
            let message = read_line(words, fields).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
