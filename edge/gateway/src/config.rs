//! The configuration: Spin variables, read whole, every error reported at once.
//!
//! The defaults are in `spin.toml`. Nothing else configures the gateway, and nothing here is read
//! again while an instance lives.

use std::collections::HashMap;

use gavel_core::ids::RegionCode;

use crate::limit::gcra::Quota;
use crate::limits::{
    EDGE_KEY_LEN_MIN, FORWARD_TIMEOUT_MS_MAX, FORWARD_TIMEOUT_MS_MIN, JWKS_COOLDOWN_S_MAX,
    RATE_MAX, REGIONS_MAX, WORKERS_MAX,
};

/// Every variable the gateway reads: `spin.toml` passes each on under its own name.
pub const VARIABLES: &[&str] = &[
    "regions",
    "cognito_region",
    "cognito_user_pool_id",
    "cognito_app_client_ids",
    "cognito_jwks_origin",
    "cognito_issuer",
    "jwks_cooldown_s",
    "edge_key",
    "user_rate_per_s",
    "user_burst",
    "address_rate_per_s",
    "address_burst",
    "failed_auth_rate_per_s",
    "failed_auth_burst",
    "counts_in",
    "forward_timeout_ms",
];

/// Reads every variable through `get`, which answers `None` for one that is not set. One that cannot
/// be read now fails the whole with its name: taken for unset, it would change what is configured.
pub async fn read<E>(
    get: impl AsyncFn(&'static str) -> Result<Option<String>, E>,
) -> Result<HashMap<&'static str, String>, (&'static str, E)> {
    let mut values = HashMap::new();
    for &name in VARIABLES {
        if let Some(value) = get(name).await.map_err(|error| (name, error))? {
            values.insert(name, value);
        }
    }
    Ok(values)
}

/// The configuration of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// At least one; the first is home to what has no region of its own.
    pub regions: Vec<Region>,
    /// Whose tokens are accepted.
    pub cognito: Cognito,
    /// Where the pool's keys are fetched: scheme and authority.
    pub jwks_origin: String,
    /// Least time between fetches of the key set that unknown key ids cause, in seconds.
    pub jwks_cooldown_s: u64,
    /// Signs assertions.
    pub edge_key: Secret,
    /// Changes per user.
    pub user_quota: Quota,
    /// Requests per client address.
    pub address_quota: Quota,
    /// Failed sign-ins per client address.
    pub failed_auth_quota: Quota,
    /// Where requests are counted.
    pub counts_in: CountsIn,
    /// How long a region may take, in milliseconds.
    pub forward_timeout_ms: u64,
}

/// A region and its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The code in its auction ids.
    pub code: RegionCode,
    /// Scheme and authority of each of its workers, or of what balances between them: at least one.
    pub origins: Vec<String>,
}

/// What a token must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cognito {
    /// The pool's id.
    pub pool: String,
    /// The `iss`.
    pub issuer: String,
    /// The `client_id`s accepted.
    pub client_ids: Vec<String>,
}

/// Bytes that are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes, for use.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Where the limiters' counts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountsIn {
    /// In the instance: it lives long, and no user's requests come to another one.
    Memory,
    /// In the key-value store as well: instances are many or short-lived.
    KeyValue,
}

/// A variable that cannot be used. Never holds its value: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("variable {variable}{} {reason}", in_list(*entry))]
pub struct ConfigError {
    /// Its name.
    pub variable: &'static str,
    /// Which entry of a list is at fault, counted from 1.
    pub entry: Option<usize>,
    /// What is wrong with it.
    pub reason: &'static str,
}

fn in_list(entry: Option<usize>) -> String {
    entry.map(|number| format!(", entry {number},")).unwrap_or_default()
}

impl Config {
    /// Reads the variables through `get`, which answers `None` for one that is not set.
    pub fn parse(get: impl Fn(&'static str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader { get, errors: Vec::new() };
        let regions = reader.regions();
        let cognito = reader.cognito();
        let jwks_origin = reader.origin("cognito_jwks_origin");
        let jwks_cooldown_s = reader.whole("jwks_cooldown_s", 1, JWKS_COOLDOWN_S_MAX);
        // Byte for byte, blanks too: the workers do not trim theirs either.
        let edge_key = (reader.get)("edge_key").unwrap_or_default();
        if edge_key.len() < EDGE_KEY_LEN_MIN {
            reader.fault("edge_key", "must have at least 32 characters");
        }
        let user_quota = reader.quota("user_rate_per_s", "user_burst");
        let address_quota = reader.quota("address_rate_per_s", "address_burst");
        let failed_auth_quota = reader.quota("failed_auth_rate_per_s", "failed_auth_burst");
        let counts_in = reader.counts_in();
        let forward_timeout_ms =
            reader.whole("forward_timeout_ms", FORWARD_TIMEOUT_MS_MIN, FORWARD_TIMEOUT_MS_MAX);
        if !reader.errors.is_empty() {
            return Err(reader.errors);
        }
        Ok(Self {
            regions,
            cognito,
            jwks_origin,
            jwks_cooldown_s,
            edge_key: Secret(edge_key.into_bytes()),
            user_quota,
            address_quota,
            failed_auth_quota,
            counts_in,
            forward_timeout_ms,
        })
    }

    /// The region with this code, or the home region.
    #[must_use]
    pub fn region(&self, code: Option<&str>) -> Option<&Region> {
        match code {
            Some(code) => self.regions.iter().find(|region| region.code.as_str() == code),
            None => self.regions.first(),
        }
    }

    /// Where the pool's keys are.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/{}/.well-known/jwks.json", self.jwks_origin, self.cognito.pool)
    }
}

