//! Logs and metrics: JSON lines on standard error, Prometheus text on request.
//!
//! Log messages are constant; values are fields. Secrets never become fields.

use std::time::Duration;

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Upper ends of the buckets of anything in seconds: what is good, up to what a request may take.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 7.0];
/// Of the jobs in a batch: up to the most there can be.
const JOBS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Starts logging. `filter` is in the syntax of `RUST_LOG`, such as `info,gavel_workers=debug`.
pub fn start_logs(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.init(),
    }
}

/// Starts counting. The handle renders what was counted; it must be given to [`keep_up`], too.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(BuildError::from)?;
    Ok(handle)
}

/// Sorts samples into their buckets until `stop`, also where nobody ever asks for the metrics: until then
/// each of them is kept.
pub(crate) async fn keep_up(handle: PrometheusHandle, every: Duration, stop: CancellationToken) {
    while tokio::time::timeout(every, stop.cancelled()).await.is_err() {
        handle.run_upkeep();
    }
}

/// Histograms are counts in fixed buckets, which can be added up over workers; quantiles cannot.
fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let jobs = Matcher::Full("gavel_ledger_batch_jobs".to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS)?
        .set_buckets_for_metric(jobs, &JOBS)?;
    Ok(builder.build_recorder())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::METRICS_UPKEEP;

    /// Samples of one histogram: kept one by one they would take twice [`GROWTH_BYTES_MAX`].
    const SAMPLES: u32 = 4_000_000;
    const GROWTH_BYTES_MAX: u64 = 32_000_000;

    /// Bytes of this process in memory; each test is a process of its own.
    fn resident_bytes() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn samples_that_nobody_asks_for_do_not_pile_up() {
        let (recorder, stop) = (recorder().unwrap(), CancellationToken::new());
        let every = METRICS_UPKEEP / 1_000;
        let keeping = keep_up(recorder.handle(), every, stop.clone());
        let mut keeper = tokio::task::JoinSet::new();
        keeper.spawn(keeping);
        let before = resident_bytes();
        for _ in 0..SAMPLES / 10_000 {
            metrics::with_local_recorder(&recorder, || {
                let samples = metrics::histogram!("gavel_api_request_seconds");
                (0..10_000).for_each(|_| samples.record(0.003));
            });
            tokio::time::sleep(every / 2).await;
        }
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
        stop.cancel();
        keeper.join_all().await;
    }

    #[test]
    fn histograms_are_counted_in_buckets_that_can_be_added_up() {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("gavel_api_request_seconds").record(0.003);
            metrics::histogram!("gavel_ledger_batch_jobs").record(3_u32);
        });
        let text = recorder.handle().render();
        for line in [
            "gavel_api_request_seconds_bucket{le=\"0.0025\"} 0\n",
            "gavel_api_request_seconds_bucket{le=\"0.005\"} 1\n",
            "gavel_ledger_batch_jobs_bucket{le=\"2\"} 0\n",
            "gavel_ledger_batch_jobs_bucket{le=\"4\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("quantile"), "{text}");
    }
}
