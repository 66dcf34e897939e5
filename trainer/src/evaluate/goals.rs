//! What a generator must reach to be shown. Measured numbers come in; each goal with what was found goes out.

use super::Evaluation;
use super::measures::Decades;
use super::measures::fairness::{Flag, UNFAIR};
use super::tables::number;
use serde::Serialize;

const GAP: f64 = 2.5;
const RISES: f64 = 0.98;
const RISES_EACH_STEP: f64 = 0.9;
const COSINE: f64 = 0.96;
const OWN_COSINE: f64 = 0.99;
const VERIFIED: f64 = 0.99;
const SHARPNESS: std::ops::RangeInclusive<f64> = 0.9..=1.2;
const OUTSIDE: f64 = 1.0;
/// Of two shifts of 68 points: clearly in the same direction.
const SAME_DIRECTION: f64 = 0.5;
const STEADY: f64 = 1.5;

/// One goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Goal {
    pub what: String,
    pub wanted: String,
    pub found: String,
    pub met: bool,
}

/// All goals that could be measured.
pub fn goals(evaluation: &Evaluation) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut goal =
        |what: String, wanted: String, found: String, met: bool| goals.push(Goal { what, wanted, found, met });
    for ages in &evaluation.ages {
        let largest = ages.gap.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        let met = ages.gap.iter().all(|gap| gap.abs() <= GAP);
        goal(
            format!("{}: mean judged age off real faces'", ages.judge),
            format!("at most {GAP} years"),
            format!("{largest:+.1}"),
            met,
        );
        goal(
            format!("{}: rises from 10s to 60s", ages.judge),
            format!("at least {}", percent(RISES)),
            percent(ages.rises),
            ages.rises >= RISES,
        );
        let step = least(&ages.rises_each_step);
        goal(
            format!("{}: rises at each step", ages.judge),
            format!("at least {}", percent(RISES_EACH_STEP)),
            percent(step),
            step >= RISES_EACH_STEP,
        );
    }
    if let Some(identity) = &evaluation.identity {
        let (cosine, verified) = (least(&identity.cosine), least(&identity.verified));
        goal(
            "identity: mean cosine in every decade".into(),
            format!("at least {COSINE}"),
            format!("{cosine:.3}"),
            cosine >= COSINE,
        );
        goal(
            "identity: verified in every decade".into(),
            format!("at least {}", percent(VERIFIED)),
            percent(verified),
            verified >= VERIFIED,
        );
        let own = identity.own_cosine;
        let changes_least = identity.cosine_by_step[1..].iter().all(|cosine| *cosine < own);
        goal(
            "identity: cosine of the own decade, which changes least".into(),
            format!("at least {OWN_COSINE}"),
            format!("{own:.3}"),
            own >= OWN_COSINE && changes_least,
        );
    }
    let energy = &evaluation.limits.energy;
    let wanted = format!("{} to {}", SHARPNESS.start(), SHARPNESS.end());
    goal(
        "sharpness inside the face over the source's".into(),
        wanted,
        range(energy),
        energy.iter().all(|v| SHARPNESS.contains(v)),
    );
    let outside = most(&evaluation.limits.outside);
    goal(
        "mean change outside the face".into(),
        format!("at most {OUTSIDE} of 255"),
        format!("{outside:.3}"),
        outside <= OUTSIDE,
    );
    if let Some(shape) = &evaluation.shape {
        let found = format!(
            "cosine {:.2}, {:.1} % against {:.1} % of the eye distance",
            shape.found.whole_cosine, shape.found.whole, shape.whole_real
        );
        goal(
            "shape moves as real decades do (10s to 60s)".into(),
            format!("cosine at least {SAME_DIRECTION}"),
            found,
            shape.found.whole_cosine >= SAME_DIRECTION,
        );
    }
    if !evaluation.realism.is_empty() {
        let closer = evaluation.realism.iter().filter(|row| row.aged < row.source).count();
        let all = evaluation.realism.len();
        goal(
            "aged faces closer to real ones of the decade than their sources".into(),
            format!("in {all} decades"),
            format!("in {closer}"),
            closer == all,
        );
    }
    let errors = || evaluation.groups.iter().flat_map(|group| group.errors.iter().map(move |error| (group, error)));
    let finite = errors().filter(|(_, error)| error.ratio.is_finite());
    if let Some((group, worst)) = finite.max_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio)) {
        let count = |flag: Flag| errors().filter(|(_, error)| error.flag == flag).count();
        let (worse, unsure) = (count(Flag::Worse), count(Flag::Unsure));
        let found = format!(
            "{worse} surely above, {unsure} perhaps by chance; most: {:.2} times ({}, {})",
            worst.ratio, group.name, worst.what
        );
        goal(
            "no gender or group's error above the mean of the groups".into(),
            format!("at most {UNFAIR} times"),
            found,
            worse + unsure == 0,
        );
    }
    let photographs = evaluation.steadiness.iter().map(|steadiness| (steadiness, ""));
    let mirror = evaluation.living.iter().map(|living| (&living.steadiness, ", as a mirror"));
    for (steadiness, how) in photographs.chain(mirror) {
        for judged in &steadiness.judged {
            goal(
                format!("{}: wavering of the judged age over {} frames{how}", judged.judge, steadiness.frames),
                format!("at most {STEADY} years"),
                format!("{:.2} ± {} (source {:.2})", judged.aged, number(judged.standard_error, 2), judged.source),
                judged.aged <= STEADY,
            );
        }
    }
    goals
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn range(values: &Decades) -> String {
    format!("{:.3} to {:.3}", least(values), most(values))
}
