//! The closed loop: some connections, each with its next request as soon as it has an answer. It finds
//! out what a bid costs and how many a core can take; for latencies it is the wrong tool.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::answers::Answers;
use crate::client::Connection;
use crate::limits::CONNECTIONS;
use crate::scenario::Requests;

/// What one run gave.
#[derive(Debug)]
pub struct Run {
    /// The answers, to the last.
    pub answers: Answers,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Connections opened, beyond the first of each.
    pub reopened: u64,
}

/// Sends `requests` to `address` for `length`, or until there are no more, or `count` are sent.
pub async fn run(
    address: SocketAddr,
    requests: &Requests<'_>,
    length: Duration,
    count: usize,
) -> Run {
    let answers = Answers::default();
    let began = Instant::now();
    let one = async || {
        let mut connection = Connection::new(address);
        while began.elapsed() < length && requests.sent() < count {
            let Some(request) = requests.next() else { break };
            let answer = connection.send(request).await;
            answers.note(&answer);
        }
        connection.opened().saturating_sub(1)
    };
    let reopened = join_all((0..CONNECTIONS).map(|_| one())).await.into_iter().sum();
    Run { answers, took: began.elapsed(), reopened }
}
