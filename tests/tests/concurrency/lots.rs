//! The lots of a run: between them, every rule of an auction is in play.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use gavel_core::time::Timestamp;
use gavel_tests::checker::evidence::{Answer, Deed};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::stunts::{BUY_NOW, CEILING, LAST_BAND, RESERVE, Stunt, TOP};

/// How long after the lots are thought of the one opens that opens by itself: the others are open by then.
const OPENS_AFTER: Duration = Duration::from_secs(4);

/// How many kinds there are.
pub(crate) const KINDS: usize = 13;
/// How long lots last that their sellers end, in seconds: longer than any run.
const UNTIL_ENDED_S: u32 = 3_600;

/// A lot, and what its bidders have heard of it.
#[derive(Debug)]
pub(crate) struct Lot {
    /// What is special about it.
    pub(crate) name: &'static str,
    /// The number of that: each kind has people of its own.
    pub(crate) kind: usize,
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
    /// How many bids were accepted, as far as anybody has heard.
    accepted: AtomicUsize,
    /// Whether anybody has heard that it is over.
    over: AtomicBool,
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

    /// How many bids were accepted, as far as anybody has heard.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Whether anybody has heard that it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Somebody heard that it is over.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Somebody was answered.
    pub(crate) fn learn(&self, answer: &Answer) {
        match answer {
            Answer::Accepted { receipt, repeated } => {
                self.accepted.fetch_add(usize::from(!repeated), Ordering::Relaxed);
                self.heard(receipt.minimum_next);
            }
            Answer::Refused { code, bound, .. } if code == "bid-too-low" => self.heard(*bound),
            Answer::Refused { code, .. } if code == "auction-closed" => self.end(),
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

/// One of each kind. They last five to eight seconds times `leisure`, plus what late bids add; those
/// that their sellers end last until these do.
pub(crate) fn all(leisure: u32) -> Vec<Lot> {
    let long = |seconds: u32| seconds * leisure;
    let soft = json!({"window_s": 1, "extension_s": 1, "max_extensions": 3});
    let softer = json!({"window_s": long(3), "extension_s": long(3), "max_extensions": 2});
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
        kind: 0,
        id: String::new(),
        script: Vec::new(),
        minimum: AtomicU64::new(100),
        accepted: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let sold = |name, stunt, terms| lot(name, stunt, "sold", terms);
    let driven = |script, lot| Lot { script, ..lot };
    let mut lots = vec![
        sold("plain", Stunt::None, json!({"soft_close": fixed, "duration_s": long(6)})),
        sold("soft", Stunt::MoveTheEnd, json!({"soft_close": softer, "duration_s": long(5)})),
        sold(
            "bands",
            Stunt::ReachLastBand,
            json!({"soft_close": soft, "increments": bands, "duration_s": long(6)}),
        ),
        sold(
            "reserve",
            Stunt::ReachReserve,
            json!({"soft_close": fixed, "reserve_price": RESERVE, "duration_s": long(6)}),
        ),
        lot(
            "unsold",
            Stunt::None,
            "unsold",
            json!({"soft_close": fixed, "reserve_price": 9_000_000, "duration_s": long(5)}),
        ),
        sold(
            "buy now",
            Stunt::Buy,
            json!({"soft_close": soft, "buy_now_price": BUY_NOW, "duration_s": long(8)}),
        ),
        sold(
            "ceiling",
            Stunt::ExceedCeiling,
            json!({"soft_close": soft, "bid_ceiling": CEILING, "duration_s": long(6)}),
        ),
        sold(
            "tie",
            Stunt::Tie,
            json!({"soft_close": fixed, "bid_ceiling": TOP, "duration_s": long(8)}),
        ),
        sold(
            "grace",
            Stunt::None,
            json!({"soft_close": soft, "grace_ms": 400, "duration_s": long(5)}),
        ),
        sold(
            "by itself",
            Stunt::None,
            json!({"soft_close": soft, "opens_at": opens_at, "duration_s": long(5)}),
        ),
        driven(
            pausing,
            sold("paused", Stunt::Return, json!({"soft_close": soft, "duration_s": long(8)})),
        ),
        driven(
            vec![(ms(4_500), Deed::Close)],
            sold("hammer", Stunt::None, json!({"soft_close": soft, "duration_s": UNTIL_ENDED_S})),
        ),
        driven(
            vec![(ms(4_000), Deed::Cancel)],
            lot(
                "cancelled",
                Stunt::None,
                "cancelled",
                json!({"soft_close": soft, "duration_s": UNTIL_ENDED_S}),
            ),
        ),
    ];
    for (kind, lot) in lots.iter_mut().enumerate() {
        lot.kind = kind;
    }
    lots
}
