//! Every bound of the gateway, named with its unit and the reason for the number. Bounds that both
//! tiers share are in `gavel_core::limits`.

use std::num::NonZeroUsize;

/// Clock difference allowed between Cognito and here, in seconds. Both keep time by NTP.
pub const TOKEN_LEEWAY_S: u64 = 5;
/// A key id in bytes. Cognito's have 44.
pub const KEY_ID_LEN_MAX: usize = 128;
/// Verified tokens remembered by one instance: everybody who bids in an auction house at its busiest
/// hour, seen through one core. With Cognito's usual kilobyte each, and 200 bytes for what it says, all
/// of them take 20 MB of the 128 MiB that an instance has.
pub const TOKENS_MAX: usize = 16_384;
/// Their length together, in bytes: twice the usual, and a quarter of an instance's memory, however
/// long the tokens are.
pub const TOKENS_BYTES_MAX: usize = 32 << 20;
/// Tokens remembered for their forged signature. A few suffice: who makes up a new one each time is
/// stopped by the limiter of failed sign-ins.
pub const BAD_TOKENS_MAX: usize = 1_024;
/// Their length together, in bytes: four times the usual.
pub const BAD_TOKENS_BYTES_MAX: usize = 4 << 20;
/// How long such a verdict is kept, in seconds: long enough that a client in a loop costs one signature a
/// minute. Nobody depends on its end, since a forged token never becomes a good one.
pub const BAD_TOKEN_S: u64 = 60;
/// Slots in the store for what instances tell each other of tokens; with [`TOLD_SLOT_ENTRIES_MAX`] and 32
/// bytes each, all that is ever stored of them takes 4 MB.
pub const TOLD_SLOTS: u64 = 16_384;
/// Tokens in one slot: 50,000 at once, and hardly any slot overflows.
pub const TOLD_SLOT_ENTRIES_MAX: usize = 8;
/// Waiting for what is told of a token, in milliseconds. A networked store takes a few, and what it saves
/// is a signature of about one: rather that than to let a bidder wait.
pub const TOLD_WAIT_MS: u64 = 20;

/// Regions in the list of one gateway. There is one for each place that a company auctions from, AWS
/// has some forty in all, and the list is searched from its beginning for every request.
pub const REGIONS_MAX: usize = 64;

/// Shortest RSA modulus accepted, in bits (RFC 7518, 3.3).
pub const RSA_BITS_MIN: usize = 2_048;
/// Longest RSA modulus accepted, in bits; longer only costs time.
pub const RSA_BITS_MAX: usize = 4_096;
/// The key set in bytes. Cognito's two keys take about 900.
pub const JWKS_BYTES_MAX: usize = 65_536;
/// Keys in a set.
pub const JWKS_KEYS_MAX: usize = 32;
/// Fetching the key set, in milliseconds, all in all: a bidder waits meanwhile.
pub const JWKS_FETCH_TIMEOUT_MS: u64 = 3_000;
/// Waiting for another request's fetch, in milliseconds: its time-out, that of reading the store before,
/// and a little.
pub const JWKS_WAIT_MS: u64 = 3_500;
/// How often a waiting request looks, in milliseconds.
pub const JWKS_POLL_MS: u64 = 50;
/// Age in seconds at which the key set is refreshed though every key is known.
pub const JWKS_AGE_S_MAX: u64 = 3_600;
/// How often an instance looks after its key set, in seconds: reads what others stored, and refreshes it
/// when it is old. No request waits for that.
pub const JWKS_KEEP_S: u64 = 60;
/// Unknown key ids whose first use is remembered: enough for a pool's keys and some strangers.
pub const KEY_IDS_MISSED_MAX: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");
/// The most a store operation may take in milliseconds; then the request goes on without it. A local
/// store takes 20 µs, a networked one a few milliseconds.
pub const STORE_TIMEOUT_MS: u64 = 250;

/// How long what comes from an address is gathered before the other instances are told of it, in
/// milliseconds. Long enough for one telling to stand for most of the requests that an instance of Spin's
/// answers, and short beside the seconds that a quota takes to come back.
pub const TELL_TOGETHER_MS: u64 = 20;

/// A query as it came, in bytes: the longest cursor and category fit, percent-encoded as usual.
pub const QUERY_BYTES_MAX: usize = 4_096;
/// Reading a request's body, in milliseconds, so that a slow sender cannot hold an instance.
pub const BODY_READ_TIMEOUT_MS: u64 = 5_000;

/// Identities that an instance remembers in one rate limiter: the bidders of a large house, and then
/// some. Each takes about 150 bytes, so a limiter at most 10 MB.
pub const LIMIT_IDENTITIES_MAX: usize = 65_536;
/// Slots of one rate limiter in the store; with [`LIMIT_SLOT_ENTRIES_MAX`] it bounds what a limiter
/// can ever store to about 3 MB.
pub const LIMIT_SLOTS: u64 = 16_384;
/// Identities in one slot.
pub const LIMIT_SLOT_ENTRIES_MAX: usize = 8;
/// Largest configurable rate a second, and burst.
pub const RATE_MAX: u64 = 1_000_000;

/// Opening a connection to a region, in milliseconds: three round trips around the globe.
pub const CONNECT_TIMEOUT_MS: u64 = 2_000;
/// Least configurable time-out of a forwarded request in milliseconds.
pub const FORWARD_TIMEOUT_MS_MIN: u64 = 100;
/// Most: the assertion must still be good when the worker reads it, and it lives 15 s.
pub const FORWARD_TIMEOUT_MS_MAX: u64 = 14_000;
/// Workers of a region in the list of one gateway. What needs more has a balancer before it.
pub const WORKERS_MAX: usize = 64;
/// Workers that one request tries. Two at once that cannot be reached are an outage, and each costs time.
pub const WORKERS_TRIED_MAX: usize = 3;
/// How long a worker that could not be reached is tried after the others, in milliseconds: long enough that
/// few requests wait for a dead one, short enough that one that was restarted soon has its auctions again.
pub const WORKER_REST_MS: u64 = 2_000;
/// A region's reply in bytes. The workers end a page at 512 KiB of texts, which quoting in JSON at most
/// doubles, and the terms of its 100 auctions are under 300 KB: 1.35 MB.
pub const REPLY_BYTES_MAX: usize = 1_572_864;
/// Asking a region whether it is ready, in milliseconds; probes themselves give up soon.
pub const READY_TIMEOUT_MS: u64 = 2_000;
/// What `Retry-After` says when a region cannot be reached, in seconds.
pub const RETRY_AFTER_S: u64 = 1;

/// Least length of the key that signs assertions, in bytes (RFC 7518, 3.2: that of the hash).
pub const EDGE_KEY_LEN_MIN: usize = 32;
/// Longest cool-down of key set fetches in seconds.
pub const JWKS_COOLDOWN_S_MAX: u64 = 3_600;
/// `tracestate` in bytes (W3C Trace Context asks for at least 512).
pub const TRACESTATE_LEN_MAX: usize = 512;
/// Members of `tracestate` (W3C Trace Context, 3.3.1.1).
pub const TRACESTATE_MEMBERS_MAX: usize = 32;
/// Longest answer of a region to the question whether it is ready, in bytes; three short words.
pub const READINESS_BYTES_MAX: usize = 4_096;
