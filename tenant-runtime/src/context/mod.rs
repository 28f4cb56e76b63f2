//! Who asks, for which tenant, and whether they may: the guard around every route.

mod authenticate;
mod directory;
mod guard;
mod keeper;
mod resolve;
mod revocations;
mod store;
mod tenant;
mod upgrades;

pub(crate) use authenticate::Tokens;
pub(crate) use directory::{Address, Ask, Directory, Members, Package, Server, TenantRecord};
pub(crate) use guard::Guard;
pub(crate) use keeper::Keeper;
pub use tenant::Tenant;
pub(crate) use upgrades::Upgrades;
