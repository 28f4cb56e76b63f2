//! What the pages of both planes share: layout and styles, texts, forms, charts, cookies, and how errors look.

mod assets;
mod chart;
mod cookies;
mod error_page;
mod events;
mod field;
mod form;
mod formats;
mod page;
mod refusals;
mod shell;
mod site;
mod speech;
mod table;
mod texts;

pub use assets::{asset, asset_routes};
pub use chart::{Bar, Columns};
pub use cookies::{ACCESS, Cookies, LANGUAGE, LocalPath, encoded};
pub use error_page::{SignIn, error_page, nowhere_page};
pub use events::{Look, events};
pub use field::{Choice, Field, Kind};
pub use form::{Form, FormOwner};
pub use formats::currencies;
pub use page::{Flash, Page};
pub use shell::{Banner, Console, NavGroup, NavItem, Step, Tone};
pub use site::Site;
pub use speech::Speech;
pub use table::{Cell, Column, Filter, Line, Pages, Table, Tools};
pub use texts::{Arg, Texts};
