//! A process together with the question that tells when it is ready.
//!
//! Redis, PostgreSQL, the emulator, each worker and the edge are all one of these; what is special
//! about each is in the module of its name. Invariant: after `start` or `restart` returns `Ok`, the
//! service has answered.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Result, bail};
use sqlx::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::limits;
use crate::ports::Port;
use crate::process::{Process, Spec, Stopped};

/// How to find out whether a service is ready.
#[derive(Clone, Debug)]
pub enum Probe {
    /// It answers `PONG`.
    Redis(SocketAddr),
    /// It accepts a connection to this database.
    Postgres(String),
    /// It answers a GET of this URL with success.
    HttpSuccess(String),
    /// It answers a GET of this URL with whatever status.
    HttpAnswer(String),
}

/// A service that can be started, stopped, killed, frozen and started again.
#[derive(Debug)]
pub struct Service {
    /// Its process; change `process.spec` to start it differently next time.
    pub process: Process,
    probe: Probe,
    port: Port,
    /// Another port that it listens on.
    _second: Option<Port>,
}

impl Service {
    /// A service that is not started yet.
    #[must_use]
    pub fn new(spec: Spec, probe: Probe, port: Port) -> Self {
        Self { process: Process::new(spec), probe, port, _second: None }
    }

    /// Keeps `port`, too, claimed as long as the service is there.
    #[must_use]
    pub fn holding(self, port: Port) -> Self {
        Self { _second: Some(port), ..self }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.process.spec.name
    }

    /// Where it listens: `127.0.0.1:<port>`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `http://127.0.0.1:<port>`, for those that speak HTTP.
    #[must_use]
    pub fn url(&self) -> String {
        self.port.url()
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or is not ready in time; the end of its log is part of the message.
    pub async fn start(&mut self) -> Result<()> {
        self.process.start()?;
        self.wait_ready().await
    }

    /// Waits until it is ready, such as after [`Service::resume`].
    ///
    /// # Errors
    /// When it ends instead, or is not ready in time.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.process.ended() {
                return Err(self.process.failure(&format!("ended while starting ({status})")));
            }
            let asked = tokio::time::timeout(limits::PROBE_TIMEOUT, self.probe.ask()).await;
            let answer = match asked {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "no answer".to_owned(),
            };
            if since.elapsed() > limits::READY_WITHIN {
                let seconds = limits::READY_WITHIN.as_secs();
                let what = format!("was not ready within {seconds} s (last seen: {answer})");
                return Err(self.process.failure(&what));
            }
            tokio::time::sleep(limits::PROBE_EVERY).await;
        }
    }

    /// Stops it in good order.
    ///
    /// # Errors
    /// When its end cannot be waited for.
    pub async fn stop(&mut self) -> Result<Stopped> {
        self.process.stop().await
    }

    /// Kills it at once. Start it again with [`Service::start`].
    ///
    /// # Errors
    /// When its end cannot be waited for.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await
    }

    /// Stops it in good order, starts it again on the same port and data, waits until it is ready.
    ///
    /// # Errors
    /// Those of [`Service::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.start().await
    }

    /// Freezes it: connections stay open and nothing answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.process.pause()
    }

    /// Lets it go on after [`Service::pause`].
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.process.resume()
    }
}

impl Probe {
    async fn ask(&self) -> Result<()> {
        match self {
            Self::Redis(address) => {
                let mut connection = TcpStream::connect(address).await?;
                connection.write_all(b"PING\r\n").await?;
                let mut answer = [0; 5];
                connection.read_exact(&mut answer).await?;
                if &answer != b"+PONG" {
                    bail!("it answers {:?}", String::from_utf8_lossy(&answer));
                }
            }
            Self::Postgres(url) => {
                sqlx::PgConnection::connect(url).await?.close().await?;
            }
            Self::HttpSuccess(url) => {
                reqwest::get(url).await?.error_for_status()?;
            }
            Self::HttpAnswer(url) => {
                reqwest::get(url).await?;
            }
        }
        Ok(())
    }
}
