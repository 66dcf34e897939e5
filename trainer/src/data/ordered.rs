//! Work in several threads whose results come out in the order of the work: the cache must not depend on who was faster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Does `work` on each of `items` in `threads` threads, each with its own tool, and hands the results to `take` on this thread
/// in the order of the items. Ends at the first error of `tool` or `take`.
pub fn in_order<T: Sync, W, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    tool: impl Fn() -> Result<W, E> + Sync,
    work: impl Fn(&mut W, &T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::sync_channel(4 * threads);
    let run = |sender: mpsc::SyncSender<Result<(usize, R), E>>| {
        let mut tool = match tool() {
            Ok(tool) => tool,
            Err(error) => return drop(sender.send(Err(error))),
        };
        while !stopped.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            if sender.send(Ok((index, work(&mut tool, item)))).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let sender = sender.clone();
            scope.spawn(|| run(sender));
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut turn = 0;
        let mut outcome = Ok(());
        // Dropping the receiver lets threads that wait to send go on, and end.
        for result in receiver {
            outcome = result.and_then(|(index, result)| {
                waiting.insert(index, result);
                while let Some(result) = waiting.remove(&turn) {
                    take(&items[turn], result)?;
                    turn += 1;
                }
                Ok(())
            });
            if outcome.is_err() {
                break;
            }
        }
        stopped.store(true, Ordering::Relaxed);
        outcome
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_work() {
        let items: Vec<u64> = (0..200).collect();
        let slow_at_first = |_: &mut (), &i: &u64| {
            thread::sleep(std::time::Duration::from_micros(400 - 2 * i));
            i * i
        };
        let mut taken = Vec::new();
        let take = |&i: &u64, square| {
            assert_eq!(i * i, square);
            taken.push(i);
            Ok::<_, ()>(())
        };
        in_order(&items, 4, || Ok(()), slow_at_first, take).unwrap();
        assert_eq!(taken, items);
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let items: Vec<u32> = (0..10_000).collect();
        let count = AtomicUsize::new(0);
        let work = |_: &mut (), &i: &u32| {
            count.fetch_add(1, Ordering::Relaxed);
            i
        };
        let take = |_: &u32, i| if i == 5 { Err("full") } else { Ok(()) };
        assert_eq!(in_order(&items, 3, || Ok(()), work, take), Err("full"));
        assert!(count.load(Ordering::Relaxed) < 100);
        assert_eq!(in_order(&items, 3, || Err::<(), _>("no tool"), |_, _| (), |_, _| Ok(())), Err("no tool"));
    }

    #[test]
    fn no_work_is_no_error() {
        assert_eq!(in_order(&[], 2, || Ok::<_, ()>(()), |_, _: &u8| (), |_, _| Ok(())), Ok(()));
    }
}