/// Reads variables and collects what is wrong; a value at fault becomes a placeholder.
struct Reader<G> {
    get: G,
    errors: Vec<ConfigError>,
}

impl<G: Fn(&'static str) -> Option<String>> Reader<G> {
    fn fault(&mut self, variable: &'static str, reason: &'static str) {
        self.errors.push(ConfigError { variable, entry: None, reason });
    }

    fn optional(&self, name: &'static str) -> String {
        (self.get)(name).unwrap_or_default().trim().to_owned()
    }

    fn text(&mut self, name: &'static str) -> String {
        let text = self.optional(name);
        if text.is_empty() {
            self.fault(name, "is required");
        }
        text
    }

    fn whole(&mut self, name: &'static str, least: u64, most: u64) -> u64 {
        match self.optional(name).parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.fault(name, "must be a whole number within its bounds");
                least
            }
        }
    }

    fn quota(&mut self, rate: &'static str, burst: &'static str) -> Quota {
        Quota::new(self.whole(rate, 1, RATE_MAX), self.whole(burst, 1, RATE_MAX))
    }

    fn counts_in(&mut self) -> CountsIn {
        match self.optional("counts_in").as_str() {
            "memory" => CountsIn::Memory,
            "key-value" => CountsIn::KeyValue,
            _ => {
                self.fault("counts_in", "must be memory or key-value");
                CountsIn::KeyValue
            }
        }
    }

    fn origin(&mut self, name: &'static str) -> String {
        let text = self.text(name);
        if text.is_empty() {
            return text;
        }
        origin(&text).unwrap_or_else(|reason| {
            self.fault(name, reason);
            String::new()
        })
    }

    /// `code=url url, code=url`: at least one, the first is home to what has no region of its own.
    fn regions(&mut self) -> Vec<Region> {
        let list = self.optional("regions");
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let mut regions: Vec<Region> = Vec::new();
        let mut count = 0;
        for entry in entries {
            count += 1;
            match region(entry) {
                Ok(new) if regions.iter().any(|other| other.code == new.code) => {
                    self.entry_fault(count, "has the code of another region");
                }
                Ok(new) => regions.push(new),
                Err(reason) => self.entry_fault(count, reason),
            }
        }
        match count {
            0 => self.fault("regions", "must name at least one region, as code=url"),
            1..=REGIONS_MAX => {}
            _ => self.fault("regions", "names more regions than a gateway may have"),
        }
        regions
    }

    fn entry_fault(&mut self, entry: usize, reason: &'static str) {
        self.errors.push(ConfigError { variable: "regions", entry: Some(entry), reason });
    }

    fn cognito(&mut self) -> Cognito {
        let region = self.text("cognito_region");
        let pool = self.text("cognito_user_pool_id");
        if !pool.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            self.fault("cognito_user_pool_id", "may have letters, digits, '-' and '_' only");
        }
        let client_ids: Vec<String> = self
            .optional("cognito_app_client_ids")
            .split(',')
            .map(|id| id.trim().to_owned())
            .filter(|id| !id.is_empty())
            .collect();
        if client_ids.is_empty() {
            self.fault("cognito_app_client_ids", "must name at least one app client");
        }
        let issuer = match self.optional("cognito_issuer") {
            own if !own.is_empty() => own,
            _ => format!("https://cognito-idp.{region}.amazonaws.com/{pool}"),
        };
        Cognito { pool, issuer, client_ids }
    }
}

/// Reads `code=url url`.
fn region(entry: &str) -> Result<Region, &'static str> {
    let (code, urls) = entry.split_once('=').ok_or("must be code=url")?;
    let code = RegionCode::parse(code.trim())
        .map_err(|_| "must begin with a code of 2 to 8 lower-case letters and digits")?;
    let mut origins = Vec::new();
    for url in urls.split_ascii_whitespace() {
        let origin = origin(url)?;
        if origins.contains(&origin) {
            return Err("names a worker twice");
        }
        origins.push(origin);
    }
    match origins.len() {
        0 => Err("needs http:// or https:// with a host and nothing after the port"),
        1..=WORKERS_MAX => Ok(Region { code, origins }),
        _ => Err("names more workers than a region may have"),
    }
}

/// Scheme and authority only: anything more would be dropped in silence when a path is added.
fn origin(url: &str) -> Result<String, &'static str> {
    let origin = url.strip_suffix('/').unwrap_or(url);
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let clean = |text: &str| {
        let after_host = text.rsplit(']').next().unwrap_or_default();
        let parsed = text.parse::<http::uri::Authority>();
        !text.contains(['/', '@', '?', '#'])
            && parsed.is_ok_and(|authority| {
                !authority.host().is_empty()
                    && after_host.contains(':') == authority.port_u16().is_some()
            })
    };
    if !authority.is_some_and(clean) {
        return Err("needs http:// or https:// with a host and nothing after the port");
    }
    Ok(origin.to_owned())
}

#[cfg(test)]
mod tests;
