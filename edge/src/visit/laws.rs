//! What holds in every visit, whoever comes, whatever is pressed.

use super::*;
use proptest::prelude::*;

const FRAME: Duration = Duration::from_millis(100);

/// A visit that is told of one frame after another.
struct Played {
    visit: Visit,
    now: Duration,
    stage: Option<Stage>,
}

impl Played {
    fn new(rules: Rules) -> Self {
        Self { visit: Visit::new(rules), now: Duration::ZERO, stage: None }
    }

    fn told(&mut self, change: impl FnOnce(&mut Told<'_>)) -> Stage {
        let mut told = Told {
            now: self.now,
            visitor: None,
            aged: true,
            nearest: Some(Decade::Forties),
            presses: &[],
            open: true,
            camera: true,
            generator: true,
        };
        change(&mut told);
        let stage = self.visit.step(&told);
        self.now += FRAME;
        self.stage = Some(stage);
        stage
    }

    /// So many seconds with a visitor who faces the mirror, or with nobody; the phases met, each once in a row.
    fn play(&mut self, seconds: f32, visitor: Option<u64>) -> Vec<Phase> {
        let mut phases: Vec<Phase> = Vec::new();
        for _ in 0..(seconds * 10.0) as usize {
            let phase = self.told(|told| told.visitor = visitor.map(|visitor| (visitor, 1.0))).phase;
            if phases.last().is_none_or(|last| std::mem::discriminant(last) != std::mem::discriminant(&phase)) {
                phases.push(phase);
            }
        }
        phases
    }

    fn press(&mut self, visitor: u64, button: Button) -> Stage {
        self.told(|told| {
            (told.visitor, told.presses) = (Some((visitor, 1.0)), std::slice::from_ref(Box::leak(Box::new(button))))
        })
    }

    fn phase(&self) -> Phase {
        self.stage.unwrap().phase
    }
}

fn all() -> Limit {
    Limit::ALL
}

#[test]
fn a_visit_that_runs_by_itself_goes_through_its_stages_and_greets_the_next_within_its_time() {
    let mut played = Played::new(Rules::default());
    assert_eq!(played.play(2.0, None), [Phase::Attract]);
    let begin = played.now;
    let phases = played.play(89.0, Some(1));
    let names: Vec<String> =
        phases.iter().map(|phase| format!("{phase:?}").split([' ', '{']).next().unwrap().into()).collect();
    assert_eq!(names, ["Ageing", "Strip", "Farewell", "Rest", "Ageing"], "{phases:?}");
    assert!(played.now - begin <= Duration::from_secs(90));
}

#[test]
fn the_first_aged_face_comes_at_once_and_a_sign_of_patience_if_not() {
    let mut played = Played::new(Rules::default());
    let slow = |played: &mut Played| played.told(|told| (told.visitor, told.aged) = (Some((1, 1.0)), false)).phase;
    assert_eq!(slow(&mut played), Phase::Found { waiting: false });
    for _ in 0..29 {
        slow(&mut played);
    }
    assert_eq!(slow(&mut played), Phase::Found { waiting: true });
    played.play(0.1, Some(1));
    assert_eq!(played.phase(), Phase::Ageing { held: false, limit: all() });
    played.play(0.5, Some(1));
    assert_eq!(played.stage.unwrap().strength, 1.0);
}

#[test]
fn who_leaves_ends_the_visit_and_a_new_face_begins_a_new_one() {
    let mut played = Played::new(Rules::default());
    played.play(15.0, Some(1));
    assert!(played.stage.unwrap().age > 50.0);
    played.play(2.0, None);
    assert_eq!(played.phase(), Phase::Turned, "a face that is lost is waited for");
    played.play(0.7, None);
    assert_eq!((played.phase(), played.stage.unwrap().visitor), (Phase::Rest, None));
    played.play(2.0, None);
    assert_eq!(played.phase(), Phase::Attract);
    played.play(5.0, Some(2));
    let stage = played.told(|told| told.visitor = Some((3, 1.0)));
    assert_eq!((stage.visitor, stage.strength), (Some(3), 0.0), "nothing of the last visitor stays");
    assert!(stage.age < 15.1);
}

#[test]
fn a_turned_head_stops_the_years_and_they_go_on_with_the_face() {
    let mut played = Played::new(Rules::default());
    played.play(5.0, Some(1));
    let turned = |played: &mut Played| played.told(|told| told.visitor = Some((1, 0.0)));
    let age = turned(&mut played).age;
    for _ in 0..20 {
        turned(&mut played);
    }
    let stage = played.stage.unwrap();
    assert_eq!((stage.phase, stage.age, stage.strength), (Phase::Turned, age, 0.0));
    played.play(1.0, Some(1));
    assert!(matches!(played.phase(), Phase::Ageing { .. }) && played.stage.unwrap().age > age);
    // For ever is too long.
    for _ in 0..310 {
        turned(&mut played);
    }
    assert!(matches!(played.phase(), Phase::Strip { .. } | Phase::Farewell));
}

#[test]
fn buttons_choose_an_age_and_time_out_with_a_countdown() {
    let mut played = Played::new(Rules::default());
    played.play(3.0, Some(1));
    for _ in 0..6 {
        played.press(1, Button::Older);
    }
    played.play(5.0, Some(1));
    assert!((played.stage.unwrap().age - 65.0).abs() < 0.1);
    assert_eq!(played.phase(), Phase::Ageing { held: true, limit: all() });
    assert_eq!(played.stage.unwrap().countdown, None);
    played.play(20.5, Some(1));
    assert!((1..=10).contains(&played.stage.unwrap().countdown.unwrap()));
    played.play(5.0, Some(1));
    assert_eq!(played.phase(), Phase::Strip { code: false });
    played.press(1, Button::TakeHome);
    assert_eq!(played.phase(), Phase::Strip { code: false }, "only where the museum allows it");
    assert!(played.press(1, Button::Done).over);
    assert_eq!(played.phase(), Phase::Farewell);
    assert!(!played.told(|told| told.visitor = Some((1, 1.0))).over, "said once");
}

#[test]
fn whoever_does_not_want_it_has_a_plain_mirror_until_they_leave() {
    let mut played = Played::new(Rules::default());
    played.play(3.0, Some(1));
    played.press(1, Button::OptOut);
    assert_eq!(played.play(200.0, Some(1)), [Phase::OptedOut]);
    assert_eq!(played.stage.unwrap().strength, 0.0);
    played.play(6.0, None);
    assert_eq!(played.phase(), Phase::Attract);
}

#[test]
fn children_get_the_gentle_range() {
    let child =
        |played: &mut Played| played.told(|told| (told.visitor, told.nearest) = (Some((1, 1.0)), Some(Decade::Tens)));
    let mut played = Played::new(Rules::default());
    let oldest = (0..300).map(|_| child(&mut played).age).fold(0.0, f32::max);
    assert!((34.0..=35.1).contains(&oldest), "{oldest}");
    for button in [Button::Older; 6] {
        played.press(1, button);
    }
    let mut full = Played::new(Rules { children: None, ..Rules::default() });
    let oldest = (0..300).map(|_| child(&mut full).age).fold(0.0, f32::max);
    assert!(oldest > 64.0, "{oldest}");
}

#[test]
fn closed_broken_and_dark_have_their_own_pages() {
    let mut played = Played::new(Rules::default());
    played.play(3.0, Some(1));
    assert_eq!(played.told(|told| (told.open, told.visitor) = (false, Some((1, 1.0)))).phase, Phase::Closed);
    let plain = played.told(|told| (told.generator, told.aged, told.visitor) = (false, false, Some((2, 1.0))));
    assert_eq!(plain.phase, Phase::Plain);
    for _ in 0..30 {
        played.told(|told| told.camera = false);
    }
    assert_eq!(played.phase(), Phase::NoCamera);
    played.play(4.0, None);
    assert_eq!(played.phase(), Phase::Attract);
}

#[test]
fn clocks_that_jump_by_hours_break_nothing() {
    for hours in [-5i64, 5] {
        let mut played = Played::new(Rules::default());
        played.now = Duration::from_secs(36_000);
        played.play(8.0, Some(1));
        played.now = Duration::from_secs((36_000 + hours * 3600) as u64);
        played.play(100.0, Some(1));
        played.play(8.0, None);
        assert_eq!(played.phase(), Phase::Attract, "{hours}");
        played.play(1.0, Some(2));
        assert!(matches!(played.phase(), Phase::Ageing { .. }), "{hours}");
    }
}

#[test]
fn the_look_inside_and_the_languages_are_a_button_away() {
    let mut played = Played::new(Rules { languages: 3, ..Rules::default() });
    played.play(2.0, Some(1));
    assert_eq!(played.press(1, Button::Inside).phase, Phase::Inside);
    assert_eq!(played.press(1, Button::Language).language, 1);
    assert!(matches!(played.press(1, Button::Inside).phase, Phase::Ageing { .. }));
    assert_eq!([played.press(1, Button::Language).language, played.press(1, Button::Language).language], [2, 0]);
}

fn buttons() -> impl Strategy<Value = Option<Button>> {
    use Button::*;
    proptest::option::weighted(
        0.1,
        proptest::sample::select(vec![Younger, Older, Hold, Language, OptOut, Inside, TakeHome, Done]),
    )
}

proptest! {
    #[test]
    fn whatever_happens_the_laws_hold(
        frames in proptest::collection::vec((0u64..4, 0.0f32..1.3, any::<bool>(), buttons(), 1u64..900), 1..400),
        take_home in any::<bool>(),
    ) {
        let mut visit = Visit::new(Rules { take_home, languages: 2, ..Rules::default() });
        let (mut now, mut since, mut whose) = (Duration::ZERO, Duration::ZERO, None);
        for (who, facing, aged, button, passed) in frames {
            now += Duration::from_millis(passed);
            let presses: Vec<Button> = button.into_iter().collect();
            let visitor = (who > 0).then_some((who.min(2), facing.min(1.0)));
            let told = Told { now, visitor, aged, nearest: None, presses: &presses, open: true, camera: true, generator: true };
            let stage = visit.step(&told);
            prop_assert!((0.0..=1.0).contains(&stage.strength) && (14.9..=65.1).contains(&stage.age));
            prop_assert!(stage.countdown.is_none_or(|seconds| seconds <= 10));
            prop_assert!(stage.language < 2);
            // Nobody's visit outlasts the longest, but who opted out and stays.
            if stage.visitor != whose {
                (whose, since) = (stage.visitor, now);
            }
            let lasted = now - since;
            let limited = whose.is_some() && stage.phase != Phase::OptedOut && !matches!(stage.phase, Phase::Found { .. });
            prop_assert!(!limited || lasted <= Duration::from_secs(90) + FAREWELL + Duration::from_secs(1), "{stage:?} {lasted:?}");
            if let Phase::Strip { code } = stage.phase {
                prop_assert!(take_home || !code);
            }
        }
    }
}
