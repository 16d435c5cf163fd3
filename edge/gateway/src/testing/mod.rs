//! Fakes of the ports, and tokens of a pool that exists only in tests.
//!
//! Time is tokio's paused clock: it jumps ahead whenever every task waits, so nothing here takes
//! real time. The RSA keys were made for these tests and sign nothing else.

mod tokens;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::Instant;

pub(crate) use self::tokens::{CLIENT, KEY_ID, POOL, Signer, claims, jwks};
use crate::config::Config;
use crate::ports::{
    Background, BodyFault, Clock, Fetch, FetchError, IncomingBody, KeyValue, Outgoing, Random,
    StoreError,
};
use crate::reply::{Body, Reply};

/// When every test begins, in milliseconds since the epoch.
pub(crate) const START_MS: u64 = 1_900_000_000_000;

/// What the fake network answers.
pub(crate) type Answer = Result<http::Response<Bytes>, FetchError>;

type Network = Box<dyn Fn(&Outgoing) -> Answer>;

type Task = Box<dyn FnOnce(&Fake) -> LocalBoxFuture<'_, ()>>;

/// All ports.
pub(crate) struct Fake {
    store: RefCell<BTreeMap<String, Vec<u8>>>,
    store_broken: Cell<bool>,
    store_hangs: Cell<bool>,
    /// The keys of all store operations.
    pub(crate) store_asked: RefCell<Vec<String>>,
    /// How long a store operation takes at most, in milliseconds; varies pseudo-randomly below.
    pub(crate) store_latency_ms: Cell<u64>,
    /// How long a fetch takes, in milliseconds.
    pub(crate) fetch_latency_ms: Cell<u64>,
    /// Answers every fetch.
    pub(crate) network: RefCell<Network>,
    /// Every request sent.
    pub(crate) sent: RefCell<Vec<Outgoing>>,
    background: RefCell<Vec<Task>>,
    start: Instant,
    random: Cell<u64>,
}

impl Fake {
    /// An empty store and a network where nobody answers.
    pub(crate) fn new() -> Self {
        Self {
            store: RefCell::default(),
            store_broken: Cell::new(false),
            store_hangs: Cell::new(false),
            store_asked: RefCell::default(),
            store_latency_ms: Cell::new(0),
            fetch_latency_ms: Cell::new(0),
            network: RefCell::new(Box::new(|_| Err(FetchError::Connect))),
            sent: RefCell::default(),
            background: RefCell::default(),
            start: Instant::now(),
            random: Cell::new(0x9e37_79b9_7f4a_7c15),
        }
    }

    /// Sets what the network answers.
    pub(crate) fn answer(&self, network: impl Fn(&Outgoing) -> Answer + 'static) {
        *self.network.borrow_mut() = Box::new(network);
    }

    /// Makes the store answer nothing from now on.
    pub(crate) fn hang_store(&self) {
        self.store_hangs.set(true);
    }

    /// Makes the store fail from now on.
    pub(crate) fn break_store(&self) {
        self.store_broken.set(true);
    }

    /// Overwrites what the store has under `key`, or gives it back.
    pub(crate) fn store_of(&self, key: &str) -> RefMut<'_, Vec<u8>> {
        RefMut::map(self.store.borrow_mut(), |store| store.entry(key.to_owned()).or_default())
    }

    /// Runs what was started in the background and not run yet; how much that was.
    pub(crate) async fn run_background(&self) -> usize {
        let tasks = self.background.take();
        let number = tasks.len();
        for task in tasks {
            task(self).await;
        }
        number
    }

    /// Every key in the store.
    pub(crate) fn stored_keys(&self) -> BTreeSet<String> {
        self.store.borrow().keys().cloned().collect()
    }

    /// How many requests went to URLs that end like this.
    pub(crate) fn sent_to(&self, end: &str) -> usize {
        self.sent.borrow().iter().filter(|request| request.url.ends_with(end)).count()
    }

    /// The time in seconds since the epoch.
    pub(crate) fn now_s(&self) -> u64 {
        self.now_ms() / 1_000
    }

    fn next_random(&self) -> u64 {
        // xorshift64: repeatable, and different every time.
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        x
    }

    async fn store_operation(&self, key: &str) -> Result<(), StoreError> {
        self.store_asked.borrow_mut().push(key.to_owned());
        if self.store_hangs.get() {
            std::future::pending::<()>().await;
        }
        let latency_ms = self.store_latency_ms.get();
        if latency_ms > 0 {
            let micros = self.next_random() % (latency_ms * 1_000);
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
        if self.store_broken.get() { Err(StoreError("broken".to_owned())) } else { Ok(()) }
    }
}

