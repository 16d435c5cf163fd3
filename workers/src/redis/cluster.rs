//! A Redis Cluster: which node has which slot, a connection to each, and following both as they
//! change.
//!
//! The `redis` crate's own cluster connection is not used, for two reasons that matter here. It sends
//! a command again after a lost answer or a time-out, writes too. And one task serves all nodes and
//! stands still while it looks for a lost one, so a frozen node would stop the auctions of all others.
//! Here nodes share nothing, and finding out about changes happens beside the commands.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::select_ok;
use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, RedisError, RedisResult,
    ServerErrorKind, Value, from_redis_value,
};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::error::{refused, timed_out};
use super::node::Node;
use super::shard::{SLOTS, Shard, Slot, slot};
use crate::limits::{
    REDIRECT_PAUSE, REDIRECTS_AT_ONCE_MAX, REDIRECTS_MAX, REDIS_CALL_MAX, TOPOLOGY_AGE_MAX,
    TOPOLOGY_PAUSE,
};

/// Host and port of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Address {
    host: Arc<str>,
    port: u16,
}

/// A connected cluster.
pub(crate) struct Cluster {
    /// Whose user, password and TLS all nodes share.
    template: ConnectionInfo,
    seeds: Vec<Address>,
    map: Mutex<Map>,
    suspected: Notify,
}

struct Map {
    /// The node of each slot, as far as known.
    owners: Vec<Option<Address>>,
    /// The seeds and all nodes that have slots.
    known: BTreeSet<Address>,
    nodes: HashMap<Address, Node>,
    /// Counts up, so that each call without a slot goes to the next node.
    turn: usize,
}

impl Cluster {
    /// Asks the seeds for the whole cluster, or tells why none of them answers.
    pub(super) async fn connect(seeds: &[ConnectionInfo]) -> RedisResult<Self> {
        let template = seeds.first().ok_or_else(|| refused("no node is named"))?.clone();
        let seeds: Vec<_> =
            seeds.iter().map(|seed| address(seed.addr())).collect::<Result<_, _>>()?;
        let owners = vec![None; usize::from(SLOTS)];
        let known = BTreeSet::from_iter(seeds.clone());
        let map = Mutex::new(Map { owners, known, nodes: HashMap::new(), turn: 0 });
        let cluster = Self { template, seeds, map, suspected: Notify::new() };
        if let Err(error) = cluster.refresh().await {
            cluster.next_node()?.reached().await?;
            return Err(error);
        }
        Ok(cluster)
    }

    /// Sends a command about `slot` to the node that has it, wherever nodes say that is.
    pub(super) async fn send(&self, slot: Slot, command: &Cmd) -> RedisResult<Value> {
        let (mut target, mut asking) = (self.owner(slot)?, false);
        for attempt in 1..=REDIRECTS_MAX {
            let node = self.node(&target)?;
            let answer = match asking {
                true => node.send_asking(command).await,
                false => node.send(command).await,
            };
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let mut pause = attempt > REDIRECTS_AT_ONCE_MAX;
            (target, asking) = match error.kind() {
                ErrorKind::Server(ServerErrorKind::Moved) => {
                    let owner = redirect(&error, &target)?;
                    self.lock().owners[usize::from(slot)] = Some(owner.clone());
                    self.suspect();
                    (owner, false)
                }
                ErrorKind::Server(ServerErrorKind::Ask) => (redirect(&error, &target)?, true),
                // Some keys of the slot are here and some there: it is being moved right now.
                ErrorKind::Server(ServerErrorKind::TryAgain) => {
                    pause = true;
                    (self.owner(slot)?, false)
                }
                kind => {
                    use ServerErrorKind::{ClusterDown, MasterDown, ReadOnly};
                    let lost = [ClusterDown, MasterDown, ReadOnly].map(ErrorKind::Server);
                    if kind == ErrorKind::Io || lost.contains(&kind) {
                        self.suspect();
                    }
                    return Err(error);
                }
            };
            if pause {
                sleep(REDIRECT_PAUSE).await;
            }
        }
        Err(timed_out())
    }

    /// The `shards` by their nodes; those without a known one are together, too.
    pub(super) fn by_node(&self, shards: impl Iterator<Item = Shard>) -> Vec<Vec<Shard>> {
        let map = self.lock();
        let mut nodes: BTreeMap<Option<&Address>, Vec<Shard>> = BTreeMap::new();
        for shard in shards {
            let owner = map.owners.get(usize::from(slot(shard))).and_then(Option::as_ref);
            nodes.entry(owner).or_default().push(shard);
        }
        nodes.into_values().collect()
    }

    /// Sends a command that concerns no slot to all nodes at once and gives the first answer.
    pub(super) async fn send_any(&self, command: Cmd) -> RedisResult<Value> {
        let command = Arc::new(command);
        self.first_of_all(|_, node| {
            let command = command.clone();
            async move { node.send(&command).await }
        })
        .await
    }

    /// A node, another one each time.
    pub(super) fn next_node(&self) -> RedisResult<Node> {
        let address = self.lock().next();
        self.node(&address.ok_or_else(|| refused("no node is named"))?)
    }

