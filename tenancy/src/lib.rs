//! The ground floor: the words that both planes speak, and their seams to PostgreSQL and HTTP.
//!
//! What only one plane needs does not belong here. Nothing here knows a handler, a command, or a table of either plane.

pub mod email;
pub mod fields;
pub mod http;
pub mod ids;
pub mod language;
pub mod migrate;
pub mod money;
pub mod naming;
pub mod postgres;
pub mod problem;
pub mod role;
pub mod secrets;
pub mod slug;
pub mod status;
pub mod telemetry;
mod text_type;
pub mod token;

pub use email::EmailAddress;
pub use ids::{TenantId, UserId};
pub use language::Language;
pub use money::Money;
pub use naming::{DatabaseName, NamePrefix, RoleName};
pub use problem::{Code, Problem};
pub use role::{Permission, Role};
pub use slug::TenantSlug;
pub use status::TenantStatus;
