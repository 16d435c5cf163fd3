//! Money: integer minor units and a currency. No float ever touches it.

use serde::{Deserialize, Serialize};

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

/// An ISO 4217 alphabetic code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollar, the default of a new auction.
    pub const USD: Self = Self(*b"USD");

    /// Reads a code such as `USD`; `None` when it is not three capital letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII capitals are ever stored")
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl TryFrom<String> for Currency {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a three-letter currency code")
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

    #[test]
    fn a_currency_is_three_capitals() {
        assert_eq!(Currency::parse("EUR").map(|c| c.to_string()), Some("EUR".to_owned()));
        for wrong in ["", "eur", "EURO", "E1R", "ÄB"] {
            assert_eq!(Currency::parse(wrong), None, "{wrong}");
        }
    }
}
