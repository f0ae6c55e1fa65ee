//! The envelope of a message: the keys that mean something at its top level, and where their
//! values stand. The scanner fills it in; `message.rs` reads it.

macro_rules! fields {
    ($($variant:ident = $key:literal,)*) => {
        /// A key of the envelope: one that means something at the top level of a message.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u8)]
        pub(crate) enum Field {
            $($variant,)*
        }

        #[expect(non_upper_case_globals, reason = "named after the variants")]
        impl Field {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The field's place in a mask.
            pub(crate) const fn bit(self) -> u32 {
                1 << self as u32
            }

            pub(crate) const fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }

            #[inline]
            pub(crate) fn from_key(key: &[u8]) -> Option<Self> {
                // The compiler makes a tree of comparisons of this, the length first.
                $(const $variant: &[u8] = $key.as_bytes();)*
                match key {
                    $($variant => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    Object = "object",
    Method = "method",
    Param = "param",
    Id = "id",
    Response = "response",
    Error = "error",
    Event = "event",
    Result = "result",
    Code = "code",
    TimeoutMs = "timeout_ms",
    Headers = "headers",
    List = "list",
    EventName = "event_name",
    RegObject = "reg_object",
    Success = "success",
    Mode = "mode",
    Interface = "interface",
    Match = "match",
    Stream = "stream",
    Retain = "retain",
    More = "more",
    Delivered = "delivered",
    Missing = "missing",
    Retained = "retained",
}

const N_FIELDS: usize = Field::ALL.len();

/// Which fields a message has, and where their values stand in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    present: u32,
    spans: [(u32, u32); N_FIELDS],
    /// A line break stands between two tokens, so the message is not one line.
    pub(crate) has_line_breaks: bool,
}

impl Envelope {
    pub(crate) const EMPTY: Self = Self {
        present: 0,
        spans: [(0, 0); N_FIELDS],
        has_line_breaks: false,
    };

    #[inline]
    pub(crate) const fn has(&self, field: Field) -> bool {
        self.present & field.bit() != 0
    }

    /// Which of some fields there are, as their bits.
    #[inline]
    pub(crate) const fn among(&self, bits: u32) -> u32 {
        self.present & bits
    }

    /// Forgets everything, for a new message.
    #[inline]
    pub(crate) const fn clear(&mut self) {
        self.present = 0;
        self.has_line_breaks = false;
    }

    /// Notes where the value of a field stands. The decoder's limit keeps messages below 4 GiB.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "they are below 4 GiB")]
    pub(crate) const fn note(&mut self, field: Field, start: usize, end: usize) {
        self.present |= field.bit();
        self.spans[field as usize] = (start as u32, end as u32);
    }

    /// The JSON text of the field's value in `message`.
    #[inline]
    pub(crate) fn value<'a>(&self, field: Field, message: &'a [u8]) -> Option<&'a [u8]> {
        if !self.has(field) {
            return None;
        }
        let (start, end) = self.spans[field as usize];
        Some(&message[start as usize..end as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_key() {
        for &field in Field::ALL {
            assert_eq!(Field::from_key(field.key().as_bytes()), Some(field));
        }
        assert!(Field::ALL.len() <= 32, "the presence mask has 32 bits");
    }
}
