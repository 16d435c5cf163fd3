//! One of a shard's outboxes in Redis: the entries that wait, the lease of the relay that works on it.

use redis::{ErrorKind, RedisError, RedisResult};
use uuid::Uuid;

use super::entry::EntryId;
use super::message::Message;
use crate::ledger::keys::{Keys, Outlet, WAKE_CHANNEL};
use crate::limits::{OUTBOX_ENTRIES_MAX, RELAY_LEASE};
use crate::redis::shard::key;
use crate::redis::{Connection, Redis, Script, Shard};

/// Takes or renews the lease, also when Redis is full. KEYS 1 lease; ARGV 1 owner, 2 life
/// in ms. Gives 0 when it is another one's, 1 when it was nobody's, 2 when it was ours.
const OWN: &str = "#!lua flags=allow-oom
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return owner and 2 or 1";

/// Gives the lease up, if it is ours. KEYS 1 lease; ARGV 1 owner.
const RELEASE: &str = "
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1";

/// The key of the lease on an outbox.
pub(super) fn lease(shard: Shard, outlet: Outlet) -> String {
    match outlet {
        Outlet::Bids => key(shard, "relay"),
        Outlet::Messages => key(shard, "relay-notify"),
    }
}

/// The key of what is no event, set aside for an operator to look at.
pub(super) fn aside(shard: Shard, outlet: Outlet) -> String {
    format!("{}-aside", Keys::outbox(shard, outlet))
}

/// Whose a lease is.
pub(super) enum Lease {
    Anothers,
    /// Ours anew: somebody else may have had it meanwhile.
    Taken,
    /// Ours as before.
    Kept,
}

pub(super) struct Outbox {
    redis: Connection,
    keys: Keys,
    pub(super) shard: Shard,
    pub(super) outlet: Outlet,
    owner: String,
    own: Script,
    release: Script,
    relayed: Script,
    set_aside: Script,
}

impl Outbox {
    pub(super) fn new(redis: &Redis, shard: Shard, outlet: Outlet) -> Self {
        Self {
            redis: redis.connection.clone(),
            keys: Keys(redis.shards),
            shard,
            outlet,
            owner: Uuid::now_v7().to_string(),
            own: Script::new(OWN),
            release: Script::new(RELEASE),
            relayed: Script::new(include_str!("relayed.lua")),
            set_aside: Script::new(include_str!("aside.lua")),
        }
    }

    /// Takes or renews the lease.
    pub(super) async fn own(&self) -> RedisResult<Lease> {
        let keys = [lease(self.shard, self.outlet)];
        let mut call = self.own.call(self.shard, &keys);
        call.arg(&self.owner).arg(RELAY_LEASE.as_millis().to_string());
        Ok(match call.query(&self.redis).await? {
            0 => Lease::Anothers,
            1 => Lease::Taken,
            _ => Lease::Kept,
        })
    }

    /// Lets another relay take over at once.
    pub(super) async fn release(&self) {
        let keys = [lease(self.shard, self.outlet)];
        let mut call = self.release.call(self.shard, &keys);
        let released: RedisResult<()> = call.arg(&self.owner).query(&self.redis).await;
        if let Err(error) = released {
            tracing::warn!(shard = self.shard, error = ?error, "lease not released, it will expire");
        }
    }

    /// The first entries from this one on.
    pub(super) async fn page(&self, from: EntryId) -> RedisResult<Vec<(EntryId, Vec<Vec<u8>>)>> {
        let mut command = redis::cmd("XRANGE");
        command.arg(Keys::outbox(self.shard, self.outlet)).arg(from.to_string()).arg("+");
        command.arg("COUNT").arg(OUTBOX_ENTRIES_MAX);
        let raw: Vec<(String, Vec<Vec<u8>>)> = self.redis.query(self.shard, &command).await?;
        let unclear = || RedisError::from((ErrorKind::Parse, "an entry's id is no id"));
        raw.into_iter()
            .map(|(id, fields)| Ok((EntryId::parse(&id).ok_or_else(unclear)?, fields)))
            .collect()
    }

    /// Moves an entry that is no event to [`aside`].
    pub(super) async fn set_aside(&self, id: EntryId) -> RedisResult<()> {
        let keys = [Keys::outbox(self.shard, self.outlet), aside(self.shard, self.outlet)];
        let mut call = self.set_aside.call(self.shard, &keys);
        call.arg(id.to_string()).query(&self.redis).await
    }

    /// Takes a message's entries out and wakes the bids that wait for it. Nobody waits for messages to
    /// people.
    pub(super) async fn relayed(&self, message: &Message) -> RedisResult<()> {
        if self.outlet == Outlet::Messages {
            let mut command = redis::cmd("XDEL");
            command.arg(Keys::outbox(self.shard, self.outlet)).arg(&message.entries);
            return self.redis.query(self.shard, &command).await;
        }
        let keys = [self.keys.state(&message.auction), Keys::outbox(self.shard, self.outlet)];
        let mut call = self.relayed.call(self.shard, &keys);
        call.arg(message.last)
            .arg(WAKE_CHANNEL)
            .arg(message.auction.as_str())
            .arg(&message.entries);
        call.query(&self.redis).await
    }
}
