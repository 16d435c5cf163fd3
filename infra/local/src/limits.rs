//! Every waiting time and size of the local stack, with why it is that number.

use std::time::Duration;

/// How often a probe asks whether a service is ready. Redis is up in about 20 ms: asking less often
/// would be most of its start.
pub const PROBE_EVERY: Duration = Duration::from_millis(20);

/// How long one probe may take: a paused process accepts a connection and never answers.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a service may take to become ready. Everything is ready within 3 s on two idle cores; a
/// busy machine that runs several stacks at once, and builds beside, is given thirty times as long.
pub const READY_WITHIN: Duration = Duration::from_secs(90);

/// How long a service may take to stop when asked to. Workers drain, the emulator writes its state.
pub const STOP_WITHIN: Duration = Duration::from_secs(20);

/// How long an abandoned service (a failed test) gets for the little it must tidy up before SIGKILL.
pub const ABANDON_WITHIN: Duration = Duration::from_secs(2);

/// How often `up` looks whether one of its processes has died.
pub const WATCH_EVERY: Duration = Duration::from_millis(200);

/// How long `down` waits for `up`: it stops five services, two at a time at worst.
pub const DOWN_WITHIN: Duration = Duration::from_secs(60);

/// Lines of a dead service's log shown with its name: enough for a panic with its backtrace.
pub const LOG_TAIL_LINES: usize = 25;

/// How far back in a log the tail is looked for, in bytes.
pub const LOG_TAIL_BYTES: u64 = 64 * 1024;

/// Messages a queue gives up on go to its dead-letter queue after this many receives.
pub const QUEUE_RECEIVES_MAX: u32 = 5;

/// How long a queue keeps a message, in seconds: one day.
pub const QUEUE_RETENTION_S: u32 = 86_400;

/// How long a received message stays hidden from other receivers, in seconds.
pub const QUEUE_VISIBILITY_S: u32 = 300;

/// Silence after which the nodes of a Redis Cluster think one of them lost, in milliseconds. Redis's
/// default is 15,000; tests of a lost node should not wait that long, nor take a busy machine for one.
pub const CLUSTER_NODE_TIMEOUT_MS: u32 = 5_000;
