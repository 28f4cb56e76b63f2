//! Where the clusters of tests and benchmarks lie.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;

/// The folder that all of them are in.
///
/// ext4 does not give an inode away again for five minutes after it was freed, and looks for another one at a time: a
/// cluster that is made where thousands of files were deleted just before takes five times as long for CREATE DATABASE.
/// So its folders are spread over the disk, where the file system can do that (`chattr +T`).
pub fn ground() -> &'static Path {
    static GROUND: LazyLock<PathBuf> = LazyLock::new(|| {
        let ground = std::env::temp_dir().join(format!("tenantry-tests-{}", rustix::process::getuid().as_raw()));
        // PostgreSQL runs as another user when root starts it.
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&ground).expect("a folder for tests");
        let _ = Command::new("chattr").arg("+T").arg(&ground).output();
        ground
    });
    &GROUND
}

/// A folder that goes with the value, into which PostgreSQL may go whoever starts it.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir_in(ground()).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}
