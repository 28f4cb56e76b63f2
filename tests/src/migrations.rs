//! Folders of migrations: those that are built in, and some more.

use std::{fs, path::Path};

use tempfile::TempDir;

/// The tenant migrations that are built in.
fn built_in() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tenant-migrations"))
}

/// The version of the newest that is built in.
pub const BUILT_IN: i32 = 4;

/// A folder of what is built in and these more, by number and text: the first has the number after [`BUILT_IN`].
pub fn with(more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(built_in()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    add(folder.path(), BUILT_IN + 1, more);
    folder
}

/// Adds migrations to a folder, from this number on.
pub fn add(folder: &Path, from: i32, more: &[&str]) {
    for (number, text) in (from..).zip(more) {
        fs::write(folder.join(format!("V{number}__more_{number}.sql")), text).unwrap();
    }
}
