//! What the platform has answered: it is held to every word of it.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use tests::chance::Chance;

/// A tenant that was asked for.
#[derive(Clone, Default)]
pub(super) struct Entry {
    pub(super) email: String,
    /// Customers that were answered with 201.
    pub(super) customers: Vec<uuid::Uuid>,
    /// Whether it was answered as whole; otherwise it was only begun, and may have failed.
    pub(super) whole: bool,
    /// Once somebody tried to delete it, it may be gone or not.
    pub(super) deleting: bool,
}

/// Tenants by slug.
#[derive(Default)]
pub(super) struct Book {
    entries: Mutex<BTreeMap<String, Entry>>,
    answers: AtomicUsize,
}

impl Book {
    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap()
    }

    /// How often something was answered with 201.
    pub(super) fn answers(&self) -> usize {
        self.answers.load(Ordering::SeqCst)
    }

    pub(super) fn born(&self, slug: &str, email: &str, whole: bool) {
        let entry = Entry { email: email.to_owned(), whole, ..Entry::default() };
        self.entries().insert(slug.to_owned(), entry);
    }

    /// The platform itself answered with 201.
    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn customer(&self, slug: &str, id: uuid::Uuid) {
        if let Some(entry) = self.entries().get_mut(slug) {
            entry.customers.push(id);
        }
        self.answered();
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
