//! All in turn: a frame is taken, searched and aged before the next one. What is shown depends on the clock alone.

use super::eyes::{Aged, DemoFace, Eyes, EyesError, Look, Moment, Wish, Worker};
use crate::demo;
use crate::face::FaceFinder;
use crate::frames::FrameSource;
use crate::view::Inside;
use crate::visitor::{Tracker, Years};
use std::sync::Arc;
use std::time::Duration;

/// Camera, finder and generator in one thread.
pub struct Together {
    source: Box<dyn FrameSource>,
    tracker: Tracker,
    worker: Option<Worker>,
    aged: Aged,
    wish: Wish,
    inside: Option<(u64, Inside)>,
    demo: Vec<Option<Arc<DemoFace>>>,
}

impl Together {
    pub fn new(source: Box<dyn FrameSource>, finder: FaceFinder, worker: Option<Worker>) -> Self {
        let wish = Wish { age: shared::Decade::Tens.middle(), inside: false };
        Self {
            source,
            tracker: Tracker::new(finder),
            worker,
            aged: Aged::default(),
            wish,
            inside: None,
            demo: Vec::new(),
        }
    }

    /// Ages the visitor until the wished age can be shown, by one decade at least.
    fn age(&mut self, moment: &Moment) {
        let (Some(worker), Some(seen)) = (&mut self.worker, &moment.seen) else { return };
        let years = self.aged.of(seen.visitor);
        let work = (|| {
            for _ in 0..shared::decade::COUNT {
                let decade = years.wanted(self.wish.age);
                years.take(decade, &worker.age(moment, seen, decade)?);
                if years.can_show(self.wish.age) {
                    break;
                }
            }
            if self.wish.inside {
                self.inside = worker.look_inside(moment, seen, self.wish.age)?.map(|inside| (seen.visitor, inside));
            }
            Ok::<_, crate::mirror::MirrorError>(())
        })();
        if let Err(error) = work {
            tracing::warn!("This frame is not aged: {error}");
        }
    }
}

impl Eyes for Together {
    fn look(&mut self, now: Duration) -> Result<Look, EyesError> {
        let frame = match self.source.next(now) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(Look::End),
            Err(error) if error.is_passing() => return Ok(Look::Nothing { camera: false }),
            Err(error) => return Err(error.into()),
        };
        let seen = self.tracker.see(&frame)?;
        let moment = Moment { frame, seen };
        self.age(&moment);
        Ok(Look::Moment(moment))
    }

    fn want(&mut self, wish: Wish) {
        self.wish = wish;
    }

    fn with_years<T>(&mut self, visitor: u64, work: impl FnOnce(&Years) -> T) -> Option<T> {
        (self.aged.visitor == visitor).then(|| work(&self.aged.years))
    }

    fn inside(&mut self, visitor: u64, inside: &mut Inside) -> bool {
        let Some((whose, seen)) = &self.inside else { return false };
        if *whose != visitor {
            return false;
        }
        inside.clone_from(seen);
        true
    }

    fn demo(&mut self, number: usize) -> Option<Arc<DemoFace>> {
        let worker = self.worker.as_mut()?;
        let index = number.checked_rem(demo::VISITORS.len())?;
        while self.demo.len() <= index {
            let visitor = demo::VISITORS[self.demo.len()];
            let finder = self.tracker.finder();
            let face = visitor.read().ok().and_then(|picture| worker.demo(picture, finder).ok().flatten());
            self.demo.push(face.map(Arc::new));
        }
        self.demo[index].clone()
    }

    fn forget(&mut self) {
        self.aged = Aged::default();
        self.inside = None;
    }

    fn next_please(&mut self) {
        self.tracker.next_please();
    }

    fn has_generator(&self) -> bool {
        self.worker.is_some()
    }
}
