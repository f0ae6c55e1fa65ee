//! Who listens to which events: names in a table, patterns in a tree of their tokens.

use ipc_wire::{Name, Pattern, Token};
use slab::Slab;

use crate::{io::SessionId, listeners::Listeners, names::Names};

/// The most tokens of a pattern: matching walks the tree as deep as its patterns.
pub(crate) const MAX_PATTERN_TOKENS: usize = 32;

/// What a session asked to hear.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Subscription {
    /// The event of this very name.
    Name(Name),
    /// The events whose names match.
    Pattern(Pattern),
}

#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    by_name: Names<Listeners>,
    patterns: PatternTree,
    len: usize,
}

impl Subscriptions {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a listener, unless it is there already.
    pub(crate) fn insert(&mut self, subscription: &Subscription, session: SessionId) {
        let is_new = match subscription {
            Subscription::Name(name) => self
                .by_name
                .get_or_insert(name.as_str(), Listeners::default)
                .insert(session),
            Subscription::Pattern(pattern) => self.patterns.insert(pattern, session),
        };
        self.len += usize::from(is_new);
    }

    pub(crate) fn remove(&mut self, subscription: &Subscription, session: SessionId) {
        let was_there = match subscription {
            Subscription::Name(name) => match self.by_name.find(name.as_str().as_bytes()) {
                Some((place, listeners)) => {
                    let was_there = listeners.remove(session);
                    if listeners.is_empty() {
                        self.by_name.remove(place);
                    }
                    was_there
                }
                None => false,
            },
            Subscription::Pattern(pattern) => self.patterns.remove(pattern, session),
        };
        self.len -= usize::from(was_there);
    }

    /// Calls `found` for every listener of an event, once for each of its subscriptions.
    ///
    /// The server's own events, under `ipc.`, are only matched by patterns that begin with `ipc`:
    /// whoever listens to `>` means what applications say.
    pub(crate) fn listeners(&self, event: &str, mut found: impl FnMut(SessionId)) {
        if let Some(listeners) = self.by_name.get(event) {
            listeners.iter().for_each(&mut found);
        }
        if !self.patterns.is_empty() {
            let is_own = ipc_wire::is_reserved(event);
            self.patterns.listeners(event, is_own, &mut found);
        }
    }
}

/// Patterns that share their first tokens share their first nodes, so that an event is compared
/// with each token once however many patterns there are.
#[derive(Debug)]
struct PatternTree {
    nodes: Slab<Node>,
    root: usize,
}

#[derive(Debug, Default)]
struct Node {
    literals: Names<usize>,
    any: Option<usize>,
    /// Listeners of the pattern that ends here.
    listeners: Listeners,
    /// Listeners of the pattern that ends with `>` after this node.
    rest: Listeners,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.literals.is_empty()
            && self.any.is_none()
            && self.listeners.is_empty()
            && self.rest.is_empty()
    }
}

impl Default for PatternTree {
    fn default() -> Self {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::default());
        Self { nodes, root }
    }
}

impl PatternTree {
    fn is_empty(&self) -> bool {
        self.nodes.get(self.root).is_none_or(Node::is_empty)
    }

    fn insert(&mut self, pattern: &Pattern, session: SessionId) -> bool {
        let mut place = self.root;
        for token in pattern.tokens() {
            let known = self.nodes.get(place).and_then(|node| match token {
                Token::Literal(literal) => node.literals.get(literal).copied(),
                Token::Any => node.any,
                Token::Rest => None,
            });
            if token == Token::Rest {
                return self
                    .nodes
                    .get_mut(place)
                    .is_some_and(|node| node.rest.insert(session));
            }
            let next = known.unwrap_or_else(|| self.nodes.insert(Node::default()));
            if let Some(node) = self.nodes.get_mut(place).filter(|_| known.is_none()) {
                match token {
                    Token::Literal(literal) => {
                        node.literals.get_or_insert(literal, || next);
                    }
                    Token::Any | Token::Rest => node.any = Some(next),
                }
            }
            place = next;
        }
        self.nodes
            .get_mut(place)
            .is_some_and(|node| node.listeners.insert(session))
    }

    fn remove(&mut self, pattern: &Pattern, session: SessionId) -> bool {
        let tokens: Vec<_> = pattern.tokens().collect();
        self.remove_below(self.root, &tokens, session)
    }

