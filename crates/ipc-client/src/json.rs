//! JSON text that is passed on as it was written.

use std::fmt;

use bytes::Bytes;
use ipc_wire::Payload;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser};
use serde_json::value::RawValue;

/// One JSON value as text: what a peer wrote, digit for digit and with the order of its keys.
///
/// Cheap to clone. It may stand wherever a value of any JSON type may: as an argument, as a
/// response, within other types.
///
/// ```
/// # fn main() -> Result<(), serde_json::Error> {
/// use ipc_client::RawJson;
///
/// let json = RawJson::from_text(r#"{"b":1.10,"a":2}"#)?;
/// assert_eq!(json.as_str(), r#"{"b":1.10,"a":2}"#);
/// let value: serde_json::Value = json.parse()?;
/// assert_eq!(value["a"], 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct RawJson(Bytes);

impl RawJson {
    /// Writes a value as JSON.
    ///
    /// # Errors
    ///
    /// What `serde_json` says when the value has no JSON form, such as a map with keys that are
    /// no strings.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(|text| Self(text.into()))
    }

    /// Takes JSON text as it is.
    ///
    /// # Errors
    ///
    /// What `serde_json` says when the text is not one JSON value.
    pub fn from_text(text: impl Into<String>) -> Result<Self, serde_json::Error> {
        let text = text.into();
        serde_json::from_str::<&RawValue>(&text)?;
        Ok(Self(text.into_bytes().into()))
    }

    /// The text.
    ///
    /// # Panics
    ///
    /// Never: the text is made of strings and of what the decoder has checked.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor takes UTF-8: a string, what serde_json wrote, or a decoded payload.
        std::str::from_utf8(&self.0).expect("JSON text is UTF-8")
    }

    /// Builds a value from the text.
    ///
    /// # Errors
    ///
    /// What `serde_json` says when the text is not of that type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// A JSON string.
    pub(crate) fn text(text: &str) -> Self {
        Self(serde_json::Value::from(text).to_string().into())
    }

    /// For people: what a JSON string says, any other value as it was written.
    pub(crate) fn to_message(&self) -> String {
        self.parse().unwrap_or_else(|_| self.to_string())
    }

    /// Takes a payload, without copying it where it came in a buffer that can be shared.
    pub(crate) fn from_payload(payload: &Payload<'_>) -> Self {
        Self(
            payload
                .shared()
                .unwrap_or_else(|| Bytes::copy_from_slice(payload.json())),
        )
    }

    pub(crate) fn payload(&self) -> Payload<'_> {
        Payload::from_pretty_json(&self.0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// `null`, as which an absent argument is read.
impl Default for RawJson {
    fn default() -> Self {
        Self(Bytes::from_static(b"null"))
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({self})")
    }
}

impl From<Box<RawValue>> for RawJson {
    fn from(value: Box<RawValue>) -> Self {
        Self(String::from(Box::<str>::from(value)).into_bytes().into())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<&RawValue>(&self.0)
            .map_err(ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::from)
    }
}