impl KeyValue for Fake {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store_operation(key).await?;
        Ok(self.store.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.store_operation(key).await?;
        self.store.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }
}

impl Clock for Fake {
    fn now_ns(&self) -> u64 {
        START_MS * 1_000_000 + u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Random for Fake {
    fn bytes(&self) -> [u8; 16] {
        let halves = [self.next_random(), self.next_random()].map(u64::to_be_bytes);
        halves.concat().try_into().unwrap()
    }
}

impl Background for Fake {
    fn spawn(&self, task: impl AsyncFnOnce(&Self) + 'static) {
        self.background.borrow_mut().push(Box::new(|fake| Box::pin(task(fake))));
    }
}

impl Fetch for Fake {
    type Body = Bytes;

    async fn send(&self, request: &Outgoing) -> Answer {
        self.sent.borrow_mut().push(request.clone());
        let latency_ms = self.fetch_latency_ms.get();
        tokio::time::sleep(Duration::from_millis(latency_ms.min(request.timeout_ms))).await;
        if latency_ms > request.timeout_ms {
            return Err(FetchError::Late);
        }
        let network = self.network.borrow();
        network(request)
    }

    async fn read(&self, body: Bytes, bytes_max: usize) -> Result<Bytes, FetchError> {
        if body.len() > bytes_max { Err(FetchError::TooLong) } else { Ok(body) }
    }
}

/// A request's body, as hyper's bodies are.
pub(crate) struct Sent<B>(pub(crate) B);

impl<B> IncomingBody for Sent<B>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn read(self, bytes_max: usize) -> Result<Bytes, BodyFault> {
        let whole = Limited::new(self.0, bytes_max).collect().await;
        whole.map(http_body_util::Collected::to_bytes).map_err(|error| {
            if error.is::<LengthLimitError>() { BodyFault::TooLong } else { BodyFault::Broken }
        })
    }
}

/// All of a reply's body, wherever it comes from.
pub(crate) fn body(reply: &Reply<Bytes>) -> &Bytes {
    match reply.body() {
        Body::Whole(bytes) | Body::Relayed(bytes) => bytes,
    }
}

/// A reply of the fake network.
pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let length = http::HeaderValue::from(body.len());
    let mut reply = http::Response::new(body);
    reply.headers_mut().insert("content-length", length);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap();
    reply.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(reply)
}

/// The variables of a working gateway.
pub(crate) fn variables() -> HashMap<&'static str, String> {
    [
        ("regions", "use1=http://127.0.0.1:8080"),
        ("cognito_region", "us-east-1"),
        ("cognito_user_pool_id", POOL),
        ("cognito_app_client_ids", CLIENT),
        ("cognito_jwks_origin", "http://127.0.0.1:4566"),
        ("jwks_cooldown_s", "10"),
        ("edge_key", "0123456789abcdef0123456789abcdef"),
        ("user_rate_per_s", "10"),
        ("user_burst", "20"),
        ("address_rate_per_s", "50"),
        ("address_burst", "200"),
        ("failed_auth_rate_per_s", "1"),
        ("failed_auth_burst", "20"),
        ("counts_in", "key-value"),
        ("forward_timeout_ms", "8000"),
    ]
    .into_iter()
    .map(|(name, value)| (name, value.to_owned()))
    .collect()
}

/// Their configuration.
pub(crate) fn config() -> Config {
    let variables = variables();
    Config::parse(|name| variables.get(name).cloned()).expect("the test variables are right")
}
