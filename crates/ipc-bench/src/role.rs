//! What a connection of the load does; the raw relay has an address for each.

/// The part that a connection plays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Sends calls.
    Caller,
    /// Answers them.
    Provider,
    /// Sends events.
    Publisher,
    /// Receives them.
    Listener,
}

impl Role {
    /// All of them, in the order in which the relay prints its addresses.
    pub(crate) const ALL: [Self; 4] = [
        Self::Caller,
        Self::Provider,
        Self::Publisher,
        Self::Listener,
    ];
}
