//! TCP ports: free ones for tests, fixed ones for `make up`.
//!
//! A free port is taken from outside the kernel's own range, so no outgoing connection can grab it,
//! and is held by a lock file, so two test processes never choose the same one between choosing and
//! listening. Both hold until the last clone of the [`Port`] is dropped.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

/// The ports to choose from: below the kernel's range for outgoing connections (from 32,768), above
/// the ones that services are known for.
const FREE: std::ops::Range<u16> = 20_000..32_000;

/// A port on 127.0.0.1 that is this process's to use.
#[derive(Clone, Debug)]
pub struct Port {
    number: u16,
    /// Holds the claim on a free port; a fixed one needs none.
    _claim: Option<Arc<File>>,
}

impl Port {
    /// The port somebody asked for.
    #[must_use]
    pub fn fixed(number: u16) -> Self {
        Self { number, _claim: None }
    }

    /// A port that nobody listens on and that no other stack has claimed.
    ///
    /// # Errors
    /// When all 12,000 are taken, or the folder of claims cannot be made.
    pub fn free() -> Result<Self> {
        let user = rustix::process::getuid().as_raw();
        let claims = std::env::temp_dir().join(format!("gavel-ports-{user}"));
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&claims);
        made.with_context(|| format!("making {}", claims.display()))?;
        // Start somewhere else in each process, so that claims rarely meet.
        let offset = uuid::Uuid::new_v4().as_u128() % u128::from(FREE.end - FREE.start);
        let offset = u16::try_from(offset).expect("a remainder of 12,000 fits in 16 bits");
        for step in 0..(FREE.end - FREE.start) {
            let number = FREE.start + (offset + step) % (FREE.end - FREE.start);
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).mode(0o600);
            let Ok(claim) = options.open(claims.join(number.to_string())) else { continue };
            if claim.try_lock().is_ok() && is_free(number) {
                return Ok(Self { number, _claim: Some(Arc::new(claim)) });
            }
        }
        bail!("no free TCP port between {} and {}", FREE.start, FREE.end)
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:<number>`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }

    /// `http://127.0.0.1:<number>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

/// Whether nobody listens on this port of 127.0.0.1 (nor on all addresses).
#[must_use]
pub fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_free_ports_differ_although_nobody_listens_yet() {
        let ports: Vec<Port> = (0..50).map(|_| Port::free().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
    }

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let port = Port::free().unwrap();
        assert!(is_free(port.number()));
        let listener = TcpListener::bind(port.address()).unwrap();
        assert!(!is_free(port.number()));
        drop(listener);
    }
}
