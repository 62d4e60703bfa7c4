//! Whose samples these are.

use std::fmt;
use std::sync::Arc;

/// The longest tenant name, in bytes. Names become directories and S3 prefixes.
pub const MAX_TENANT_BYTES: usize = 150;

/// A tenant's name: 1 to 150 of the characters `a-z A-Z 0-9 ! - _ . * ' ( )`, and neither `.` nor `..` nor `_weir`.
///
/// The grammar is that of Mimir and Cortex, so that their tenants move over unchanged, but for the one name that is ours.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

/// The name is not a valid tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTenant(String);

// === impl Tenant ===

impl Tenant {
    /// The tenant of requests that name none, as in Thanos.
    pub const DEFAULT: &str = "default-tenant";

    /// The one name that no tenant has: beside the directories of tenants it is that of what belongs to none.
    pub const RESERVED: &str = "_weir";

    /// Checks and keeps a tenant's name.
    ///
    /// # Errors
    /// The name is empty, too long, `.`, `..` or [`RESERVED`](Self::RESERVED), or has a character that is not allowed.
    pub fn new(name: &str) -> Result<Self, InvalidTenant> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!-_.*'()".contains(&b);
        let shown = || InvalidTenant(name.chars().take(64).collect());
        let taken = [".", "..", Self::RESERVED].contains(&name);
        if name.is_empty() || name.len() > MAX_TENANT_BYTES || taken || !name.bytes().all(allowed) {
            return Err(shown());
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Tenant {
    type Err = InvalidTenant;
    fn from_str(name: &str) -> Result<Self, InvalidTenant> {
        Self::new(name)
    }
}

impl<'de> serde::Deserialize<'de> for Tenant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for InvalidTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Tenant::RESERVED {
            return write!(f, "expected a tenant other than `{}`, which is the name of what belongs to none", self.0);
        }
        write!(f, "expected a tenant of 1 to {MAX_TENANT_BYTES} characters from a-z A-Z 0-9 !-_.*'(), got `{}`", self.0)
    }
}

impl std::error::Error for InvalidTenant {}

#[cfg(test)]
mod tests;
