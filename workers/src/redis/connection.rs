//! Talking to Redis, be it one node or a cluster. Every command concerns a shard and goes to the node
//! that has the shard's slot; nothing outside this folder knows which one that is.
//!
//! A command is never repeated here after it may have reached a node: an answer that did not come is
//! an error, and the caller decides. What a node refused because of the slot (`MOVED`, `ASK`,
//! `TRYAGAIN`) did not happen and is sent again. Every call ends within [`REDIS_CALL_MAX`].

use std::sync::Arc;

use redis::aio::PubSub;
use redis::io::tcp::TcpSettings;
use redis::{
    Cmd, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisResult,
    from_redis_value,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::error::{refused, timed_out};
use super::node::Node;
use super::shard::{Shard, Shards, key, slot};
use crate::limits::{REDIS_CALL_MAX, REDIS_CONNECT_MAX, REDIS_RESPONSE_MAX};

/// A connected Redis, and how keys are spread on it.
#[derive(Clone)]
pub(crate) struct Redis {
    pub(crate) connection: Connection,
    pub(crate) shards: Shards,
}

impl Redis {
    /// Sees to it that all workers spread auctions over equally many shards: the first one notes how many,
    /// and whoever has another number is refused. It would look for auctions where they are not.
    pub(crate) async fn agree_on_shards(&self) -> RedisResult<()> {
        const NOTED: Shard = 0;
        let (key, ours) = (key(NOTED, "shards"), self.shards.count());
        // Asked first: a Redis that is full refuses to set even what is there.
        let noted: Option<u16> = self.connection.query(NOTED, redis::cmd("GET").arg(&key)).await?;
        let noted = match noted {
            Some(noted) => noted,
            None => {
                let mut note = redis::cmd("SET");
                note.arg(&key).arg(ours).arg("NX");
                let _first: Option<String> = self.connection.query(NOTED, &note).await?;
                self.connection.query(NOTED, redis::cmd("GET").arg(&key)).await?
            }
        };
        if noted == ours {
            return Ok(());
        }
        let told = format!("its auctions are in {noted} shards, and GAVEL_SHARDS is {ours}");
        Err((ErrorKind::InvalidClientConfig, "this redis is used otherwise", told).into())
    }
}

/// Connects, or tells why not. `urls` are separated by commas: of a cluster any of its nodes, which
/// lead to the others.
pub(crate) async fn connect(urls: &str, cluster: bool, shards: u16) -> RedisResult<Redis> {
    let infos: RedisResult<Vec<_>> = urls.split(',').map(info).collect();
    let connection = match infos?.as_slice() {
        seeds if cluster => Connection::Cluster(Arc::new(Cluster::connect(seeds).await?)),
        [only] => Connection::Node(Arc::new(single(only).await?)),
        _ => return Err(refused("several nodes that are no cluster")),
    };
    Ok(Redis { connection, shards: Shards::new(shards) })
}

/// The only node there is. One of a cluster would answer for its own slots alone.
async fn single(info: &ConnectionInfo) -> RedisResult<Node> {
    let node = Node::new(info.clone())?;
    node.reached().await?;
    let cluster = node.send_in_time(redis::cmd("INFO").arg("cluster")).await?;
    if from_redis_value::<String>(cluster)?.contains("cluster_enabled:1") {
        return Err(refused("this is a node of a cluster: set GAVEL_REDIS_CLUSTER=true"));
    }
    Ok(node)
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

    /// The `shards` by who can be asked about in one command: all where there is one node, else each alone.
    pub(crate) fn together(&self, shards: impl Iterator<Item = Shard>) -> Vec<Vec<Shard>> {
        match self {
            Self::Node(_) => vec![shards.collect()],
            Self::Cluster(_) => shards.map(|shard| vec![shard]).collect(),
        }
    }

    /// The `shards` by the node that has them now, as far as is known.
    pub(crate) fn by_node(&self, shards: impl Iterator<Item = Shard>) -> Vec<Vec<Shard>> {
        match self {
            Self::Node(_) => vec![shards.collect()],
            Self::Cluster(cluster) => cluster.by_node(shards),
        }
    }

    /// The first answer of any node: a lost one takes its own auctions with it, not this worker.
    pub(crate) async fn query_any<T: FromRedisValue>(&self, command: Cmd) -> RedisResult<T> {
        let answer = match self {
            Self::Node(node) => node.send_in_time(&command).await,
            Self::Cluster(cluster) => cluster.send_any(command).await,
        };
        Ok(from_redis_value(answer?)?)
    }

    /// Subscribes to `channel` at a node; at another one each time, where there are several. A cluster
    /// carries what is published at one node to all.
    pub(crate) async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        let node = match self {
            Self::Node(node) => Node::clone(node),
            Self::Cluster(cluster) => cluster.next_node()?,
        };
        let subscribing = async {
            let mut subscription = node.pubsub().await?;
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

/// Where and how to connect, by a URL.
fn info(url: &str) -> RedisResult<ConnectionInfo> {
    // A host that vanishes without a word is noticed by its silence; the kernel's own patience is a
    // quarter of an hour.
    let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(REDIS_RESPONSE_MAX);
    Ok(url.trim().into_connection_info()?.set_tcp_settings(tcp))
}

#[cfg(test)]
mod tests {
    use gavel_local::Port;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn who_counts_other_shards_than_the_first_worker_is_refused() {
        let dir = std::env::temp_dir().join(format!("gavel-shards-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut service = gavel_local::redis::service(&dir, &dir, Port::free().unwrap()).unwrap();
        service.start().await.unwrap();
        let url = gavel_local::redis::url(&service);
        let agree =
            async |shards| connect(&url, false, shards).await.unwrap().agree_on_shards().await;
        agree(8).await.unwrap();
        agree(8).await.unwrap();
        let refused = agree(16).await.unwrap_err().to_string();
        assert!(refused.contains("in 8 shards, and GAVEL_SHARDS is 16"), "{refused}");
        // Full, it still tells.
        let full = ["CONFIG", "SET", "maxmemory", "1"];
        gavel_local::redis::ask::<String>(&service, &full).await.unwrap();
        agree(8).await.unwrap();
        assert!(agree(4).await.is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
