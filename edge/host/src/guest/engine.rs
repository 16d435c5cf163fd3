//! The Wasmtime engine: pooled instances, and a clock that interrupts busy guests.
//!
//! Components are compiled at start, and only once: what was compiled is kept in a folder. The
//! invariant: no guest can hold a thread of the host for longer than [`EPOCH_TICK`] at a stretch.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    ProfilingStrategy,
};

use crate::limits::{
    CORE_INSTANCES_PER_INSTANCE_MAX, EPOCH_TICK, INSTANCE_MEMORY_BYTES_MAX,
    INSTANCE_MEMORY_RESIDENT_BYTES, INSTANCES_MAX, STACKS_MAX,
};

/// Makes the engine all components run on. What it compiles is kept in `cache_dir`, and taken from there
/// as it is: nobody else may write to it. With `perf_map` it names what it compiles in
/// `/tmp/perf-PID.map`, where `perf` looks.
///
/// # Errors
/// If the machine cannot reserve the address space of the pool, or the folder cannot be made.
pub fn engine(cache_dir: &Path, perf_map: bool) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_core_instances(INSTANCES_MAX * CORE_INSTANCES_PER_INSTANCE_MAX)
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX * CORE_INSTANCES_PER_INSTANCE_MAX)
        .total_stacks(STACKS_MAX)
        .max_memory_size(INSTANCE_MEMORY_BYTES_MAX)
        .linear_memory_keep_resident(INSTANCE_MEMORY_RESIDENT_BYTES);
    let mut cache = CacheConfig::new();
    // It must not depend on where a process stands.
    cache.with_directory(std::path::absolute(cache_dir)?);
    let mut config = Config::new();
    config.cache(Some(Cache::new(cache)?));
    if perf_map {
        config.profiler(ProfilingStrategy::PerfMap);
    }
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// A thread that moves the engine's epoch on every [`EPOCH_TICK`], until dropped.
#[derive(Debug)]
pub struct EpochClock {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl EpochClock {
    /// Starts the clock of `engine`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(engine: Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("epoch".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(EPOCH_TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread only sleeps and counts; it has nothing to report.
            drop(thread.join());
        }
    }
}
