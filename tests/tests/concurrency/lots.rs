//! The lots of a run: between them, every rule of an auction is in play.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gavel_core::time::Timestamp;
use gavel_tests::checker::evidence::{Answer, Deed};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::stunts::{BUY_NOW, CEILING, LAST_BAND, RESERVE, Stunt, TOP};

/// How long after the lots are thought of the one opens that opens by itself: the others are open by then.
const OPENS_AFTER: Duration = Duration::from_secs(4);

/// A lot, and what its bidders have heard of it.
#[derive(Debug)]
pub(crate) struct Lot {
    /// What is special about it.
    pub(crate) name: &'static str,
    /// Its id, once it is created.
    pub(crate) id: String,
    /// Its terms, as asked for.
    pub(crate) terms: Value,
    /// What its seller does, and how long after what was before.
    pub(crate) script: Vec<(Duration, Deed)>,
    /// What somebody does there besides the crowd.
    pub(crate) stunt: Stunt,
    /// What must come of it.
    pub(crate) outcome: &'static str,
    /// The highest least next bid that anybody has heard of, or hopes to have brought about.
    minimum: AtomicU64,
}

impl Lot {
    /// The least next bid, as far as anybody has heard.
    pub(crate) fn minimum(&self) -> u64 {
        self.minimum.load(Ordering::Relaxed)
    }

    /// Somebody bids on top of everybody else's bids, those under way included.
    pub(crate) fn outbid(&self, by: u64) -> u64 {
        self.minimum.fetch_add(by, Ordering::Relaxed)
    }

    /// Somebody heard of a least next bid, or that nothing can follow.
    pub(crate) fn heard(&self, minimum: Option<u64>) {
        self.minimum.fetch_max(minimum.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Somebody was answered.
    pub(crate) fn learn(&self, answer: &Answer) {
        match answer {
            Answer::Accepted { receipt, .. } => self.heard(receipt.minimum_next),
            Answer::Refused { code, bound, .. } if code == "bid-too-low" => self.heard(*bound),
            _ => {}
        }
    }

    /// Whether its seller opens it.
    pub(crate) fn is_opened(&self) -> bool {
        self.terms["opens_at"].is_null()
    }

    /// One of the amounts in its terms.
    pub(crate) fn term(&self, name: &str) -> Option<u64> {
        self.terms[name].as_u64()
    }
}

/// One of each kind. They last five to eight seconds, plus what late bids add.
pub(crate) fn all() -> Vec<Lot> {
    let soft = json!({"window_s": 1, "extension_s": 1, "max_extensions": 3});
    let softer = json!({"window_s": 3, "extension_s": 3, "max_extensions": 2});
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    let bands = json!([{"from": 0, "step": 5}, {"from": 300, "step": 20},
                       {"from": LAST_BAND, "step": 300}]);
    let ms = Duration::from_millis;
    let pausing = vec![
        (ms(1_500), Deed::Pause),
        (ms(900), Deed::Resume),
        (ms(1_200), Deed::Pause),
        (ms(600), Deed::Resume),
    ];
    let opens_at = OffsetDateTime::now_utc() + OPENS_AFTER;
    let opens_at = Timestamp::from_ms(opens_at.unix_timestamp() * 1_000);
    let lot = |name, stunt, outcome, terms| Lot {
        name,
        stunt,
        outcome,
        terms,
        id: String::new(),
        script: Vec::new(),
        minimum: AtomicU64::new(100),
    };
    let sold = |name, stunt, terms| lot(name, stunt, "sold", terms);
    let driven = |script, lot| Lot { script, ..lot };
    vec![
        sold("plain", Stunt::None, json!({"soft_close": fixed, "duration_s": 6})),
        sold("soft", Stunt::MoveTheEnd, json!({"soft_close": softer, "duration_s": 5})),
        sold(
            "bands",
            Stunt::ReachLastBand,
            json!({"soft_close": soft, "increments": bands, "duration_s": 6}),
        ),
        sold(
            "reserve",
            Stunt::ReachReserve,
            json!({"soft_close": fixed, "reserve_price": RESERVE, "duration_s": 6}),
        ),
        lot(
            "unsold",
            Stunt::None,
            "unsold",
            json!({"soft_close": fixed, "reserve_price": 9_000_000, "duration_s": 5}),
        ),
        sold(
            "buy now",
            Stunt::Buy,
            json!({"soft_close": soft, "buy_now_price": BUY_NOW, "duration_s": 8}),
        ),
        sold(
            "ceiling",
            Stunt::ExceedCeiling,
            json!({"soft_close": soft, "bid_ceiling": CEILING, "duration_s": 6}),
        ),
        sold("tie", Stunt::Tie, json!({"soft_close": fixed, "bid_ceiling": TOP, "duration_s": 8})),
        sold("grace", Stunt::None, json!({"soft_close": soft, "grace_ms": 400, "duration_s": 5})),
        sold(
            "by itself",
            Stunt::None,
            json!({"soft_close": soft, "opens_at": opens_at, "duration_s": 5}),
        ),
        driven(pausing, sold("paused", Stunt::None, json!({"soft_close": soft, "duration_s": 8}))),
        driven(
            vec![(ms(4_500), Deed::Close)],
            sold("hammer", Stunt::None, json!({"soft_close": soft, "duration_s": 30})),
        ),
        driven(
            vec![(ms(4_000), Deed::Cancel)],
            lot(
                "cancelled",
                Stunt::None,
                "cancelled",
                json!({"soft_close": soft, "duration_s": 30}),
            ),
        ),
    ]
}
