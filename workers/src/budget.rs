//! How limits depend on each other, checked when this is compiled. The numbers and their reasons are in
//! [`limits`](crate::limits).

use std::time::Duration;

use crate::limits::{ACKNOWLEDGE_MAX, OUTBOX_POLL, RELAY_LEASE, RELAY_RENEW_EVERY};

const fn ms(duration: Duration) -> u128 {
    duration.as_millis()
}

// A relay that waits for SQS keeps its shard, also when one renewal is lost.
const _: () = assert!(
    2 * ms(RELAY_RENEW_EVERY) < ms(RELAY_LEASE),
    "a lease must be renewed in time while SQS takes its own"
);
// Another relay takes over a dead one's shard while its bids still wait to be acknowledged: it looks every
// poll interval, and rests for one after each look.
const _: () = assert!(
    ms(RELAY_LEASE) + 2 * ms(OUTBOX_POLL) < ms(ACKNOWLEDGE_MAX),
    "a dead relay's bids must be taken on before they are given up"
);
