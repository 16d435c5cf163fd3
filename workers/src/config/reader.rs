//! Reading settings, each from a text: what kinds there are, and what is said of a value that is none.

use std::collections::BTreeMap;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use super::SETTINGS;
use crate::limits::{KEY_CHARS_MIN, VIDEO_POOL_MAX};

/// The settings of one TOML text, as texts.
pub(super) fn settings(
    text: &str,
    origin: &str,
    faults: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let table: toml::Table = match toml::from_str(text) {
        Ok(table) => table,
        Err(error) => {
            faults.push(format!("{origin}: {}", error.message()));
            return BTreeMap::new();
        }
    };
    let mut values = BTreeMap::new();
    for (name, value) in table {
        if !SETTINGS.iter().any(|(known, _)| *known == name) {
            faults.push(format!("{origin}: `{name}` is not a setting"));
            continue;
        }
        match value {
            toml::Value::String(text) => values.insert(name, text),
            toml::Value::Integer(number) => values.insert(name, number.to_string()),
            toml::Value::Boolean(flag) => values.insert(name, flag.to_string()),
            _ => {
                faults.push(format!("{origin}: `{name}` must be a text, a number or a flag"));
                None
            }
        };
    }
    values
}

/// The values there are, and what is wrong with them so far.
pub(super) struct Reader {
    pub(super) values: BTreeMap<String, String>,
    pub(super) faults: Vec<String>,
}

impl Reader {
    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        self.checked(name, what, |text| text.parse().ok())
    }

    /// A setting that may be left out; `read` is asked only if it is there.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        let there = self.values.get(name).is_some_and(|text| !text.is_empty());
        if there { read(self, name) } else { None }
    }

    /// A web address, without the slash at its end.
    pub(super) fn web_url(&mut self, name: &str) -> Option<String> {
        let url = self.url(name, &["http://", "https://"])?;
        Some(url.expose_secret().trim_end_matches('/').to_owned())
    }

    pub(super) fn arn(&mut self, name: &str) -> Option<String> {
        self.checked(name, "an ARN", |text| text.starts_with("arn:").then(|| text.to_owned()))
    }

    pub(super) fn pool(&mut self, name: &str) -> Option<u32> {
        self.checked(name, "a number from 0 to 100", |text| {
            text.parse().ok().filter(|channels| *channels <= VIDEO_POOL_MAX)
        })
    }

    pub(super) fn url(&mut self, name: &str, schemes: &[&str]) -> Option<SecretString> {
        self.checked(name, &format!("a URL that begins with {}", schemes.join(" or ")), |text| {
            let known = schemes.iter().any(|scheme| text.starts_with(scheme));
            known.then(|| SecretString::from(text))
        })
    }

    /// One URL, or of a cluster several with commas between them; all with TLS or none.
    pub(super) fn redis_urls(&mut self, cluster: bool) -> Option<SecretString> {
        let what = match cluster {
            true => {
                "URLs with commas between them that all begin with redis:// or all with rediss://"
            }
            false => "one URL that begins with redis:// or rediss://",
        };
        self.checked("redis_url", what, |text| {
            let all = |scheme| text.split(',').all(|url| url.trim().starts_with(scheme));
            let known = all("redis://") || all("rediss://");
            (known && (cluster || !text.contains(','))).then(|| SecretString::from(text))
        })
    }

    pub(super) fn key(&mut self, name: &str) -> Option<SecretString> {
        let what = format!("at least {KEY_CHARS_MIN} characters");
        self.checked(name, &what, |text| {
            (text.len() >= KEY_CHARS_MIN).then(|| SecretString::from(text))
        })
    }

    /// Reads one setting; the fault never repeats the value, which may be secret.
    pub(super) fn checked<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let variable = SETTINGS.iter().find(|(known, _)| *known == name).map_or("", |row| row.1);
        let Some(text) = self.values.get(name).filter(|text| !text.is_empty()) else {
            self.faults.push(format!("`{name}` is required: set {variable} to {what}"));
            return None;
        };
        let value = read(text);
        if value.is_none() {
            self.faults.push(format!("`{name}` ({variable}) must be {what}"));
        }
        value
    }
}
