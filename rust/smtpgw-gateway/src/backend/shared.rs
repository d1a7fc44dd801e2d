//! Work that many want at the same time and that one of them does for all.
//!
//! Whoever comes while the work is under way waits for it and takes its outcome, good or bad; whoever comes later has
//! it done anew. If the one who does it goes away in the middle, the next in the queue does it. How long it may take is
//! the work's own affair, and so is the longest wait.

use std::future::Future;

use parking_lot::Mutex as Short;
use tokio::sync::Mutex;

/// The last outcome, and who may have it.
#[derive(Debug)]
pub(super) struct Shared<T> {
    /// Held by the one who works.
    working: Mutex<()>,
    /// How often the work was done, and what came of it last.
    last: Short<(u64, Option<T>)>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { working: Mutex::default(), last: Short::new((0, None)) }
    }
}

impl<T: Clone> Shared<T> {
    /// Does `work`, or waits for whoever is at it.
    pub(super) async fn run<F: Future<Output = T>>(&self, work: impl FnOnce() -> F) -> T {
        let before = self.last.lock().0;
        let working = self.working.lock().await;
        {
            let last = self.last.lock();
            if let (now, Some(outcome)) = &*last
                && *now != before
            {
                return outcome.clone();
            }
        }
        let outcome = work().await;
        {
            let mut last = self.last.lock();
            *last = (last.0.wrapping_add(1), Some(outcome.clone()));
        }
        drop(working);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::world::{Instant, sleep, timeout};

    #[tokio::test(start_paused = true)]
    async fn many_who_come_at_once_have_it_done_once() {
        let (shared, done) = (Arc::new(Shared::default()), Arc::new(AtomicU32::new(0)));
        let work = |done: Arc<AtomicU32>| async move {
            sleep(Duration::from_secs(10)).await;
            Err::<(), u32>(done.fetch_add(1, Ordering::Relaxed))
        };
        let begun = Instant::now();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (shared, done) = (Arc::clone(&shared), Arc::clone(&done));
                tokio::spawn(async move { shared.run(|| work(done)).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.ok(), Some(Err(0)), "a failure is everybody's, too");
        }
        assert_eq!((done.load(Ordering::Relaxed), begun.elapsed()), (1, Duration::from_secs(10)));
        assert_eq!(shared.run(|| work(Arc::clone(&done))).await, Err(1), "afterwards it is done anew");
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_goes_away_leaves_it_to_the_next() {
        let shared = Arc::new(Shared::default());
        let other = Arc::clone(&shared);
        let waiter = tokio::spawn(async move {
            sleep(Duration::from_secs(1)).await;
            other.run(|| async { 2 }).await
        });
        assert!(timeout(Duration::from_secs(5), shared.run(std::future::pending::<i32>)).await.is_err());
        assert_eq!(waiter.await.ok(), Some(2));
    }
}
