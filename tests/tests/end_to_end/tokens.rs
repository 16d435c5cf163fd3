//! Who gets in: only a Cognito access token of our pool and client, and what a flood of bad ones
//! may cost.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use gavel_local::{Options, Stack};
use gavel_tests::issuer::{claims, now};
use gavel_tests::{Client, Fault, Issuer, Proxy, WITHIN, eventually};
use serde_json::{Value, json};

/// The cool-down the edge is given here, in seconds.
const COOLDOWN_S: u64 = 3;

/// A stack whose edge fetches the pool's key set through a proxy that can add keys to it.
struct Gate {
    stack: Stack,
    edge: Client,
    keys: Proxy,
    added: Arc<Mutex<Vec<Value>>>,
}

/// How long the edge's instances live, and what follows from that.
struct Instances {
    args: [&'static str; 4],
    counts_in: &'static str,
    /// How many of forty requests at once come to different ones.
    at_once: usize,
}

/// One request each.
const SINGLE: Instances = Instances {
    args: ["--instances", "spin", "--max-instance-reuse-count", "1"],
    counts_in: "key-value",
    at_once: 40,
};

/// As in Spin: sixteen requests at a time, so three instances for forty, and those that follow on worn
/// ones.
const SPIN: Instances = Instances {
    args: ["--instances", "spin", "--max-instance-reuse-count", "128"],
    counts_in: "key-value",
    at_once: 6,
};

/// As deployed: one user comes to one of them.
const PER_CORE: Instances = Instances {
    args: ["--instances", "per-core", "--threads", "2"],
    counts_in: "memory",
    at_once: 1,
};

impl Gate {
    async fn start(instances: &Instances) -> Result<Self> {
        let keys = Proxy::start("http://127.0.0.1:1").await?;
        let mut options = Options::for_tests()?;
        options.edge_variables = vec![
            ("cognito_jwks_origin".to_owned(), keys.url.clone()),
            ("jwks_cooldown_s".to_owned(), COOLDOWN_S.to_string()),
            ("failed_auth_rate_per_s".to_owned(), "100000".to_owned()),
            ("failed_auth_burst".to_owned(), "100000".to_owned()),
            ("address_rate_per_s".to_owned(), "100000".to_owned()),
            ("address_burst".to_owned(), "100000".to_owned()),
            ("counts_in".to_owned(), instances.counts_in.to_owned()),
        ];
        options.edge_args = instances.args.map(str::to_owned).to_vec();
        let stack = Stack::start(options).await?;
        let pool = &stack.settings.user_pool_id;
        let url = format!("{}/{pool}/.well-known/jwks.json", stack.settings.aws_endpoint_url);
        let real: Value = reqwest::get(url).await?.json().await?;
        let added: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (extra, real) = (added.clone(), real);
        keys.rule(move |_| {
            let mut set = real.clone();
            if let (Some(keys), Ok(extra)) = (set["keys"].as_array_mut(), extra.lock()) {
                keys.extend(extra.iter().cloned());
            }
            Fault::Answer(200, set.to_string())
        });
        let edge = Client::new(&stack.settings.edge_url)?;
        Ok(Self { stack, edge, keys, added })
    }

    fn add_key(&self, issuer: &Issuer) {
        self.added.lock().expect("no test panics while it holds the lock").push(issuer.jwk());
    }

    /// The status of a request with this token, and its code.
    async fn knock(&self, token: &str) -> Result<(u16, String)> {
        let reply = self.edge.get("/v1/me/bids", token).await?;
        if reply.status == 401 {
            assert!(reply.header("www-authenticate").starts_with("Bearer"), "{reply:?}");
        }
        Ok((reply.status, reply.code().to_owned()))
    }

    async fn refused(&self, what: &str, token: &str) -> Result<()> {
        let answer = self.knock(token).await?;
        assert_eq!(answer, (401, "unauthenticated".to_owned()), "{what}");
        Ok(())
    }

