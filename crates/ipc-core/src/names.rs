//! Tables of names that peers chose: of objects, of events, and of the tokens of patterns.
//!
//! Names are found by a quick hash, which is seeded in each process. Whoever learned the seed all
//! the same, say from how long look-ups take, could choose names that all look alike to it, and
//! everybody would wait while one is looked for among them. So whoever adds a name is watched:
//! when it looks like more of the others than chance explains, the table goes over to the hash of
//! the standard library, for which nobody can choose such names.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hash, Hasher, RandomState},
};

use hashbrown::DefaultHashBuilder;
use indexmap::{Equivalent, IndexMap};

/// The names that a new one may look like. By chance it looks like one of the others once in ten
/// times, and like as many as this once in longer than any server runs.
const MAX_ALIKE: usize = 16;

/// What is known by names, in the order in which they came until one is removed.
#[derive(Debug)]
pub(crate) struct Names<V> {
    entries: IndexMap<Key, V, NameHash>,
}

impl<V> Default for Names<V> {
    fn default() -> Self {
        let hash = NameHash::Quick(DefaultHashBuilder::default());
        Self {
            entries: IndexMap::with_hasher(hash),
        }
    }
}

impl<V> Names<V> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        self.entries.get(&Sought::new(name.as_bytes()))
    }

    /// What is known by a name, and its place until one is removed. Names are looked up by their
    /// bytes: those of a message are known to be UTF-8 before they are a text.
    #[inline]
    pub(crate) fn find(&mut self, name: &[u8]) -> Option<(usize, &mut V)> {
        let (place, _, value) = self.entries.get_full_mut(&Sought::new(name))?;
        Some((place, value))
    }

    pub(crate) fn at(&self, place: usize) -> Option<&V> {
        let (_, value) = self.entries.get_index(place)?;
        Some(value)
    }

    /// What is known by a name; if nothing is, what `new` makes.
    pub(crate) fn get_or_insert(&mut self, name: &str, new: impl FnOnce() -> V) -> &mut V {
        let sought = Sought::new(name.as_bytes());
        let is_new = self.entries.get_index_of(&sought).is_none();
        if is_new && MAX_ALIKE < sought.n_alike.get() {
            self.hash_strongly();
        }
        self.entries.entry(Key(name.into())).or_insert_with(new)
    }

    /// Takes out what [`Names::find`] found.
    pub(crate) fn remove(&mut self, place: usize) {
        self.entries.swap_remove_index(place);
    }

    #[cold]
    fn hash_strongly(&mut self) {
        let hash = NameHash::Strong(RandomState::new());
        let entries = std::mem::replace(&mut self.entries, IndexMap::with_hasher(hash));
        self.entries.extend(entries);
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Key(Box<str>);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

/// A name that is looked for.
struct Sought<'a> {
    name: &'a [u8],
    /// Names that look like it.
    n_alike: Cell<usize>,
}

impl<'a> Sought<'a> {
    #[inline]
    const fn new(name: &'a [u8]) -> Self {
        Self {
            name,
            n_alike: Cell::new(0),
        }
    }
}

impl Hash for Sought<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.name);
    }
}

impl Equivalent<Key> for Sought<'_> {
    #[inline]
    fn equivalent(&self, key: &Key) -> bool {
        self.n_alike.set(self.n_alike.get() + 1);
        self.name == key.0.as_bytes()
    }
}

#[derive(Clone, Debug)]
enum NameHash {
    Quick(DefaultHashBuilder),
    Strong(RandomState),
}

impl BuildHasher for NameHash {
    type Hasher = NameHasher;

    #[inline]
    fn build_hasher(&self) -> NameHasher {
        NameHasher {
            hash: self.clone(),
            hashed: 0,
        }
    }
}

/// Hashes one name, which comes in one piece.
struct NameHasher {
    hash: NameHash,
    hashed: u64,
}

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, name: &[u8]) {
        self.hashed = match &self.hash {
            NameHash::Quick(quick) => hash_bytes(quick, name),
            NameHash::Strong(strong) => hash_bytes(strong, name),
        };
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.hashed
    }
}

#[inline]
fn hash_bytes(hash: &impl BuildHasher, bytes: &[u8]) -> u64 {
    let mut hasher = hash.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_quick<V>(names: &Names<V>) -> bool {
        matches!(names.entries.hasher(), NameHash::Quick(_))
    }

    fn assert_all_found(names: &mut Names<usize>, known: &[String]) {
        assert_eq!(names.len(), known.len());
        for (place, name) in known.iter().enumerate() {
            let mut value = place;
            assert_eq!(names.get(name), Some(&value));
            assert_eq!(names.find(name.as_bytes()), Some((place, &mut value)));
            assert_eq!(names.at(place), Some(&value));
            assert_eq!(*names.get_or_insert(name, || usize::MAX), value);
        }
    }

    #[test]
    fn ordinary_names_are_hashed_quickly() {
        for stem in ["", "event.", "some long beginning that all share: "] {
            let mut names = Names::default();
            let known: Vec<_> = (0..10_000).map(|n| format!("{stem}{n}")).collect();
            for (place, name) in known.iter().enumerate() {
                assert_eq!(names.get(name), None);
                assert_eq!(*names.get_or_insert(name, || place), place);
            }
            assert_all_found(&mut names, &known);
            assert!(is_quick(&names), "{stem:?}");
        }
    }

    #[test]
    fn names_that_were_chosen_to_look_alike_are_hashed_strongly() {
        let mut names = Names::default();
        // What the table looks at is the beginning and the end of the hash.
        let hash = names.entries.hasher().clone();
        let looks = |name: &String| hash_bytes(&hash, name.as_bytes()).rotate_left(7) & 0xFFF;
        let all = (0..).map(|n: u32| n.to_string());
        let chosen: Vec<_> = all.filter(|name| looks(name) == 0).take(40).collect();

        for (place, name) in chosen.iter().enumerate() {
            names.get_or_insert(name, || place);
            assert_eq!(is_quick(&names), place <= MAX_ALIKE, "{place}");
        }

        assert_all_found(&mut names, &chosen);
    }

    #[test]
    fn a_name_that_is_removed_is_not_known() {
        let mut names = Names::default();
        for name in ["a", "b", "c"] {
            names.get_or_insert(name, || name);
        }
        let (place, _) = names.find(b"a").unwrap();

        names.remove(place);

        let known = ["a", "b", "c"].map(|name| names.get(name).copied());
        assert_eq!(known, [None, Some("b"), Some("c")]);
    }
}
