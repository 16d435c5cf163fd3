//! W3C Trace Context: a valid `traceparent` is passed on, a missing or broken one is replaced.
//!
//! The gateway records no spans of its own (the runtime does), so it passes the caller's span id on
//! as the parent.

use http::{HeaderMap, HeaderValue};

use crate::limits::{TRACESTATE_LEN_MAX, TRACESTATE_MEMBERS_MAX};

/// The header that names a request in the logs of both tiers.
pub const REQUEST_ID: &str = "x-request-id";

/// The trace that a request belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// `traceparent`.
    pub parent: HeaderValue,
    /// `tracestate`, when it came with a valid parent.
    pub state: Option<HeaderValue>,
}

impl Trace {
    /// The trace of these headers, or a new one made of `random`.
    #[must_use]
    pub fn of(headers: &HeaderMap, random: [u8; 16]) -> Self {
        match headers.get("traceparent").filter(|value| is_parent(value.as_bytes())) {
            Some(parent) => Self { parent: parent.clone(), state: state(headers) },
            None => Self { parent: new_parent(random), state: None },
        }
    }
}

fn new_parent(random: [u8; 16]) -> HeaderValue {
    // The sampled flag stays off: whether to record is not ours to decide. The ids must not be zero.
    let trace = u128::from_be_bytes(random).max(1);
    let span = (trace >> 64 | 1) & u128::from(u64::MAX);
    let text = format!("00-{trace:032x}-{span:016x}-00");
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Version, trace id, span id, flags; version 00 has nothing after them, later ones may.
fn is_parent(value: &[u8]) -> bool {
    let Some((head, rest)) = value.split_at_checked(55) else { return false };
    let mut parts = head.split(|byte| *byte == b'-');
    let mut hex = |length| {
        parts.next().filter(|part| {
            part.len() == length && part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let (Some(version), Some(trace), Some(span), Some(_)) = (hex(2), hex(32), hex(16), hex(2))
    else {
        return false;
    };
    let not_zero = |id: &[u8]| id.iter().any(|byte| *byte != b'0');
    let tail_fits = match version {
        b"00" => rest.is_empty(),
        b"ff" => false,
        _ => rest.first().is_none_or(|byte| *byte == b'-'),
    };
    tail_fits && not_zero(trace) && not_zero(span)
}

fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut all = headers.get_all("tracestate").iter();
    let value = all.next()?;
    let members = value.as_bytes().split(|byte| *byte == b',').count();
    let fits = value.len() <= TRACESTATE_LEN_MAX && members <= TRACESTATE_MEMBERS_MAX;
    (fits && all.next().is_none()).then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn trace(parent: &str) -> Trace {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_str(parent).unwrap());
        headers.insert("tracestate", HeaderValue::from_static("a=1,b=2"));
        Trace::of(&headers, [7; 16])
    }

    #[test]
    fn a_valid_parent_is_passed_on_with_its_state() {
        for parent in [GOOD, &GOOD.replace("00-", "cc-"), &format!("cc{}-what-ever", &GOOD[2..])] {
            let trace = trace(parent);
            assert_eq!(trace.parent, parent);
            assert_eq!(trace.state.unwrap(), "a=1,b=2");
        }
    }

    #[test]
    fn a_broken_parent_starts_a_new_trace() {
        let fresh = "00-07070707070707070707070707070707-0707070707070707-00";
        for parent in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-x"),
            &format!("cc{}x", &GOOD[2..]),
            &GOOD.replace("00-", "ff-"),
            &GOOD.to_uppercase(),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c8031-9cb7ad6b7169203331-001",
        ] {
            let trace = trace(parent);
            assert_eq!(trace.parent, fresh, "{parent}");
            assert_eq!(trace.state, None);
        }
        let zero = Trace::of(&HeaderMap::new(), [0; 16]);
        assert!(is_parent(zero.parent.as_bytes()));
    }

    #[test]
    fn too_long_a_state_is_dropped() {
        for state in ["x".repeat(513), "a=1,".repeat(33)] {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_static(GOOD));
            headers.insert("tracestate", HeaderValue::from_str(&state).unwrap());
            assert_eq!(Trace::of(&headers, [7; 16]).state, None);
        }
    }
}
