//! The edge as it ships, with instances as short-lived as Spin's: who signs in is who they are, however
//! often instances are reused and whatever becomes of the store.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use jwt_simple::prelude::{
    Claims, Clock, Duration, RS256KeyPair, RS256PublicKey, RSAKeyPairLike as _,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Host, component, until};

const KEY_ID: &str = "pool-key";
const ISSUER: &str = "https://issuer.example";
const CLIENT: &str = "client-1";
/// How often an instance is used: once, seldom, as often as Spin's.
const REUSES: [&str; 3] = ["1", "16", "128"];

/// The pool's key, and another one.
fn keys() -> [RS256KeyPair; 2] {
    [
        include_str!("../../../gateway/src/testing/test-pool-key.pem"),
        include_str!("../../../gateway/src/testing/test-other-key.pem"),
    ]
    .map(|pem| RS256KeyPair::from_pem(pem).unwrap().with_key_id(KEY_ID))
}

/// The `Authorization` of `user`; as if signed long ago if it has `expired`.
fn bearer(key: &RS256KeyPair, user: &str, expired: bool) -> String {
    let custom = json!({"token_use": "access", "client_id": CLIENT});
    let mut claims = Claims::with_custom_claims(custom, Duration::from_hours(1));
    if expired {
        claims.expires_at = Some(Clock::now_since_epoch() - Duration::from_hours(1));
    }
    let token = key.sign(claims.with_issuer(ISSUER).with_subject(user)).unwrap();
    format!("Bearer {token}")
}

/// Serves the pool's key, and otherwise answers with whom the edge says a request is from.
async fn region(key: RS256PublicKey) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let components = key.to_components();
    let [n, e] = [components.n, components.e].map(|part| URL_SAFE_NO_PAD.encode(part));
    let key = json!({"kid": KEY_ID, "kty": "RSA", "use": "sig", "alg": "RS256", "n": n, "e": e});
    let key_set = json!({"keys": [key]}).to_string();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut talks = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            talks.spawn(talk(stream, key_set.clone()));
        }
    });
    (url, server)
}

async fn talk(stream: TcpStream, key_set: String) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let asserted = head.lines().find_map(|line| line.strip_prefix("gavel-edge-assertion: "));
        let body = match asserted {
            Some(assertion) => {
                let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
                let claims: Value = serde_json::from_slice(&claims).unwrap();
                claims["user"].to_string()
            }
            None => key_set.clone(),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The shipped edge before the region at `url`, with instances as in Spin.
async fn edge(url: &str, arguments: &[&str]) -> Host {
    let source = component("gavel_gateway").display().to_string();
    let shipped = include_str!("../../../../spin.toml");
    let manifest = shipped.replace("target/wasm32-wasip2/release/gavel_gateway.wasm", &source);
    assert_ne!(manifest, shipped);
    let variables = [
        ("regions", &format!("use1={url}")[..]),
        ("region_hosts", url),
        ("cognito_user_pool_id", "us-east-1_pool"),
        ("cognito_app_client_ids", CLIENT),
        ("cognito_jwks_origin", url),
        ("cognito_issuer", ISSUER),
        ("edge_key", "a key of the tests, 32 characters"),
        ("address_burst", "10000"),
        ("failed_auth_burst", "10000"),
    ]
    .map(|(name, value)| format!("{name}={value}"));
    let mut all = vec!["--instances", "spin"];
    all.extend(variables.iter().flat_map(|variable| ["--variable", variable]));
    all.extend(arguments);
    Host::start(&manifest, &all).await
}

/// What the region is told of who asks, or the refusal.
async fn ask(host: &Host, authorization: &str) -> (u16, String) {
    let url = format!("{}/v1/auctions", host.url);
    let request = host.client.get(url).header("authorization", authorization);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Five users sign in several times each, all at once; so does who cannot.
async fn everybody_is_who_they_are(host: &Host, case: &str) {
    let [pool, other] = keys();
    let users: Vec<String> = (0..5).map(|number| format!("user-{number}")).collect();
    let good: Vec<_> = users.iter().map(|user| bearer(&pool, user, false)).collect();
    let bad = [bearer(&other, "user-0", false), bearer(&pool, "user-0", true)];
    for _round in 0..4 {
        let asked = users.iter().zip(&good).map(async |(user, authorization)| {
            assert_eq!(ask(host, authorization).await, (200, format!("\"{user}\"")), "{case}");
        });
        join_all(asked).await;
        for refused in join_all(bad.iter().map(|authorization| ask(host, authorization))).await {
            assert_eq!(refused.0, 401, "{case}: {}", refused.1);
        }
    }
}

/// The host's store, as whoever has its file sees it.
fn store(host: &Host) -> Connection {
    open(&host.folder.path().join(".spin/sqlite_key_value.db"))
}

fn open(path: &Path) -> Connection {
    let store = Connection::open(path).unwrap();
    store.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    store
}

#[tokio::test]
async fn everybody_signs_in_as_themselves_however_often_instances_are_reused() {
    let (url, _region) = region(keys()[0].public_key()).await;
    for reuse in REUSES {
        let host = edge(&url, &["--max-instance-reuse-count", reuse]).await;
        everybody_is_who_they_are(&host, reuse).await;
        let told = "SELECT count(*) FROM spin_key_value WHERE key LIKE 'token/%'";
        until("the instances tell each other of tokens", async || {
            store(&host).query_row(told, [], |row| row.get::<_, u32>(0)).unwrap() >= 4
        })
        .await;
        everybody_is_who_they_are(&host, reuse).await;
    }
}

#[tokio::test]
async fn who_can_write_the_store_signs_in_as_nobody_and_locks_nobody_out() {
    let (url, _region) = region(keys()[0].public_key()).await;
    let host = edge(&url, &["--max-instance-reuse-count", "1"]).await;
    everybody_is_who_they_are(&host, "before").await;
    let every_slot = "WITH RECURSIVE number(n) AS (
           SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 16383)
         INSERT OR REPLACE INTO spin_key_value
         SELECT 'default', 'token/' || n, (
           SELECT CAST(group_concat(value, '') AS BLOB) FROM spin_key_value WHERE key LIKE 'token/%') FROM number";
    assert_eq!(store(&host).execute(every_slot, []).unwrap(), 16_384);
    everybody_is_who_they_are(&host, "with everybody's seals in every slot").await;
}

#[tokio::test]
async fn everybody_signs_in_while_the_store_is_slow() {
    let (url, _region) = region(keys()[0].public_key()).await;
    for reuse in REUSES {
        let slow = ["--store-latency", "50ms", "--max-instance-reuse-count", reuse];
        everybody_is_who_they_are(&edge(&url, &slow).await, reuse).await;
    }
}

#[tokio::test]
async fn everybody_signs_in_while_the_store_hangs() {
    let (url, _region) = region(keys()[0].public_key()).await;
    for reuse in REUSES {
        let hanging = ["--store-latency", "3600s", "--max-instance-reuse-count", reuse];
        everybody_is_who_they_are(&edge(&url, &hanging).await, reuse).await;
    }
}

#[tokio::test]
async fn everybody_signs_in_while_the_store_is_dead() {
    let (url, _region) = region(keys()[0].public_key()).await;
    for reuse in REUSES {
        let host = edge(&url, &["--max-instance-reuse-count", reuse]).await;
        store(&host).execute_batch("DROP TABLE spin_key_value").unwrap();
        everybody_is_who_they_are(&host, reuse).await;
    }
}
