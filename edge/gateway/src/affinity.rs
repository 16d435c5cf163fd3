//! Which of a region's workers a request goes to.
//!
//! All that concerns one auction goes to the same worker, so that its bids do not contend: any worker may
//! decide any auction, but of two that decide the same one each time one has to begin anew. Every edge
//! node comes to the same choice by itself (rendezvous hashing: the worker whose URL together with the
//! auction has the highest hash), and when a worker comes or goes, only the auctions of that one move.
//!
//! A worker that could not be reached rests: the next requests do not wait for it again.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::limits::WORKER_REST_MS;

/// The workers that could not be reached a moment ago, and until when they rest, in milliseconds since
/// the epoch. There are never more than are configured.
#[derive(Debug, Default)]
pub struct Workers {
    resting: RefCell<HashMap<String, u64>>,
}

impl Workers {
    /// The workers at `urls` in the order in which one is to be tried after the other: by the hash with
    /// `key`, those that rest last.
    #[must_use]
    pub fn order<'a>(&self, urls: &'a [String], key: &str, now_ms: u64) -> Vec<&'a str> {
        let mut order: Vec<&str> = urls.iter().map(String::as_str).collect();
        if order.len() > 1 {
            let resting = self.resting.borrow();
            let rests = |url: &str| resting.get(url).is_some_and(|until_ms| now_ms < *until_ms);
            order.sort_by_cached_key(|url| (rests(url), std::cmp::Reverse(weight(url, key))));
        }
        order
    }

    /// Notes that a worker could not be reached.
    pub fn rest(&self, url: &str, now_ms: u64) {
        self.resting.borrow_mut().insert(url.to_owned(), now_ms.saturating_add(WORKER_REST_MS));
    }
}

/// FNV-1a over both, then mixed (the finalizer of SplitMix64), since the last bytes of FNV's input hardly
/// reach its upper bits. It is the same in every release: two that run at once must agree.
fn weight(url: &str, key: &str) -> u64 {
    // A byte that is in no text keeps ("ab", "c") and ("a", "bc") apart.
    let bytes = url.bytes().chain([0xff]).chain(key.bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        hash = (hash ^ (hash >> shift)).wrapping_mul(factor);
    }
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("http://10.0.0.{number}:8080")).collect()
    }

    fn first<'a>(urls: &'a [String], key: &str) -> &'a str {
        Workers::default().order(urls, key, 0)[0]
    }

    #[test]
    fn an_auction_has_one_worker_whatever_the_order_of_the_list() {
        let (urls, mut turned) = (urls(5), urls(5));
        turned.rotate_left(2);
        for key in 0..100 {
            let key = format!("use1_01928e2c-7f3e-7abc-8def-0123456789{key:02x}");
            assert_eq!(first(&urls, &key), first(&turned, &key));
        }
        assert_eq!(weight("http://10.0.0.1:8080", "a"), 0x9397_5847_882e_1a6d, "never another");
    }

    #[test]
    fn auctions_spread_and_only_those_of_a_lost_worker_move() {
        let (all, mut left) = (urls(4), urls(4));
        let lost = left.remove(1);
        let mut count = HashMap::<&str, usize>::new();
        for key in 0..4_000 {
            let key = format!("use1_01928e2c-7f3e-7abc-8def-012345{key:06x}");
            let before = first(&all, &key);
            *count.entry(before).or_default() += 1;
            match before == lost {
                true => assert_eq!(Workers::default().order(&all, &key, 0)[1], first(&left, &key)),
                false => assert_eq!(before, first(&left, &key)),
            }
        }
        assert!(count.values().all(|count| (850..1_150).contains(count)), "{count:?}");
    }

    #[test]
    fn who_could_not_be_reached_is_tried_last_for_a_while() {
        let (urls, workers) = (urls(3), Workers::default());
        let before = workers.order(&urls, "a", 1_000);
        workers.rest(before[0], 1_000);
        let resting = workers.order(&urls, "a", 1_000 + WORKER_REST_MS - 1);
        assert_eq!(resting, [before[1], before[2], before[0]]);
        assert_eq!(workers.order(&urls, "a", 1_000 + WORKER_REST_MS), before);
    }
}