    /// Notes that the map of slots may be an old one.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Asks for the map of slots again and again: at once when it is suspected to be old.
    pub(super) async fn keep_fresh(&self) {
        loop {
            let _old_enough = timeout(TOPOLOGY_AGE_MAX, self.suspected.notified()).await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(?error, "no node of the redis cluster tells where slots are");
            }
            sleep(TOPOLOGY_PAUSE).await;
        }
    }

    /// Takes the map of slots from the first node that answers and finds the cluster well. One that
    /// has lost sight of the majority does not: its map may be old.
    async fn refresh(&self) -> RedisResult<()> {
        let asked = self.first_of_all(|address, node| async move {
            let state = node.send(redis::cmd("CLUSTER").arg("INFO")).await?;
            let state: String = from_redis_value(state)?;
            if !state.contains("cluster_state:ok") {
                return Err(RedisError::from((
                    ErrorKind::Server(ServerErrorKind::ClusterDown),
                    "a node finds the cluster unwell",
                )));
            }
            slots(node.send(redis::cmd("CLUSTER").arg("SLOTS")).await?, &address)
        });
        let ranges = asked.await?;
        let mut map = self.lock();
        map.owners.fill(None);
        for (first, last, owner) in ranges {
            let range = usize::from(first)..=usize::from(last);
            if let Some(owners) = map.owners.get_mut(range) {
                owners.fill(Some(owner));
            }
        }
        let Map { owners, known, nodes, .. } = &mut *map;
        *known = owners.iter().flatten().chain(&self.seeds).cloned().collect();
        nodes.retain(|address, _| known.contains(address));
        Ok(())
    }

    /// Asks all nodes at once and gives the first good answer, or else the last error.
    async fn first_of_all<T, F: Future<Output = RedisResult<T>>>(
        &self,
        ask: impl Fn(Address, Node) -> F,
    ) -> RedisResult<T> {
        let addresses = self.lock().known.clone();
        let asking: RedisResult<Vec<_>> = addresses
            .into_iter()
            .map(|address| {
                let node = self.node(&address)?;
                Ok(Box::pin(timeout(REDIS_CALL_MAX, ask(address, node))))
            })
            .collect();
        let answers = asking?.into_iter().map(|asking| {
            Box::pin(async move { asking.await.unwrap_or_else(|_elapsed| Err(timed_out())) })
        });
        select_ok(answers).await.map(|(answer, _)| answer)
    }

    fn owner(&self, slot: Slot) -> RedisResult<Address> {
        let mut map = self.lock();
        let known = map.owners.get(usize::from(slot)).cloned().flatten();
        // Whoever is asked instead redirects, or says that nobody has the slot.
        known.or_else(|| map.next()).ok_or_else(|| refused("no node is named"))
    }

    fn node(&self, address: &Address) -> RedisResult<Node> {
        let mut map = self.lock();
        if let Some(node) = map.nodes.get(address) {
            return Ok(node.clone());
        }
        let (host, port) = (address.host.to_string(), address.port);
        let addr = match self.template.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        let node = Node::new(self.template.clone().set_addr(addr))?;
        map.nodes.insert(address.clone(), node.clone());
        Ok(node)
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        // An old or half new map is put right by redirects.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Map {
    fn next(&mut self) -> Option<Address> {
        self.turn = self.turn.wrapping_add(1);
        self.known.iter().nth(self.turn.checked_rem(self.known.len())?).cloned()
    }
}

fn address(addr: &ConnectionAddr) -> RedisResult<Address> {
    match addr {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Ok(Address { host: host.as_str().into(), port: *port })
        }
        _ => Err(refused("a node of a cluster has a host and a port")),
    }
}

/// Where a redirect points to. Without a host it is the one that was asked.
fn redirect(error: &RedisError, asked: &Address) -> RedisResult<Address> {
    let node = error.redirect_node().and_then(|(node, _slot)| node.rsplit_once(':'));
    let unclear = || RedisError::from((ErrorKind::Parse, "a redirect to nowhere"));
    let (host, port) = node.ok_or_else(unclear)?;
    let port = port.parse().map_err(|_| unclear())?;
    Ok(Address { host: host_or(host, asked), port })
}

/// First and last slot and the node of each range in an answer of `CLUSTER SLOTS`.
fn slots(answer: Value, asked: &Address) -> RedisResult<Vec<(Slot, Slot, Address)>> {
    let rows: Vec<Vec<Value>> = from_redis_value(answer)?;
    let range = |row: Vec<Value>| {
        let [first, last, owner, ..] = row.as_slice() else {
            return Err(RedisError::from((ErrorKind::Parse, "a range of slots without a node")));
        };
        let owner = Vec::<Value>::from_redis_value_ref(owner)?;
        let [host, port, ..] = owner.as_slice() else {
            return Err(RedisError::from((ErrorKind::Parse, "a node without a port")));
        };
        let host = Option::<String>::from_redis_value_ref(host)?.unwrap_or_default();
        let owner = Address { host: host_or(&host, asked), port: u16::from_redis_value_ref(port)? };
        Ok((u16::from_redis_value_ref(first)?, u16::from_redis_value_ref(last)?, owner))
    };
    rows.into_iter().map(range).collect()
}

fn host_or(host: &str, asked: &Address) -> Arc<str> {
    if host.is_empty() || host == "?" { asked.host.clone() } else { host.into() }
}
