//! What must hold of the traffic whatever the broker decides: every request is answered once, by
//! whom it was sent to, and order is kept. It knows nothing of the broker's rules.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::model::{Place, hears};

/// One connection's accounts.
#[derive(Debug, Default)]
struct Account {
    /// For each id, how many requests are not answered.
    by_id: BTreeMap<String, u64>,
    /// The calls that were ever made under an id and have had no response.
    calls_by_id: BTreeSet<(String, u64)>,
    /// Requests without an id that are not answered, in order: their numbers where they are calls.
    in_turn: VecDeque<Option<u64>>,
    subscriptions: Vec<(String, bool)>,
    n_matched: u64,
    n_events: u64,
    n_lost: u64,
    last_event: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<Place, Account>,
    /// Who asked each call.
    callers: BTreeMap<u64, Place>,
    /// Calls that a provider was sent.
    taken: BTreeSet<u64>,
    /// Calls whose caller got the response.
    responded: BTreeSet<u64>,
    /// The last call that a provider was sent by a caller.
    last_call: BTreeMap<(Place, Place), u64>,
    pub(crate) n_matched: u64,
}

impl Ledger {
    pub(crate) fn note_request(&mut self, place: Place, id: Option<&Value>, call: Option<u64>) {
        self.callers.extend(call.map(|n| (n, place)));
        let account = self.accounts.entry(place).or_default();
        match id {
            Some(id) => {
                *account.by_id.entry(id.to_string()).or_default() += 1;
                account
                    .calls_by_id
                    .extend(call.map(|n| (id.to_string(), n)));
            }
            None => account.in_turn.push_back(call),
        }
    }

    /// An event that is answered by nothing, or by its own id.
    pub(crate) fn note_event(&mut self, event: &str, is_open: impl Fn(Place) -> bool) {
        for (&place, account) in &mut self.accounts {
            if is_open(place) && hears(&account.subscriptions, event) {
                account.n_matched += 1;
                self.n_matched += 1;
            }
        }
    }

    pub(crate) fn listen(&mut self, place: Place, event: &str, pattern: bool) {
        let account = self.accounts.entry(place).or_default();
        account.subscriptions.push((event.to_owned(), pattern));
    }

    pub(crate) fn unlisten(&mut self, place: Place, event: &str, pattern: bool) {
        let account = self.accounts.entry(place).or_default();
        let gone = (event.to_owned(), pattern);
        account.subscriptions.retain(|known| *known != gone);
    }

    /// A peer received a message.
    pub(crate) fn receive(&mut self, place: Place, message: &Value) {
        if message.get("method").is_some() {
            self.receive_call(place, message["param"].as_u64().unwrap());
        } else if message.get("event").is_some() {
            self.receive_event(place, message);
        } else if message["code"] != "malformed" && message["code"] != "slow_consumer" {
            self.receive_answer(place, message);
        }
    }

    fn receive_call(&mut self, provider: Place, n: u64) {
        assert!(self.taken.insert(n), "call {n} was sent twice");
        let caller = self.callers[&n];
        let last = self.last_call.insert((caller, provider), n).unwrap_or(0);
        assert!(last < n, "call {n} came after {last}");
    }

    fn receive_event(&mut self, place: Place, message: &Value) {
        let account = self.accounts.entry(place).or_default();
        let name = message["event"].as_str().unwrap();
        if name == "ipc.lost" {
            account.n_lost += message["result"]["count"].as_u64().unwrap();
        } else if !name.starts_with("ipc.") {
            let n = message["result"].as_u64().unwrap();
            assert!(account.last_event < n, "an event out of order: {message}");
            account.last_event = n;
            account.n_events += 1;
        }
    }

    fn receive_answer(&mut self, place: Place, message: &Value) {
        let account = self.accounts.entry(place).or_default();
        let response = message.get("response").filter(|value| !value.is_object());
        let n = response.map(|value| value.as_u64().unwrap_or_else(|| panic!("{message}")));
        match message.get("id") {
            Some(id) => {
                let id = id.to_string();
                let n_open = account.by_id.get_mut(&id).filter(|n_open| 0 < **n_open);
                *n_open.unwrap_or_else(|| panic!("nobody asked: {message}")) -= 1;
                let is_own = n.is_none_or(|n| account.calls_by_id.remove(&(id, n)));
                assert!(is_own, "not the answer: {message}");
            }
            None => {
                let asked = account.in_turn.pop_front();
                let asked = asked.unwrap_or_else(|| panic!("nobody asked: {message}"));
                assert!(n.is_none() || asked == n, "not its turn: {message}");
            }
        }
        if let Some(n) = n {
            assert!(self.responded.insert(n), "call {n} was answered twice");
            assert!(self.taken.contains(&n), "nobody was asked call {n}");
        }
    }

    /// A listener that has read everything has heard every event, or knows how many it missed.
    pub(crate) fn assert_told(&self, place: Place) {
        let account = self.accounts.get(&place);
        assert!(
            account.is_none_or(|account| account.n_matched == account.n_events + account.n_lost),
            "lost in silence: {account:?}"
        );
    }

    /// A connection that stayed until the end is owed nothing.
    pub(crate) fn assert_settled(&self, place: Place) {
        let Some(account) = self.accounts.get(&place) else {
            return;
        };
        let mut n_open = account.by_id.values();
        assert!(
            n_open.all(|&n_open| n_open == 0),
            "not answered: {account:?}"
        );
        assert!(account.in_turn.is_empty(), "not answered: {account:?}");
        assert!(account.n_events <= account.n_matched);
    }
}
