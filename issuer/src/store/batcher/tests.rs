use std::sync::Mutex;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

/// Answers each number with its double, when it may.
struct Store {
    /// The batches that came, by their lengths.
    batches: Mutex<Vec<usize>>,
    permits: Semaphore,
}

impl Store {
    fn with(permits: usize) -> Arc<Self> {
        Arc::new(Self { batches: Mutex::default(), permits: Semaphore::new(permits) })
    }

    fn batcher(self: &Arc<Self>) -> Batcher<usize, usize> {
        let store = Arc::clone(self);
        Batcher::start(move |numbers: Vec<usize>| {
            let store = Arc::clone(&store);
            async move {
                store.batches.lock().unwrap().push(numbers.len());
                store.permits.acquire().await.unwrap().forget();
                if numbers.contains(&usize::MAX) {
                    return Err(sqlx::Error::PoolClosed.into());
                }
                Ok(numbers.into_iter().map(|number| number * 2).collect())
            }
        })
    }

    fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }
}

/// Lets every other task run until it waits: the scheduler runs at least one for each time that this gives way.
async fn settle() {
    for _ in 0..2 * MAX_WAITING {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_that_come_during_a_write_share_the_next() {
    let store = Store::with(0);
    let batcher = store.batcher();
    let asked: Vec<_> = (0..MAX_BATCH + 10)
        .map(|number| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.ask(number).await })
        })
        .collect();
    settle().await;
    store.permits.add_permits(2);
    let answers = join_all(asked).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap().unwrap(), number * 2, "each gets its own answer");
    }
    let lengths = store.batches();
    assert_eq!((lengths.len(), lengths.iter().sum::<usize>()), (2, MAX_BATCH + 10), "{lengths:?}");
    assert!(lengths.iter().all(|length| *length <= MAX_BATCH), "{lengths:?}");
}

#[tokio::test]
async fn a_store_that_does_not_keep_up_is_busy_at_once() {
    let store = Store::with(0);
    let batcher = store.batcher();
    let first = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.ask(0).await }
    });
    settle().await;
    assert_eq!(store.batches(), [1], "under way");
    let waiting: Vec<_> = (0..MAX_WAITING)
        .map(|number| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.ask(number).await })
        })
        .collect();
    settle().await;
    assert!(matches!(batcher.ask(1).await, Err(BatchError::Busy)));
    store.permits.add_permits(1 + MAX_WAITING / MAX_BATCH);
    assert!(first.await.unwrap().is_ok());
    assert!(join_all(waiting).await.into_iter().all(|answer| answer.unwrap().is_ok()), "none is lost");
}

#[tokio::test]
async fn a_failure_is_told_to_all_of_the_batch_and_no_others() {
    let store = Store::with(2);
    let batcher = store.batcher();
    let asked = [1, usize::MAX].map(|number| batcher.ask(number));
    for answer in join_all(asked).await {
        assert!(matches!(answer, Err(BatchError::Store(_))), "{answer:?}");
    }
    assert_eq!(batcher.ask(2).await.unwrap(), 4);
}

#[tokio::test]
async fn whoever_waits_hears_when_the_task_is_gone() {
    let batcher: Batcher<(), ()> = Batcher::start(|_| async { panic!("the task ends here") });
    assert!(matches!(batcher.ask(()).await, Err(BatchError::Stopped)));
    assert!(matches!(batcher.ask(()).await, Err(BatchError::Stopped)));
}
