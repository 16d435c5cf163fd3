//! The lots of a run: between them, every rule of an auction is in play.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gavel_tests::checker::evidence::Deed;
use serde_json::{Value, json};

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

    /// Somebody heard of a least next bid.
    pub(crate) fn heard(&self, minimum: u64) {
        self.minimum.fetch_max(minimum, Ordering::Relaxed);
    }

    /// One of the amounts in its terms.
    pub(crate) fn term(&self, name: &str) -> Option<u64> {
        self.terms[name].as_u64()
    }
}

/// One of each kind. They last five to eight seconds, plus what late bids add.
pub(crate) fn all() -> Vec<Lot> {
    let soft = json!({"window_s": 1, "extension_s": 1, "max_extensions": 3});
    let fixed = json!({"window_s": 0, "extension_s": 0, "max_extensions": 0});
    let bands =
        json!([{"from": 0, "step": 5}, {"from": 300, "step": 20}, {"from": 4_000, "step": 300}]);
    let ms = Duration::from_millis;
    let pausing = vec![
        (ms(1_500), Deed::Pause),
        (ms(900), Deed::Resume),
        (ms(1_200), Deed::Pause),
        (ms(600), Deed::Resume),
    ];
    [
        ("plain", json!({"soft_close": fixed, "duration_s": 6}), vec![]),
        ("soft", json!({"soft_close": soft, "duration_s": 5}), vec![]),
        ("bands", json!({"soft_close": soft, "increments": bands, "duration_s": 6}), vec![]),
        ("reserve", json!({"soft_close": fixed, "reserve_price": 5_000, "duration_s": 6}), vec![]),
        (
            "unsold",
            json!({"soft_close": fixed, "reserve_price": 9_000_000, "duration_s": 5}),
            vec![],
        ),
        ("buy now", json!({"soft_close": soft, "buy_now_price": 40_000, "duration_s": 7}), vec![]),
        ("ceiling", json!({"soft_close": soft, "bid_ceiling": 12_000, "duration_s": 6}), vec![]),
        ("grace", json!({"soft_close": soft, "grace_ms": 400, "duration_s": 5}), vec![]),
        ("paused", json!({"soft_close": soft, "duration_s": 6}), pausing),
        ("hammer", json!({"soft_close": soft, "duration_s": 30}), vec![(ms(4_500), Deed::Close)]),
        (
            "cancelled",
            json!({"soft_close": soft, "duration_s": 30}),
            vec![(ms(4_000), Deed::Cancel)],
        ),
    ]
    .into_iter()
    .map(|(name, terms, script)| {
        let minimum = AtomicU64::new(100);
        Lot { name, id: String::new(), terms, script, minimum }
    })
    .collect()
}
