//! Every bound the host keeps, in one place, with the reason for the number.
//!
//! Bounds an operator may want to move are flags of the command line; their defaults stand here.
//! The invariant: no queue, buffer, wait or pool in this crate grows without one of these.

use std::time::Duration;

use gavel_core::limits::TOKEN_BYTES_MAX;

/// Requests one instance serves before it is dropped. Spin 4.1's default.
pub const INSTANCE_REUSE_MAX: usize = 128;

/// Requests one instance serves at the same time. Spin 4.1's default.
pub const INSTANCE_CONCURRENT_REUSE_MAX: usize = 16;

/// How long an idle instance is kept warm. Spin 4.1's default.
pub const IDLE_INSTANCE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a component may take to begin its response. Spin has no limit by default, which lets a
/// hung guest hold its client for ever; 30 s is the handler limit of Spin's managed platforms.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long requests in flight may take to finish once the host was told to stop. Below the 30 s
/// most supervisors wait before they kill.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Client connections served at once; more wait in the listen backlog. Each costs a socket and up to
/// [`HEADER_BYTES_MAX`] of buffer.
pub const CONNECTIONS_MAX: usize = 4096;

/// Bytes of a request's head (request line and headers): the longest access token, 74 KiB, and as much
/// again as common servers take in all for the address, cookies and the rest. Beyond it hyper answers
/// 431.
pub const HEADER_BYTES_MAX: usize = 96 * 1024;
const _: () =
    assert!(TOKEN_BYTES_MAX + 16 * 1024 <= HEADER_BYTES_MAX, "no token is refused unseen");

/// Header fields in a request.
pub const HEADERS_MAX: usize = 100;

/// How long a client may take to send a request's head, and how long a kept-alive connection may
/// stay silent. Above the 60 s idle time of common load balancers and of ours (the stack `edge`), so
/// that they close first.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(75);

/// Pause after a failed `accept` (out of file descriptors, mostly), so that the loop cannot spin.
pub const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Instances alive at once, over all components. Spin's `SPIN_MAX_INSTANCE_COUNT`.
pub const INSTANCES_MAX: u32 = 1000;

/// Requests that wait for one core's instance. At a tenth of a millisecond each that is a tenth of a
/// second, after which a client does better to try again.
pub const CORE_QUEUE_MAX: usize = 1024;

/// Requests in progress in one core's instance. Most of the time they wait for a region: 4,096 at 100 ms
/// each are more than a core can serve.
pub const CORE_CONCURRENT_MAX: usize = 4096;

/// Requests that one core's instance serves before it is replaced. Often enough that what a fault would
/// leak cannot grow for weeks, seldom enough to cost nothing.
pub const CORE_INSTANCE_REUSE_MAX: usize = 10_000_000;

/// Pause before another try where a core's instance could not be made.
pub const INSTANCE_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Base64 characters of a token's claims that are read to see whose it is. Cognito's have about 800.
pub const CLAIMS_READ_BYTES_MAX: usize = 16 * 1024;

/// Core modules one component instance consists of. A Rust component has 4: itself and its shims.
pub const CORE_INSTANCES_PER_INSTANCE_MAX: u32 = 8;

/// Guest stacks alive at once: one for each call in progress in an instance.
pub const STACKS_MAX: u32 = 4 * INSTANCES_MAX;

/// Linear memory of one instance. The limit of Spin's managed platforms.
pub const INSTANCE_MEMORY_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Memory of a freed instance slot that stays resident for the next instance: less is page faults on
/// every start, more is memory held while idle.
pub const INSTANCE_MEMORY_RESIDENT_BYTES: usize = 1024 * 1024;

/// How often a busy guest is made to give way to the rest of the host. Spin's epoch tick.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);

/// What a stuck instance gets beyond the request time-out before it is killed, so that its clients
/// have been answered 504 by then.
pub const STUCK_INSTANCE_GRACE: Duration = Duration::from_millis(250);

/// Bytes of one line a guest prints, before it is split. What a log collector takes as one event.
pub const GUEST_LOG_LINE_BYTES_MAX: usize = 8 * 1024;

/// Key-value stores a guest instance may hold open. Spin's figure.
pub const OPEN_STORES_MAX: usize = 256;

/// Bytes of a key. Spin's managed platforms refuse longer ones.
pub const KEY_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a value. Spin's managed platforms refuse larger ones.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// Keys one `get-keys` returns; it is answered from memory. Beyond this it fails rather than
/// returning a part.
pub const KEYS_LISTED_MAX: usize = 100_000;

/// How long a statement waits for another process that holds the store.
pub const STORE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an outbound connection may take to open where the guest sets no limit. Spin waits 600 s,
/// longer than any request lives here.
pub const OUTBOUND_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an upstream may take for the first byte of its response where the guest sets no limit.
pub const OUTBOUND_FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long an upstream may fall silent within a response where the guest sets no limit. As long as
/// in Spin: event streams are silent between events.
pub const OUTBOUND_BETWEEN_BYTES_TIMEOUT: Duration = Duration::from_secs(600);

/// Bytes of a body that is passed on as a whole: what one read of a socket gives, and far more than a bid
/// or its receipt has.
pub const GATHERED_BYTES_MAX: u64 = 64 * 1024;

/// Idle connections kept to one upstream host. More than the requests a host usually has in flight
/// at once, so that a burst does not reconnect.
pub const OUTBOUND_IDLE_PER_HOST_MAX: usize = 128;

/// How long an idle upstream connection is kept. Below the idle time of common load balancers (60 s),
/// so that we close first and no request meets a connection that is going away.
pub const OUTBOUND_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_load_balancer_closes_silent_connections_before_we_do() {
        let stack = include_str!("../../../infra/cloudformation/edge.yaml");
        let idle = stack.split("idle_timeout.timeout_seconds, Value: \"").nth(1).unwrap();
        let idle = Duration::from_secs(idle.split('"').next().unwrap().parse().unwrap());
        assert!(idle < HEADER_READ_TIMEOUT, "the balancer waits {idle:?}");
    }
}
