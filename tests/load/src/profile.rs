//! Where a peer's time goes: `perf` beside a closed loop, its samples by kind of work.
//!
//! A function counts for itself, without those it calls. Names say what kind of work it is; a host
//! without symbols, or a component without names, is one lump.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::limits::{PROFILE_FUNCTIONS, PROFILE_RATE_PER_S};
use crate::report::{table, tenths};

/// `perf` while it samples.
#[derive(Debug)]
pub struct Sampling {
    perf: Child,
    data: tempfile::TempPath,
}

impl Sampling {
    /// Samples the processes `ids` from now on.
    ///
    /// # Errors
    /// When `perf` is not installed.
    pub fn start(ids: &[u32]) -> Result<Self> {
        let data = tempfile::NamedTempFile::new().context("a file for samples")?.into_temp_path();
        let listed: Vec<String> = ids.iter().map(u32::to_string).collect();
        let mut perf = Command::new("perf");
        perf.args(["record", "--quiet", "--event", "cpu-clock", "--pid", &listed.join(",")]);
        perf.args(["--freq", &PROFILE_RATE_PER_S.to_string(), "--output"]).arg(&data);
        perf.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let perf = perf.spawn().context("perf is not installed: on Debian, `linux-perf`")?;
        Ok(Self { perf, data })
    }

    /// Ends it and reads what it saw.
    ///
    /// # Errors
    /// When it saw nothing.
    pub fn stop(mut self) -> Result<Profile> {
        if let Some(pid) = i32::try_from(self.perf.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::INT).ok();
        }
        self.perf.wait()?;
        let report = tempfile::NamedTempFile::new().context("a file for functions")?;
        let mut perf = Command::new("perf");
        perf.args(["report", "--stdio", "--no-children", "--fields", "sample,dso,sym"]);
        perf.args(["--field-separator", ";", "--input"]).arg(&self.data);
        perf.stdin(Stdio::null()).stdout(File::create(report.path())?).stderr(Stdio::null());
        perf.status().context("running perf report")?;
        Profile::read(report.path())
    }
}

/// Samples by kind of work and by function.
#[derive(Debug, Serialize)]
pub struct Profile {
    samples: u64,
    kinds: BTreeMap<&'static str, u64>,
    functions: Vec<(u64, &'static str, String)>,
}

impl Profile {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).context("reading what perf says")?;
        Self::of(&String::from_utf8_lossy(&text))
    }

    /// Out of `perf report`: samples, file and function of each line, between semicolons.
    fn of(report: &str) -> Result<Self> {
        let mut profile = Self { samples: 0, kinds: BTreeMap::new(), functions: Vec::new() };
        for line in report.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.splitn(3, ';').map(str::trim);
            let (Some(samples), Some(file), Some(function)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Ok(samples) = samples.parse::<u64>() else { continue };
            let kind = kind(file, function);
            profile.samples += samples;
            *profile.kinds.entry(kind).or_default() += samples;
            profile.functions.push((samples, kind, function.to_owned()));
        }
        if profile.samples == 0 {
            bail!("perf saw nothing: /proc/sys/kernel/perf_event_paranoid may forbid it");
        }
        profile.functions.sort_unstable_by(|a, b| b.cmp(a));
        profile.functions.truncate(PROFILE_FUNCTIONS);
        Ok(profile)
    }

    /// The tables; `cpu_ns_per_bid` is what the samples are shares of.
    #[must_use]
    pub fn tables(&self, cpu_ns_per_bid: u64) -> String {
        let share = |samples: u64| tenths(samples * 1_000 / self.samples);
        let us = |samples: u64| tenths(samples * (cpu_ns_per_bid / 100) / self.samples);
        let mut kinds: Vec<_> =
            self.kinds.iter().map(|(kind, samples)| (*samples, *kind)).collect();
        kinds.sort_unstable_by(|a, b| b.cmp(a));
        let kinds: Vec<Vec<String>> = kinds
            .into_iter()
            .map(|(samples, kind)| {
                vec![kind.to_owned(), share(samples), us(samples), String::new()]
            })
            .collect();
        let functions: Vec<Vec<String>> = self
            .functions
            .iter()
            .map(|(samples, kind, function)| {
                let function = function.chars().take(FUNCTION_CHARS).collect();
                vec![(*kind).to_owned(), share(*samples), us(*samples), function]
            })
            .collect();
        let heads = ["work", "%", "µs/bid", ""];
        format!(
            "{}\n{}",
            table(&heads, &kinds),
            table(&["work", "%", "µs/bid", "function"], &functions)
        )
    }
}

