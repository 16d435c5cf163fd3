//! Money: integer minor units and a currency. No float ever touches it.

mod currency;

use serde::{Deserialize, Serialize};

pub use self::currency::Currency;
use crate::limits::AMOUNT_MAX;

/// An amount in minor units (cents), 0 to [`AMOUNT_MAX`] where it comes from outside.
///
/// Sums of two such amounts fit a `u64` with room to spare, so adding never wraps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Amount(u64);

impl Amount {
    /// The largest amount: [`AMOUNT_MAX`].
    pub const MAX: Self = Self(AMOUNT_MAX);

    /// An amount of `minor` minor units, or `None` above [`AMOUNT_MAX`].
    #[must_use]
    pub const fn new(minor: u64) -> Option<Self> {
        if minor <= AMOUNT_MAX { Some(Self(minor)) } else { None }
    }

    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> u64 {
        self.0
    }

    /// The sum. It may exceed [`AMOUNT_MAX`]: no bid can then reach it, which is the right answer.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_stop_at_what_json_keeps_exact() {
        assert_eq!(Amount::new(AMOUNT_MAX).map(Amount::minor), Some(AMOUNT_MAX));
        assert_eq!(Amount::new(AMOUNT_MAX + 1), None);
        assert_eq!(Amount::new(1_100).map(|amount| amount.to_string()), Some("1100".to_owned()));
    }
}
