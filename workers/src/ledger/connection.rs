//! Talking to Redis, be it one node or a cluster. Every command concerns a shard and goes to the node
//! that has the shard's slot; nothing else in this crate knows which one that is.
//!
//! A command is never repeated here after it may have reached a node: an answer that did not come is
//! an error, and the caller decides. What a node refused because of the slot (`MOVED`, `ASK`,
//! `TRYAGAIN`) did not happen and is sent again. Every call ends within [`REDIS_CALL_MAX`].

use std::io;
use std::sync::Arc;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::io::tcp::TcpSettings;
use redis::{
    Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError,
    RedisResult, Value, from_redis_value,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::keys::{Keys, Shard, slot};
use super::store::Store;
use crate::limits::{REDIS_CALL_MAX, REDIS_CONNECT_MAX, REDIS_RESPONSE_MAX, RETRY_PAUSE_MAX};

/// A connected Redis and the key layout on it.
#[derive(Clone)]
pub(crate) struct Redis {
    pub(crate) connection: Connection,
    pub(crate) keys: Keys,
}

impl Redis {
    pub(super) fn store(&self) -> Store {
        Store::new(self.connection.clone(), self.keys)
    }
}

/// Connects, or tells why not. `urls` are separated by commas: of a cluster any of its nodes, which
/// lead to the others.
pub(crate) async fn connect(urls: &str, cluster: bool, shards: u16) -> RedisResult<Redis> {
    let infos: RedisResult<Vec<_>> = urls.split(',').map(info).collect();
    let connection = match infos?.as_slice() {
        seeds if cluster => Connection::Cluster(Arc::new(Cluster::connect(seeds).await?)),
        [only] => {
            let node = Node::new(only.clone())?;
            node.reached().await?;
            Connection::Node(Arc::new(node))
        }
        _ => return Err(refused("several nodes that are no cluster")),
    };
    Ok(Redis { connection, keys: Keys::new(shards) })
}

/// Redis, wherever a shard's keys are. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Connection {
    /// One node has everything.
    Node(Arc<Node>),
    /// Each slot is at some node.
    Cluster(Arc<Cluster>),
}

impl Connection {
    /// Sends `command` to the node of `shard` and gives its answer.
    pub(crate) async fn query<T: FromRedisValue>(
        &self,
        shard: Shard,
        command: &Cmd,
    ) -> RedisResult<T> {
        let sending = async {
            match self {
                Self::Node(node) => node.send(command).await,
                Self::Cluster(cluster) => cluster.send(slot(shard), command).await,
            }
        };
        let answer = timeout(REDIS_CALL_MAX, sending).await.unwrap_or_else(|_elapsed| {
            self.suspect();
            Err(timed_out())
        });
        Ok(from_redis_value(answer?)?)
    }

    /// The first answer of any node: a lost one takes its own auctions with it, not this worker.
    pub(super) async fn query_any<T: FromRedisValue>(&self, command: Cmd) -> RedisResult<T> {
        let answer = match self {
            Self::Node(node) => node.send_in_time(&command).await,
            Self::Cluster(cluster) => cluster.send_any(command).await,
        };
        Ok(from_redis_value(answer?)?)
    }

    /// Subscribes to `channel` at a node; at another one each time, where there are several. A cluster
    /// carries what is published at one node to all.
    pub(super) async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        let node = match self {
            Self::Node(node) => Node::clone(node),
            Self::Cluster(cluster) => cluster.next_node()?,
        };
        let subscribing = async {
            let mut subscription = node.client.get_async_pubsub().await?;
            subscription.subscribe(channel).await?;
            Ok(subscription)
        };
        timeout(REDIS_CONNECT_MAX, subscribing).await.unwrap_or_else(|_elapsed| Err(timed_out()))
    }

    /// Follows a cluster's changes until `stop`: which node has which slot.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        match self {
            Self::Node(_) => stop.cancelled().await,
            Self::Cluster(cluster) => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = cluster.keep_fresh() => {}
                }
            }
        }
    }

    fn suspect(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.suspect();
        }
    }
}

/// One node: a multiplexed connection with time-outs, which reconnects by itself and never repeats a
/// command on its own.
#[derive(Clone)]
pub(crate) struct Node {
    client: Client,
    connection: ConnectionManager,
}

impl Node {
    /// A node that is connected to when it is first needed.
    pub(super) fn new(info: ConnectionInfo) -> RedisResult<Self> {
        let client = Client::open(info)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(REDIS_CONNECT_MAX))
            .set_response_timeout(Some(REDIS_RESPONSE_MAX))
            .set_max_delay(RETRY_PAUSE_MAX);
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        Ok(Self { client, connection })
    }

    /// Tells why it cannot be reached, if it cannot: a wrong password or certificate is more than the
    /// silence that calls notice while the connection is tried again and again.
    pub(super) async fn reached(&self) -> RedisResult<()> {
        let Err(error) = self.send_in_time(&redis::cmd("PING")).await else { return Ok(()) };
        let connecting = timeout(REDIS_CONNECT_MAX, self.client.get_multiplexed_async_connection());
        let connected = connecting.await.unwrap_or_else(|_elapsed| Err(timed_out()));
        Err(connected.err().unwrap_or(error))
    }

    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.connection.clone().send_packed_command(command).await.and_then(Value::extract_error)
    }

    /// Sends a command about a slot that is being moved to this node. One write carries both parts,
    /// so no other command of this connection comes in between.
    pub(super) async fn send_asking(&self, command: &Cmd) -> RedisResult<Value> {
        let mut both = Pipeline::new();
        both.cmd("ASKING").add_command(command.clone());
        let answers = self.connection.clone().send_packed_commands(&both, 0, 2).await?;
        answers.into_iter().next_back().unwrap_or(Value::Nil).extract_error()
    }

    /// Sends a command and waits no longer than a call may take.
    pub(super) async fn send_in_time(&self, command: &Cmd) -> RedisResult<Value> {
        let sending = timeout(REDIS_CALL_MAX, self.send(command));
        sending.await.unwrap_or_else(|_elapsed| Err(timed_out()))
    }
}

/// Where and how to connect, by a URL.
fn info(url: &str) -> RedisResult<ConnectionInfo> {
    // A host that vanishes without a word is noticed by its silence; the kernel's own patience is a
    // quarter of an hour.
    let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(REDIS_RESPONSE_MAX);
    Ok(url.trim().into_connection_info()?.set_tcp_settings(tcp))
}

pub(super) fn timed_out() -> RedisError {
    io::Error::new(io::ErrorKind::TimedOut, "redis did not answer in time").into()
}

pub(super) fn refused(why: &'static str) -> RedisError {
    (redis::ErrorKind::InvalidClientConfig, why).into()
}
