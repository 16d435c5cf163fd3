//! Calling a Lua script by its hash, and once with its text when the node does not know it: after a
//! restart, after a failover, at a node a slot has just moved to.
//!
//! `NOSCRIPT` means that nothing ran, so sending the text repeats nothing.

use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, ToRedisArgs};

use super::connection::Connection;
use super::shard::Shard;

/// A script. Its keys must all be of one shard.
#[derive(Clone)]
pub(crate) struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }

    /// A call with these keys; arguments are added to it.
    pub(crate) fn call<'a>(&'a self, shard: Shard, keys: &'a [String]) -> Call<'a> {
        Call { script: self, shard, keys, arguments: Vec::new() }
    }
}

/// A call that is being put together.
pub(crate) struct Call<'a> {
    script: &'a Script,
    shard: Shard,
    keys: &'a [String],
    arguments: Vec<Vec<u8>>,
}

impl Call<'_> {
    /// Adds an argument, or several.
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.arguments.extend(argument.to_redis_args());
        self
    }

    /// Calls the script at the shard's node.
    pub(crate) async fn query<T: FromRedisValue>(&self, redis: &Connection) -> RedisResult<T> {
        let called = redis.query(self.shard, &self.command("EVALSHA", &self.script.hash)).await;
        match called {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                redis.query(self.shard, &self.command("EVAL", self.script.source)).await
            }
            called => called,
        }
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(self.keys).arg(&self.arguments);
        command
    }
}
