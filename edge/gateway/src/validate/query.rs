//! Query parameters: each known, at most once, and of its type. Unknown ones are refused, so that a
//! misspelt filter never shows everything.

use gavel_core::limits::{CURSOR_LEN_MAX, LABEL_CHARS_MAX, LINK_TOKEN_LEN_MAX, PAGE_ITEMS_MAX};
use gavel_core::wire::{FieldError, Status, whole_number};

use crate::limits::QUERY_BYTES_MAX;
use crate::refusal::Refusal;
use crate::route::Route;

/// Checks the query of a route. It is forwarded as it came.
pub fn check(route: &Route, query: Option<&str>) -> Result<(), Refusal> {
    let query = query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        let reason = format!("may have at most {QUERY_BYTES_MAX} bytes");
        return Err(Refusal::field("query", &reason));
    }
    let known: &[&str] = match route {
        Route::ListAuctions => &["status", "category", "cursor", "limit"],
        Route::Bids(_) | Route::OwnBids | Route::Chat(_) => &["cursor", "limit"],
        Route::Unsubscribe => &["token"],
        _ => &[],
    };
    let mut seen: Vec<String> = Vec::new();
    let mut errors = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let reason = if !known.contains(&name.as_ref()) {
            Some("is not a known parameter".to_owned())
        } else if seen.iter().any(|other| *other == name) {
            Some("appears twice".to_owned())
        } else {
            fault(&name, &value)
        };
        if let Some(reason) = reason {
            errors.push(FieldError::new(
                name.chars().take(LABEL_CHARS_MAX).collect::<String>(),
                reason,
            ));
        }
        if errors.len() > known.len() {
            break;
        }
        seen.push(name.into_owned());
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Fields(errors)) }
}

fn fault(name: &str, value: &str) -> Option<String> {
    let (fits, reason) = match name {
        "status" => {
            (Status::parse(value).is_some(), "must be scheduled, live, paused or closed".to_owned())
        }
        "limit" => (
            whole_number(value)
                .is_some_and(|limit| (1..=u64::from(PAGE_ITEMS_MAX)).contains(&limit)),
            format!("must be a whole number from 1 to {PAGE_ITEMS_MAX}"),
        ),
        "cursor" => (
            (1..=CURSOR_LEN_MAX).contains(&value.len())
                && value.bytes().all(|b| b.is_ascii_graphic()),
            "must be a `next_cursor` of this list".to_owned(),
        ),
        "token" => (
            (1..=LINK_TOKEN_LEN_MAX).contains(&value.len())
                && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
            "must be that of a link in a message".to_owned(),
        ),
        _ => (
            !value.trim().is_empty()
                && value.chars().count() <= LABEL_CHARS_MAX
                && !value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER),
            format!("must be a text of 1 to {LABEL_CHARS_MAX} printable characters"),
        ),
    };
    (!fits).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(route: &Route, query: &str) -> Vec<String> {
        match check(route, Some(query)) {
            Ok(()) => Vec::new(),
            Err(Refusal::Fields(errors)) => errors.into_iter().map(|error| error.field).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn right_queries_pass() {
        for query in [
            "",
            "status=live",
            "status=closed&category=fine%20art&limit=100&cursor=eyJhIjoxfQ",
            "category=B%C3%BCcher",
            "limit=1",
            "limit=1e1",
            "limit=100.0",
        ] {
            assert!(faults(&Route::ListAuctions, query).is_empty(), "{query}");
        }
        assert!(faults(&Route::OwnBids, "cursor=a-b_c&limit=5").is_empty());
        assert_eq!(check(&Route::Health, None), Ok(()));
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (query, expected) in [
            ("status=open", &["status"][..]),
            ("status=", &["status"]),
            ("limit=0", &["limit"]),
            ("limit=101", &["limit"]),
            ("limit=%2B5", &["limit"]),
            ("limit=1.5", &["limit"]),
            ("limit=", &["limit"]),
            ("limit=99999999999999999999", &["limit"]),
            ("cursor=", &["cursor"]),
            ("cursor=a%20b", &["cursor"]),
            ("category=%00", &["category"]),
            ("category=%ff", &["category"]),
            ("category=+", &["category"]),
            ("stauts=live", &["stauts"]),
            ("Status=live", &["Status"]),
            ("status=live&status=live", &["status"]),
            ("limit=x&status=x", &["limit", "status"]),
            ("=", &[""]),
        ] {
            assert_eq!(faults(&Route::ListAuctions, query), expected, "{query}");
        }
        assert_eq!(faults(&Route::OwnBids, "status=live"), ["status"]);
        for token in ["token=", "token=a%20b", "token=%3Cb%3E", "token=a&token=a"] {
            assert_eq!(faults(&Route::Unsubscribe, token), ["token"], "{token}");
        }
        assert!(faults(&Route::Unsubscribe, "token=dXNlcg.bWFj-_").is_empty());
        assert_eq!(faults(&Route::CreateAuction, "dry_run=1"), ["dry_run"]);
        assert_eq!(
            faults(&Route::ListAuctions, &format!("cursor={}", "a".repeat(1_025))),
            ["cursor"]
        );
    }

    #[test]
    fn a_flood_of_wrong_parameters_gives_a_short_answer() {
        let query = "x=1&".repeat(QUERY_BYTES_MAX / 4);
        assert!(faults(&Route::ListAuctions, &query).len() <= 5);
    }

    #[test]
    fn a_query_that_is_too_long_is_refused_before_it_is_read() {
        let longest = "&".repeat(QUERY_BYTES_MAX);
        assert!(faults(&Route::ListAuctions, &longest).is_empty());
        assert_eq!(faults(&Route::ListAuctions, &format!("{longest}&")), ["query"]);
        assert_eq!(faults(&Route::CreateAuction, &format!("{longest}&")), ["query"]);
    }
}