    fn claims(&self) -> Value {
        let settings = &self.stack.settings;
        claims(&settings.issuer, &settings.app_client_id, "0192f00d-user")
    }
}

#[tokio::test]
async fn only_an_access_token_of_our_pool_and_client_gets_in() -> Result<()> {
    let gate = Gate::start(&PER_CORE).await?;
    let settings = gate.stack.settings.clone();
    let ours = Issuer::new("key-of-this-test")?;
    gate.add_key(&ours);

    let real = gate.stack.sign_in(&settings.bidder_1).await?;
    assert_eq!(gate.knock(&real.access).await?.0, 200, "a real one gets in");
    assert_eq!(gate.knock(&ours.sign(&gate.claims())?).await?.0, 200, "so does a good one of ours");

    gate.refused("none at all", "").await?;
    gate.refused("nonsense", "nonsense").await?;
    gate.refused("an id token", &real.id).await?;
    let other = gavel_local::provision::sign_in(
        &gate.stack.aws.cognito,
        &settings.other_app_client_id,
        &settings.bidder_1,
        &settings.password,
    )
    .await?;
    gate.refused("another client's access token", &other.access).await?;

    let spoilt = |change: Value| {
        let mut claims = gate.claims();
        if let (Some(claims), Value::Object(change)) = (claims.as_object_mut(), change) {
            claims.extend(change);
            claims.retain(|_, value| !value.is_null());
        }
        claims
    };
    for (what, change) in [
        ("expired", json!({"exp": now() - 60})),
        ("without expiry", json!({"exp": null})),
        ("not valid yet", json!({"nbf": now() + 600})),
        ("wrong pool", json!({"iss": settings.issuer.replace("us-east-1_", "us-east-1_x")})),
        ("no issuer", json!({"iss": null})),
        ("wrong client", json!({"client_id": "somebody-elses"})),
        (
            "an id token's audience instead",
            json!({"client_id": null, "aud": settings.app_client_id}),
        ),
        ("wrong use", json!({"token_use": "id"})),
        ("no use", json!({"token_use": null})),
        ("no subject", json!({"sub": null})),
    ] {
        gate.refused(what, &ours.sign(&spoilt(change))?).await?;
    }
    for alg in ["none", "None", "nOnE", "RS256", "HS256"] {
        gate.refused(alg, &ours.unsigned(alg, &gate.claims())).await?;
    }
    gate.refused("HS256 with the public key", &ours.sign_with_public_key(&gate.claims())?).await?;
    let mut altered = ours.sign(&gate.claims())?;
    altered.truncate(altered.len() - 4);
    gate.refused("a cut signature", &altered).await?;
    let (header, rest) = real.access.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged = ours.unsigned("RS256", &gate.claims());
    let payload = forged.split('.').nth(1).unwrap();
    gate.refused("other claims", &format!("{header}.{payload}.{signature}")).await?;
    gate.stack.stop().await
}

#[tokio::test]
async fn the_largest_token_of_cognito_gets_in_and_a_larger_one_is_told_so() -> Result<()> {
    let gate = Gate::start(&SPIN).await?;
    let ours = Issuer::new("key-of-this-test")?;
    gate.add_key(&ours);
    for letter in ["x", "\u{20000}"] {
        let mut claims = gate.claims();
        let groups: Vec<String> =
            (0..100).map(|n| format!("{n:02}{}", letter.repeat(126))).collect();
        claims["cognito:groups"] = json!(groups);
        let token = ours.sign(&claims)?;
        assert_eq!(gate.knock(&token).await?.0, 200, "{} bytes of {letter}", token.len());
    }
    let too_long = gate.edge.get("/v1/me/bids", &"x".repeat(80_000)).await?;
    assert_eq!((too_long.status, too_long.code()), (431, "headers-too-large"), "{too_long:?}");
    let detail = too_long.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("access token"), "{detail}");
    gate.stack.stop().await
}

#[tokio::test]
async fn a_flood_of_unknown_keys_fetches_the_key_set_once_a_cooldown_in_an_instance() -> Result<()>
{
    for instances in [SINGLE, SPIN, PER_CORE] {
        flood(&instances).await?;
    }
    Ok(())
}

async fn flood(instances: &Instances) -> Result<()> {
    let gate = Gate::start(instances).await?;
    let real = gate.stack.sign_in(&gate.stack.settings.bidder_1).await?;
    assert_eq!(gate.knock(&real.access).await?.0, 200);
    let stranger = Issuer::new("nobody-knows-this-key")?;
    let token = stranger.sign(&gate.claims())?;
    let fetched = || gate.keys.seen().len();

    // Once the cool-down of the last fetch is over, one more is made; from then on one in each cool-down,
    // however long all this takes here.
    let before = fetched();
    let knock = async || {
        let status = gate.knock(&token).await?.0;
        // While it cools down, nobody can tell whether the pool has the key by now.
        ensure!(matches!(status, 401 | 503), "{status}");
        Ok(fetched())
    };
    eventually("one more fetch", WITHIN, knock, |fetched| *fetched > before).await?;
    let (before, since) = (fetched(), Instant::now());
    for _ in 0..3 {
        let answers = try_join_all((0..40).map(|_| gate.knock(&token))).await?;
        assert!(answers.iter().all(|(status, _)| matches!(status, 401 | 503)), "{answers:?}");
    }
    let (more, cooldowns) = (fetched() - before, since.elapsed().as_secs() / COOLDOWN_S);
    let most = (usize::try_from(cooldowns)? + 1) * instances.at_once;
    assert!(more <= most, "{:?}: {more} fetches, not {most}", instances.args);
    assert_eq!(gate.knock(&real.access).await?.0, 200, "known keys are not affected");

    // The key is rotated in, and accepted after a cool-down.
    gate.add_key(&stranger);
    let knock = || gate.knock(&token);
    eventually("the new key", WITHIN, knock, |(status, _)| *status == 200).await?;

    // Cognito goes away: what is known keeps working, and what is not cannot be told from a new key.
    gate.keys.rule(|_| Fault::Answer(503, String::from("down")));
    let third = Issuer::new("third")?.sign(&gate.claims())?;
    let knock = || gate.knock(&third);
    let untold = |answer: &(u16, String)| *answer == (503, "unavailable".to_owned());
    eventually("no answer about a key", WITHIN, knock, untold).await?;
    assert_eq!(gate.knock(&token).await?.0, 200, "{:?}", instances.args);
    gate.stack.stop().await
}

#[tokio::test]
async fn a_request_straight_to_a_worker_is_refused() -> Result<()> {
    let world = gavel_tests::World::start().await?;
    let worker = Client::new(&world.stack.settings.workers_url)?;
    let auction = world.live_auction(json!({})).await?;
    let path = format!("/v1/auctions/{auction}/bids");
    let offer = json!({"amount": 100});
    let refused = worker.post(&path, &world.bidders[0].token, "a-key", &offer).await?;
    assert_eq!((refused.status, refused.code()), (401, "unauthenticated"), "{refused:?}");
    assert_eq!(worker.get("/v1/auctions", "").await?.status, 401);
    assert_eq!(worker.get("/healthz", "").await?.status, 200);

    assert_eq!(world.state(&auction).await?["bid_count"], 0);
    world.stack.stop().await
}
