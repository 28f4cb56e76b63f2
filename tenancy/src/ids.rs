//! Identifiers: UUIDv7 in the database, shown as TypeIDs (`ten_01j…`) everywhere else.
//!
//! The text form follows the TypeID specification 0.3: a prefix, `_`, and the 128 bits in
//! Crockford's base 32, lower case, 26 characters, the first at most `7`.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use postgres_types::{FromSql, IsNull, ToSql, Type, private::BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// What an identifier names; supplies the prefix of its text form.
pub trait Kind: Send + Sync + 'static {
    /// The prefix before the underscore, for example `ten`.
    const PREFIX: &'static str;
}

/// An identifier of one kind of thing; ids of two kinds cannot be mixed up.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $marker:ident, $alias:ident = $prefix:literal;)*) => {$(
        #[doc = concat!("Marks ids that start with `", $prefix, "_`.")]
        pub enum $marker {}
        impl Kind for $marker {
            const PREFIX: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $alias = Id<$marker>;
    )*};
}

kinds! {
    /// A tenant.
    TenantKind, TenantId = "ten";
    /// A user of the platform.
    UserKind, UserId = "usr";
    /// A subscription of a tenant to a package.
    SubscriptionKind, SubscriptionId = "sub";
    /// An invoice.
    InvoiceKind, InvoiceId = "inv";
    /// A PostgreSQL server that holds tenant databases.
    ServerKind, ServerId = "srv";
    /// A platform: one platform database with all that belongs to it.
    PlatformKind, PlatformId = "plt";
    /// One HTTP request, as logs and error bodies name it.
    RequestKind, RequestId = "req";
}

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix is missing or belongs to another kind.
    #[error("must start with `{0}_`")]
    Prefix(&'static str),
    /// What follows the prefix is not 26 characters of base 32 below 2^128.
    #[error("must have 26 letters and digits after `{0}_`")]
    Suffix(&'static str),
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;

impl<K: Kind> Id<K> {
    /// A new identifier that sorts after those made earlier (UUIDv7, RFC 9562).
    #[must_use]
    pub fn generate() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// The identifier with these bits.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The bits, as PostgreSQL's `uuid` holds them.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The 26 characters behind the prefix: safe in names of databases and roles.
    #[must_use]
    pub fn suffix(&self) -> String {
        suffix_of(self.uuid).iter().map(|byte| char::from(*byte)).collect()
    }

    /// Reads the 26 characters that [`Id::suffix`] writes.
    ///
    /// # Errors
    /// [`IdError::Suffix`] when they are not such.
    pub fn from_suffix(text: &str) -> Result<Self, IdError> {
        uuid_of(K::PREFIX, text).map(Self::from_uuid)
    }
}

fn suffix_of(uuid: Uuid) -> [u8; SUFFIX_LENGTH] {
    let bits = uuid.as_u128();
    std::array::from_fn(|place| ALPHABET[((bits >> (5 * (SUFFIX_LENGTH - 1 - place))) & 31) as usize])
}

fn uuid_of(prefix: &'static str, suffix: &str) -> Result<Uuid, IdError> {
    if suffix.len() != SUFFIX_LENGTH || suffix.as_bytes()[0] > b'7' {
        return Err(IdError::Suffix(prefix));
    }
    let mut bits = 0_u128;
    for byte in suffix.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte).ok_or(IdError::Suffix(prefix))?;
        bits = (bits << 5) | digit as u128;
    }
    Ok(Uuid::from_u128(bits))
}

/// An identifier whose kind is known at run time only: the ids of a resource that is described by data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnyId {
    /// What comes before the underscore.
    pub prefix: &'static str,
    /// The bits.
    pub uuid: Uuid,
}

impl AnyId {
    /// Reads the text form of an id with this prefix.
    ///
    /// # Errors
    /// [`IdError`].
    pub fn parse(prefix: &'static str, text: &str) -> Result<Self, IdError> {
        let suffix =
            text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(IdError::Prefix(prefix))?;
        Ok(Self { prefix, uuid: uuid_of(prefix, suffix)? })
    }
}

impl fmt::Display for AnyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix)?;
        f.write_str("_")?;
        // The alphabet is ASCII.
        f.write_str(std::str::from_utf8(&suffix_of(self.uuid)).unwrap_or_default())
    }
}

impl Serialize for AnyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        AnyId::parse(K::PREFIX, text).map(|id| Self::from_uuid(id.uuid))
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        AnyId { prefix: K::PREFIX, uuid: self.uuid }.fmt(f)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl<K: Kind> ToSql for Id<K> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.uuid.to_sql(ty, out)
    }
    fn accepts(ty: &Type) -> bool {
        <Uuid as ToSql>::accepts(ty)
    }
    postgres_types::to_sql_checked!();
}

impl<'a, K: Kind> FromSql<'a> for Id<K> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Uuid::from_sql(ty, raw).map(Self::from_uuid)
    }
    fn accepts(ty: &Type) -> bool {
        <Uuid as FromSql>::accepts(ty)
    }
}
