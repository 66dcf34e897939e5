//! After its start the main loop takes no memory: what it draws with was there before. Counted by the allocator itself.

use edge::bundle::Bundle;
use edge::clock::{ByHand, Clock};
use edge::frames::FrameSource;
use edge::kiosk::{Cut, Kiosk, Make, Options, TakeHome, Threads, Worker};
use edge::screen::Memory;
use edge::visit::{Phase, Rules};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::soak::camera::{Camera, Script, cast};

/// The system's allocator, counting what the thread that asks for it takes.
struct Counting;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.with(|taken| taken.set(taken.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        TAKEN.with(|taken| taken.set(taken.get() + 1));
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn taken() -> u64 {
    TAKEN.with(Cell::get)
}

#[test]
fn the_counter_counts() {
    let before = taken();
    let kept = std::hint::black_box(vec![1u8; 100]);
    assert_eq!(taken(), before + 1);
    drop(kept);
}

#[test]
fn a_frame_of_the_main_loop_takes_no_memory() {
    let start = Instant::now();
    let (cast, script) = (cast(), Arc::new(Script::default()));
    let source: Make<Box<dyn FrameSource>> =
        Box::new(move || Ok(Box::new(Camera::new(cast.clone(), script.clone()).held())));
    let bundle = Bundle::embedded().unwrap();
    let worker: Make<Worker> = Box::new(move || Worker::of(&bundle, 1));
    let eyes = Threads::start(start, source, Some(worker), Arc::default()).unwrap();
    let languages = edge::texts::embedded().unwrap();
    let options = Options {
        cut: Cut::Portrait,
        width_mm: None,
        buttons: true,
        open: Box::new(|| true),
        languages,
        take_home: TakeHome::Off,
    };
    let mut screen = Memory::new(640, 360);
    // One visit that does nothing but age.
    let rules =
        Rules { longest: Duration::from_secs(600), strip: false, sweep: Duration::from_secs(8), ..Rules::default() };
    let mut kiosk = Kiosk::new(eyes, Vec::new(), rules, options, &screen, Arc::default());
    let mut clock = ByHand::default();
    let (mut warm, mut counted, mut worst) = (0, 0, 0);
    let mut turn = 0;
    // The first rise and fall of the ages fills buffers and sets type; what comes after takes nothing.
    while counted < 150 && turn < 5000 {
        turn += 1;
        let before = taken();
        assert!(kiosk.turn(&mut screen, &mut clock).unwrap());
        let by_this = taken() - before;
        clock.wait_until(clock.now() + Duration::from_millis(100));
        match kiosk.phase() {
            Phase::Ageing { .. } if warm < 200 => warm += 1,
            Phase::Ageing { .. } => {
                counted += 1;
                worst = worst.max(by_this);
            }
            _ => {}
        }
    }
    assert_eq!(counted, 150, "pictures of ageing");
    assert_eq!(worst, 0, "allocations in the worst picture");
}
