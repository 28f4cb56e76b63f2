//! What the platform has answered: it is held to every word of it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use super::chance::Chance;

/// A tenant that was answered with 201.
#[derive(Clone, Default)]
pub(super) struct Entry {
    pub(super) email: String,
    /// Customers that were answered with 201.
    pub(super) customers: Vec<uuid::Uuid>,
    /// Once somebody tried to delete it, it may be gone or not.
    pub(super) deleting: bool,
}

/// Tenants by slug.
#[derive(Default)]
pub(super) struct Book(Mutex<BTreeMap<String, Entry>>);

impl Book {
    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap()
    }

    pub(super) fn born(&self, slug: &str, email: &str) {
        let entry = Entry { email: email.to_owned(), ..Entry::default() };
        // A deleted one's slug may be used again.
        self.entries().insert(slug.to_owned(), entry);
    }

    /// Some tenant that nobody tries to delete.
    pub(super) fn some(&self, chance: &mut Chance) -> Option<(String, Entry)> {
        let entries = self.entries();
        let standing: Vec<_> = entries.iter().filter(|(_, entry)| !entry.deleting).collect();
        if standing.is_empty() {
            return None;
        }
        let (slug, entry) = standing[chance.below(standing.len())];
        Some((slug.clone(), entry.clone()))
    }

    pub(super) fn standing(&self) -> usize {
        self.entries().values().filter(|entry| !entry.deleting).count()
    }
}
