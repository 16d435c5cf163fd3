//! Gavel on one machine: real Redis, real PostgreSQL, an AWS emulator, the workers and the edge.
//!
//! `make up`, `make smoke` and the tests all start their stack through this crate, so what is
//! tested is what runs. A test starts a whole stack of its own on free ports (measured: Redis,
//! PostgreSQL, the emulator and all its resources in under 2 s on two cores), because sharing
//! services between test processes would need reference counting across processes and would let
//! one test's outage become another's.
//!
//! Not here: Docker, TLS, and anything a production deployment uses; that is `infra/` elsewhere.
//! Invariant: nothing started here outlives its owner, however the owner ends.
//!
//! ```text
//! let mut stack = Stack::start(Options::for_tests()?).await?;
//! let seller = stack.sign_in("seller").await?.access;
//! stack.redis.kill().await?;
//! stack.redis.start().await?;
//! ```

pub mod aws;
pub mod edge;
pub mod emulator;
pub mod ivs;
pub mod limits;
pub mod options;
pub mod paths;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod provision;
pub mod redis;
pub mod secret;
pub mod service;
pub mod settings;
pub mod stack;
pub mod tokens;
pub mod workers;

pub use options::{Options, WorkerOptions};
pub use ports::Port;
pub use service::Service;
pub use settings::Settings;
pub use stack::Stack;
pub use tokens::Tokens;
