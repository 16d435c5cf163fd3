//! How exactly a limit counts: volleys of requests at once, and how many were let through against what
//! the quota allows in that time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde::Serialize;

use crate::answers::Answers;
use crate::client::Connection;
use crate::limits::{
    BURST_SLOW, BURST_TIGHT, CONNECTIONS, RATE_TIGHT, VOLLEY, VOLLEY_EACH, VOLLEY_EVERY,
};
use crate::scenario::{Requests, Scenario};
use crate::tokens::{Token, Tokens};

/// What a limit let through.
#[derive(Debug, Clone, Serialize)]
pub struct Counted {
    /// Which peer.
    pub peer: &'static str,
    /// Users that sent.
    pub keys: usize,
    /// Milliseconds from the first request to the last answer.
    pub took_ms: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Those let through.
    pub admitted: u64,
    /// Those that the quota allows in that time.
    pub quota: u64,
    /// What makes the figures doubtful; empty where nothing does.
    pub notes: Vec<String>,
}

/// One user sends [`VOLLEY`] requests at once, again and again for `length`.
pub async fn one_key(
    peer: &'static str,
    address: SocketAddr,
    tokens: &Tokens,
    length: Duration,
) -> Counted {
    let requests = Requests::new(Scenario::TooFast, tokens, &address.to_string());
    let answers = Answers::default();
    let mut connections: Vec<Connection> = Vec::new();
    connections.resize_with(VOLLEY, || Connection::new(address));
    let began = Instant::now();
    let mut next = began;
    while began.elapsed() < length {
        tokio::time::sleep_until(next.into()).await;
        next += VOLLEY_EVERY;
        let one = async |connection: &mut Connection| {
            if let Some(request) = requests.next() {
                answers.note(&connection.send(request).await);
            }
        };
        join_all(connections.iter_mut().map(one)).await;
    }
    let took = began.elapsed();
    // The bucket is full at the first request.
    let quota = BURST_TIGHT + whole(took.as_millis()) * RATE_TIGHT / 1_000;
    counted(peer, 1, took, &answers, quota)
}

/// Each of `users` sends [`VOLLEY_EACH`] requests at once, once, with limits of one a second.
pub async fn many_keys(
    peer: &'static str,
    address: SocketAddr,
    tokens: &Tokens,
    users: &[Token],
) -> Counted {
    let requests = Requests::new(Scenario::TooFast, tokens, &address.to_string());
    let answers = Answers::default();
    let began = Instant::now();
    let groups = CONNECTIONS / VOLLEY_EACH;
    let group = async |number: usize| {
        let mut connections: Vec<Connection> = Vec::new();
        connections.resize_with(VOLLEY_EACH, || Connection::new(address));
        for user in users.iter().skip(number).step_by(groups) {
            let one = async |connection: &mut Connection| {
                answers.note(&connection.send(requests.of(user)).await);
            };
            join_all(connections.iter_mut().map(one)).await;
        }
    };
    join_all((0..groups).map(group)).await;
    let quota = BURST_SLOW * whole(users.len() as u128);
    counted(peer, users.len(), began.elapsed(), &answers, quota)
}

fn counted(
    peer: &'static str,
    keys: usize,
    took: Duration,
    answers: &Answers,
    quota: u64,
) -> Counted {
    let admitted = answers.with(201);
    let notes = answers.doubts(admitted + answers.with(429));
    let (took_ms, answered) = (whole(took.as_millis()), answers.count());
    Counted { peer, keys, took_ms, answered, admitted, quota, notes }
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
