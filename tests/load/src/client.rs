//! One keep-alive connection that sends bids, one at a time.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::limits::ANSWER_WITHIN;

/// The connection; opened when it is needed, and again where the other side closed it.
pub struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
    driver: JoinSet<()>,
    opened: u64,
}

impl Connection {
    /// Not open yet.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, sender: None, driver: JoinSet::new(), opened: 0 }
    }

    /// How often it was opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Sends a request and reads the answer to its end; gives its status.
    ///
    /// # Errors
    /// When there is no whole answer. A request that may have arrived is never sent twice.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<u16> {
        let answer = tokio::time::timeout(ANSWER_WITHIN, self.exchange(request)).await;
        let answer = answer.context("no answer in time").and_then(|answer| answer);
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<u16> {
        let response = match self.ready().await?.try_send_request(request).await {
            Ok(response) => response,
            // Closed before anything was written.
            Err(mut error) => match error.take_message() {
                Some(request) => {
                    self.sender = None;
                    self.ready().await?.send_request(request).await?
                }
                None => return Err(error.into_error().into()),
            },
        };
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.context("an answer that broke off")?;
        }
        Ok(status)
    }

    async fn ready(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.address).await.context("connecting")?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            self.driver.shutdown().await;
            self.driver.spawn_local(async move { drop(connection.await) });
            self.opened += 1;
            self.sender = Some(sender);
        }
        self.sender.as_mut().context("a connection was just opened")
    }
}
