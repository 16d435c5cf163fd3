//! Points in time, in milliseconds, and their text form.
//!
//! Nothing here reads a clock: every [`Timestamp`] comes from the caller.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// As JSON it is RFC 3339 in UTC with three decimals, such as `2026-11-23T05:17:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// 9999-12-31T23:59:59.999Z, the last instant RFC 3339 can write.
const LAST_MS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The instant `ms` milliseconds after the Unix epoch, clamped to what RFC 3339 can write.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(match ms {
            ..0 => 0,
            0..=LAST_MS => ms,
            _ => LAST_MS,
        })
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// This instant moved later by `ms` milliseconds, stopping at the end of the year 9999.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        match self.0.checked_add_unsigned(ms) {
            Some(at) => Self::from_ms(at),
            None => Self(LAST_MS),
        }
    }

    /// Milliseconds from `self` until `later`; 0 when `later` is not later.
    #[must_use]
    pub const fn ms_until(self, later: Self) -> u64 {
        // Both are within 0..=LAST_MS, so their difference fits.
        let ms = later.0 - self.0;
        if ms.is_negative() { 0 } else { ms.unsigned_abs() }
    }

    /// Reads RFC 3339 with any offset. `None` when the text is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let ms = i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).ok()?;
        (0..=LAST_MS).contains(&ms).then_some(Self(ms))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Written out: a formatter of `time` would be 20 KB of the edge's component.
        let at =
            OffsetDateTime::from_unix_timestamp(self.0 / 1_000).map_err(|_| std::fmt::Error)?;
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second) = at.to_hms();
        let month = u8::from(month);
        let ms = self.0 % 1_000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_milliseconds_and_round_trips() {
        let at = Timestamp::from_ms(1_795_411_020_007);
        assert_eq!(at.to_string(), "2026-11-23T05:17:00.007Z");
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse("2026-11-23T07:17:00.007+02:00"), Some(at));
    }

    #[test]
    fn arithmetic_never_wraps() {
        let at = Timestamp::from_ms(5);
        assert_eq!((at.as_ms(), at.plus_ms(7).as_ms()), (5, 12));
        for (ms, kept) in [(-1, 0), (0, 0), (LAST_MS, LAST_MS), (LAST_MS + 1, LAST_MS)] {
            assert_eq!(Timestamp::from_ms(ms).as_ms(), kept);
        }
        assert_eq!(at.plus_ms(LAST_MS.unsigned_abs()).as_ms(), LAST_MS);
        assert_eq!(at.plus_ms(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(at.ms_until(Timestamp::from_ms(4)), 0);
        assert_eq!(at.ms_until(Timestamp::from_ms(9)), 4);
        assert_eq!(Timestamp::parse("yesterday"), None);
    }
}
