//! Settings: what a tenant keeps for its own programs, by key.

use std::sync::LazyLock;

use super::resource::{Field, Resource};

/// The largest value, in bytes.
const MAX_VALUE: usize = 16 * 1024;

pub(super) static SETTINGS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("settings", "setting", "set")
        .fields([Field::text("key", 100).required().filtered(), Field::json("value", MAX_VALUE).required()])
});