    /// Removes a listener below a node, and the nodes that are empty then.
    fn remove_below(&mut self, place: usize, tokens: &[Token<'_>], session: SessionId) -> bool {
        let Some(node) = self.nodes.get_mut(place) else {
            return false;
        };
        let Some((token, others)) = tokens.split_first() else {
            return node.listeners.remove(session);
        };
        let next = match token {
            Token::Literal(literal) => node.literals.get(literal).copied(),
            Token::Any => node.any,
            Token::Rest => return node.rest.remove(session),
        };
        let Some(next) = next else {
            return false;
        };
        let was_there = self.remove_below(next, others, session);
        if self.nodes.get(next).is_some_and(Node::is_empty) {
            self.nodes.remove(next);
            if let Some(node) = self.nodes.get_mut(place) {
                match token {
                    Token::Literal(literal) => {
                        if let Some((place, _)) = node.literals.find(literal.as_bytes()) {
                            node.literals.remove(place);
                        }
                    }
                    Token::Any | Token::Rest => node.any = None,
                }
            }
        }
        was_there
    }

    fn listeners(&self, event: &str, is_own: bool, found: &mut impl FnMut(SessionId)) {
        let Some(root) = self.nodes.get(self.root) else {
            return;
        };
        if is_own {
            // Past the first token, the server's events are matched like any others.
            if let Some((first, rest)) = event.split_once('.')
                && let Some(&next) = root.literals.get(first)
            {
                self.visit(next, Some(rest), found);
            }
            return;
        }
        self.visit(self.root, Some(event), found);
    }

    /// Visits a node with the part of the name that is not matched yet; a node is reached in one
    /// way only, so no more nodes are visited than there are.
    fn visit(&self, place: usize, event: Option<&str>, found: &mut impl FnMut(SessionId)) {
        let Some(node) = self.nodes.get(place) else {
            return;
        };
        let Some(event) = event else {
            node.listeners.iter().for_each(found);
            return;
        };
        node.rest.iter().for_each(&mut *found);
        let (token, others) = match event.split_once('.') {
            Some((token, others)) => (token, Some(others)),
            None => (event, None),
        };
        if let Some(&next) = node.literals.get(token) {
            self.visit(next, others, found);
        }
        if let Some(next) = node.any {
            self.visit(next, others, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(slot: usize) -> SessionId {
        SessionId {
            slot,
            client: slot as u64,
        }
    }

    fn found(subscriptions: &Subscriptions, event: &str) -> Vec<usize> {
        let mut found = Vec::new();
        subscriptions.listeners(event, |session| found.push(session.slot));
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn the_tree_finds_the_patterns_that_match_one_by_one(
            texts in prop::collection::vec("(a|b|\\*)(\\.(a|b|\\*)){0,3}(\\.>)?", 1..20),
            removed in prop::collection::vec(any::<bool>(), 20),
            events in prop::collection::vec("(a|b|c)?(\\.(a|b|c)?){0,4}", 1..10),
        ) {
            let mut subscriptions = Subscriptions::default();
            let patterns: Vec<_> = texts.iter().map(|text| Pattern::new(text).unwrap()).collect();
            for (slot, pattern) in patterns.iter().enumerate() {
                subscriptions.insert(&Subscription::Pattern(pattern.clone()), session(slot));
            }
            for (slot, pattern) in patterns.iter().enumerate().filter(|&(slot, _)| removed[slot]) {
                subscriptions.remove(&Subscription::Pattern(pattern.clone()), session(slot));
            }
            for event in events.iter().filter(|event| !event.is_empty()) {
                let matching: Vec<_> = patterns
                    .iter()
                    .enumerate()
                    .filter(|&(slot, pattern)| !removed[slot] && pattern.matches(event))
                    .map(|(slot, _)| slot)
                    .collect();
                prop_assert_eq!(found(&subscriptions, event), matching);
            }
            for (slot, pattern) in patterns.iter().enumerate() {
                subscriptions.remove(&Subscription::Pattern(pattern.clone()), session(slot));
            }
            prop_assert_eq!(subscriptions.len(), 0);
            prop_assert_eq!(subscriptions.patterns.nodes.len(), 1, "only the root is left");
        }
    }

    #[test]
    fn the_servers_own_events_are_only_matched_by_patterns_that_name_them() {
        let mut subscriptions = Subscriptions::default();
        for (slot, text) in [">", "*.object.registered", "ipc.>", "ipc.*.registered"]
            .iter()
            .enumerate()
        {
            let pattern = Subscription::Pattern(Pattern::new(text).unwrap());
            subscriptions.insert(&pattern, session(slot));
        }
        assert_eq!(found(&subscriptions, "ipc.object.registered"), [2, 3]);
        assert_eq!(found(&subscriptions, "ipcs.object.registered"), [0, 1]);
        assert_eq!(found(&subscriptions, "app.object.registered"), [0, 1]);
    }
}
