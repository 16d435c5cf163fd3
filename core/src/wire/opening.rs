//! When an auction may be asked to open by itself: soon enough, and not in the past.
//!
//! Only whoever knows the time and what was there before can say, so that parsing a body does not:
//! the edge passes a time on, and a worker judges it. A time that an edit leaves as it was is not
//! judged again.

use super::auction::CreateAuction;
use super::invalid::FieldError;
use super::invalid::InvalidBody;
use crate::limits::{OPENS_AT_AHEAD_DAYS_MAX, OPENS_AT_LATE_MINUTES_MAX};
use crate::time::Timestamp;

const LATE_MS_MAX: u64 = OPENS_AT_LATE_MINUTES_MAX * 60_000;
const AHEAD_MS_MAX: u64 = OPENS_AT_AHEAD_DAYS_MAX * 86_400_000;

impl CreateAuction {
    /// Whether a request that came at `now` may ask for its `opens_at`; otherwise a fault of that
    /// field. One that has just passed is meant for at once.
    pub fn check_opening(&self, now: Timestamp) -> Result<(), InvalidBody> {
        let Some(opens_at) = self.terms.opens_at else { return Ok(()) };
        let reason = if opens_at.ms_until(now) > LATE_MS_MAX {
            format!(
                "must not be more than {OPENS_AT_LATE_MINUTES_MAX} minutes ago; to open it now, \
                 leave this out and open it"
            )
        } else if now.ms_until(opens_at) > AHEAD_MS_MAX {
            format!("must be within {OPENS_AT_AHEAD_DAYS_MAX} days from now")
        } else {
            return Ok(());
        };
        Err(InvalidBody::Fields(vec![FieldError::new("opens_at", reason)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(opens_at: &str, now: &str) -> bool {
        let body = format!(
            r#"{{"title": "A watch", "starting_price": 1, "duration_s": 60, "opens_at": "{opens_at}"}}"#
        );
        let request = CreateAuction::parse(body.as_bytes()).unwrap();
        match request.check_opening(Timestamp::parse(now).unwrap()) {
            Ok(()) => true,
            Err(InvalidBody::Fields(errors)) => {
                assert_eq!(errors.len(), 1);
                assert_eq!(errors[0].field, "opens_at");
                false
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_start_may_be_minutes_ago_and_a_year_ahead_but_no_more() {
        let now = "2026-11-23T05:17:00.000Z";
        for (opens_at, fits) in [
            ("2026-11-23T05:17:00.000Z", true),
            ("2026-11-23T05:12:00.000Z", true),
            ("2026-11-23T07:12:00.000+02:00", true),
            ("2026-11-23T05:11:59.999Z", false),
            ("2025-11-23T05:17:00.000Z", false),
            ("1970-01-01T00:00:00.000Z", false),
            ("2027-11-24T05:17:00.000Z", true),
            ("2027-11-24T05:17:00.001Z", false),
            ("9999-12-31T23:59:59.999Z", false),
        ] {
            assert_eq!(check(opens_at, now), fits, "{opens_at}");
        }
    }

    #[test]
    fn an_auction_that_does_not_open_by_itself_has_no_start_to_judge() {
        let body = br#"{"title": "A watch", "starting_price": 1, "duration_s": 60}"#;
        let request = CreateAuction::parse(body).unwrap();
        assert_eq!(request.check_opening(Timestamp::from_ms(i64::MAX)), Ok(()));
    }
}