/// So that a line fits a wide terminal.
const FUNCTION_CHARS: usize = 110;

/// Kinds of work in the host and in its guest. The first counts of which a function's name holds a word.
const KINDS: [(&str, &str, &[&str]); 8] = [
    (
        "backtraces",
        "guest: backtraces",
        &["_Unwind", "gimli", "addr2line", "backtrace", "_dl_find_object", "_dl_iterate"],
    ),
    ("store", "guest: store", &["sqlite", "key_value", "pager", "btree"]),
    (
        "tokens",
        "guest: tokens and hashes",
        &["jwt_simple", "rsa::", "num_bigint", "base64", "auth::", "sha2", "hmac", "siphash"],
    ),
    ("JSON", "guest: JSON", &["serde_json", "wire::"]),
    (
        "memory",
        "guest: memory",
        &[
            "malloc", "free", "calloc", "realloc", "memcpy", "memmove", "memset", "memcmp",
            "alloc::",
        ],
    ),
    ("running Wasm", "guest: talking to the host", &["wasmtime", "cabi_", "wit_bindgen", "wasip3"]),
    ("HTTP", "guest: HTTP", &["hyper", "http::", "http_body", "httparse", "bytes::", "HeaderMap"]),
    (
        "tasks and timers",
        "guest: tasks and timers",
        &["tokio", "futures", "mio::", "parking_lot", "pthread", "clock_gettime", "epoll"],
    ),
];

fn kind(file: &str, function: &str) -> &'static str {
    if function.starts_with("[k]") {
        return "kernel";
    }
    let named = KINDS.iter().find(|(_, _, words)| words.iter().any(|word| function.contains(word)));
    // Compiled code has no file of its own.
    let marks = ["perf-", "JIT", "anon", "unknown", "memfd"];
    match (named, marks.iter().any(|mark| file.contains(mark))) {
        (Some((_, guest, _)), true) => guest,
        (Some((host, _, _)), false) => host,
        (None, true) => "guest: the rest",
        (None, false) => "the rest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_added_up_by_kind_of_work() {
        let report = "# a heading\n\n  60;[kernel.kallsyms];[k] tcp_sendmsg\n\
                      30;gavel-host;[.] hyper::proto::h1::dispatch\n5;libc.so.6;[.] malloc\n\
                      4;//anon;[.] 0x00007f\n1;gavel-host;[.] gavel_host::respond\nx;y\n\
                      2;perf-7.map;[.] dlmalloc\n";
        let profile = Profile::of(report).unwrap();
        let kinds: Vec<_> = profile.kinds.into_iter().collect();
        let expected = [
            ("HTTP", 30),
            ("guest: memory", 2),
            ("guest: the rest", 4),
            ("kernel", 60),
            ("memory", 5),
            ("the rest", 1),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn shares_are_told_in_time_of_a_bid() {
        let profile = Profile::of("3;a;[k] x\n1;b;[.] malloc\n").unwrap();
        let tables = profile.tables(80_000);
        assert!(tables.contains("| kernel | 75.0 |   60.0 |"), "{tables}");
        assert!(tables.contains("| memory | 25.0 |   20.0 |"), "{tables}");
    }

    #[test]
    fn nothing_seen_is_said() {
        assert!(Profile::of("# nothing\n").unwrap_err().to_string().contains("saw nothing"));
    }
}
