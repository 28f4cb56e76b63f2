//! Activities: who did what to which row. They are written by the statements that do it.

use std::sync::LazyLock;

use super::resource::{Action, Field, Resource};

pub(super) static ACTIVITIES: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("activities", "activity", "act").only(&[Action::Read]).fields([
        Field::shown_text("action"),
        Field::shown_text("resource").filtered(),
        Field::shown_text("row_id").filtered(),
        Field::shown_text("title"),
        Field::shown_texts("changed"),
    ])
});
