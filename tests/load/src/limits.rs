//! Every bound of the bench, named with its unit and the reason for the number.

use std::time::Duration;

/// Connections of the closed loop. Enough that a proxy always has a request waiting, few enough that
/// the kernel's queues stay out of the picture.
pub const CONNECTIONS: usize = 32;
/// Requests in flight at once in the open loop; later ones wait, and their waiting counts. At half
/// load a proxy has fewer than ten.
pub const OUTSTANDING_MAX: usize = 128;
/// Connections of the open loop that are opened before it begins: as many as half load needs.
pub const OPENED_BEFORE: usize = 16;
/// Fewest delays that have a p99.9, so that it is at least the longest of them; a tenth for a p99.
pub const PERCENTILE_999_SAMPLES_MIN: usize = 1_000;
/// Users with a token each: more than any cache for "the last few" holds, and what a busy sale has.
pub const USERS: usize = 2_000;
/// A body in bytes, where a proxy wants to be told: what the edge takes.
pub const BODY_BYTES_MAX: u32 = 131_072;
/// Tokens and users that Envoy may remember, where the edge remembers as many: 16,384.
pub const TOKENS_CACHED: u32 = 16_384;
/// Tokens that are used once, by default. HAProxy verifies about 10,000 a second; a scenario ends
/// when they are used up.
pub const NEW_TOKENS: usize = 20_000;
/// Most of them that may be asked for: each takes about 1 KiB and 0.4 ms.
pub const NEW_TOKENS_MAX: usize = 1_000_000;
/// Auctions that are bid on.
pub const AUCTIONS: usize = 50;

/// A proxy may take this long to start: a component is compiled first.
pub const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
pub const READY_POLL: Duration = Duration::from_millis(50);
/// A proxy that is asked to stop may take this long.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Before measuring, each user's token is sent once, but no longer than this: at 3 ms a bid, 2,000 of
/// them take 6 s.
pub const WARM_UP_MAX: Duration = Duration::from_secs(10);
/// No answer in this time is none: longer than any proxy here waits for its upstream.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Rest between a run and reading the counters, so that nothing is on its way any more.
pub const SETTLE: Duration = Duration::from_millis(50);

/// A rate that no run here reaches, for limits that must not bite: requests a second.
pub const RATE_HIGH: u64 = 1_000_000;
/// The user's limit where it must bite, as `spin.toml` ships it: bids a second.
pub const RATE_TIGHT: u64 = 10;
/// The burst above it.
pub const BURST_TIGHT: u64 = 20;
/// The user's limit where many users must each be over it: a volley is answered within its second.
pub const RATE_SLOW: u64 = 1;
/// The burst above it, and with it what a volley gets.
pub const BURST_SLOW: u64 = 5;
/// Requests at once of one user over the limit, each on a connection of its own.
pub const VOLLEY: usize = 1_000;
/// A volley every so often: the interval in which [`RATE_TIGHT`] allows one more.
pub const VOLLEY_EVERY: Duration = Duration::from_millis(100);
/// Requests at once of each of many users.
pub const VOLLEY_EACH: usize = 16;
/// Many users: what a large sale has.
pub const COUNTED_USERS: usize = 10_000;
/// Least rate of an open-loop run, in requests a second: below, a few seconds say nothing about p99.
pub const OPEN_RATE_MIN: u64 = 20;
/// Share of its core that a proxy must use in a closed loop, in percent; below, the bench or something
/// else on the machine is what limited the rate.
pub const BUSY_PERCENT_MIN: u64 = 90;
/// Samples of a profile a second: a few in each bid, and an odd number, so that nothing keeps step with
/// it.
pub const PROFILE_RATE_PER_S: u64 = 1_999;
/// Functions that a profile lists: a screenful.
pub const PROFILE_FUNCTIONS: usize = 40;
/// A page of problems would hide the first one.
pub const PROBLEMS_MAX: usize = 20;
