//! The parameters of the methods of the object `ipc`, and what is wrong with them.

use std::{borrow::Cow, num::NonZeroUsize};

use ipc_wire::{Call, ID_TYPE, Id, Name, Text, WHOLE_NUMBER, Whole, WrongValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::naming::read_name;
use crate::refusal::Refusal;

/// The parameter of any method: every key that one of them knows, each with the value as it was
/// written. One that is null is absent, and other keys are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Param<'a> {
    #[serde(borrow)]
    pub(super) object: Value<'a>,
    #[serde(borrow)]
    pub(super) event: Value<'a>,
    #[serde(borrow, rename = "match")]
    pub(super) matching: Value<'a>,
    #[serde(borrow)]
    pub(super) id: Value<'a>,
    #[serde(borrow)]
    pub(super) protocol: Value<'a>,
    #[serde(borrow)]
    pub(super) name: Value<'a>,
    #[serde(borrow)]
    pub(super) after: Value<'a>,
    #[serde(borrow)]
    pub(super) limit: Value<'a>,
    #[serde(borrow)]
    pub(super) client: Value<'a>,
}

type Value<'a> = Option<&'a RawValue>;

impl<'a> Param<'a> {
    /// Reads the parameter of a call; one that is absent or null is an empty object.
    pub(super) fn read(call: &Call<'a>) -> Result<Self, Refusal> {
        let json = match call.param {
            Some(param) if param.json() != b"null" => param.json(),
            _ => return Ok(Self::default()),
        };
        // Serde would take an array for a struct, value by value.
        if !json.starts_with(b"{") {
            return Err(wrong("param", json, "an object, which may be left out"));
        }
        serde_json::from_slice(json).map_err(|error| {
            // The values may be anything, so it is a key that stands twice.
            Refusal::invalid_option(format_args!("\"param\" is wrong: {error}"))
        })
    }
}

/// A value that may be absent and has to be a string.
pub(super) fn text<'a>(key: &'static str, value: Value<'a>) -> Result<Option<Text<'a>>, Refusal> {
    let Some(value) = value else {
        return Ok(None);
    };
    let json = value.get().as_bytes();
    if !json.starts_with(b"\"") {
        return Err(wrong(key, json, "a string"));
    }
    Ok(Some(Text::from_literal(json)))
}

/// A value that has to be there and a string.
pub(super) fn needed_text<'a>(key: &'static str, value: Value<'a>) -> Result<Text<'a>, Refusal> {
    text(key, value)?.ok_or_else(|| missing(key))
}

/// A value that has to be there and the name of something.
pub(super) fn needed_name<'a>(
    key: &'static str,
    value: Value<'a>,
) -> Result<Cow<'a, str>, Refusal> {
    let name = read_name(&needed_text(key, value)?)?;
    Name::check(&name).map_err(Refusal::invalid_name)?;
    Ok(name)
}

/// A value that may be absent and has to be a whole number.
pub(super) fn whole(key: &'static str, value: Value<'_>) -> Result<Option<u64>, Refusal> {
    let Some(value) = value else {
        return Ok(None);
    };
    let json = value.get().as_bytes();
    let number = Whole::from_json(json).ok_or_else(|| wrong(key, json, WHOLE_NUMBER))?;
    Ok(Some(number.0))
}

/// The same of a number of things, of which there is at least one.
pub(super) fn count(key: &'static str, value: Value<'_>) -> Result<Option<NonZeroUsize>, Refusal> {
    let number = whole(key, value)?.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    match (number.map(NonZeroUsize::new), value) {
        (Some(None), Some(value)) => {
            let expected = "a whole number of at least 1";
            Err(wrong(key, value.get().as_bytes(), expected))
        }
        (number, _) => Ok(number.flatten()),
    }
}

/// A value that has to be there and the id of a request.
pub(super) fn needed_id<'a>(key: &'static str, value: Value<'a>) -> Result<Id<'a>, Refusal> {
    let json = value.ok_or_else(|| missing(key))?.get().as_bytes();
    Id::from_json(json).ok_or_else(|| wrong(key, json, ID_TYPE))
}

fn missing(key: &'static str) -> Refusal {
    Refusal::invalid_option(format_args!("\"param\" needs \"{key}\""))
}

fn wrong(key: &'static str, json: &[u8], expected: &'static str) -> Refusal {
    Refusal::invalid_option(WrongValue {
        key,
        json,
        expected,
    })
}
