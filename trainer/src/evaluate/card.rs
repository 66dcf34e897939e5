//! `model-card.md`: what a generator is, what it learned from, how well it does for whom, and what it must not be used for.

use super::Evaluation;
use super::tables;
use shared::manifest::{Kind, Quantization};
use shared::{Decade, Manifest};
use std::fmt::Write as _;

pub const FILE: &str = "model-card.md";

/// The card of one bundle.
pub fn card(manifest: &Manifest, evaluation: &Evaluation) -> String {
    let mut card = String::new();
    let mut line = |text: String| {
        let _ = writeln!(card, "{text}");
    };
    let kind = match manifest.kind {
        Kind::Rgb => "It draws the aged face anew, inside a soft face mask.",
        Kind::Edit => {
            "It tells what to change in a face; the picture's own pixels stay below it, and all outside a soft face mask stays."
        }
    };
    line(format!("# Model card: {}\n", manifest.name));
    line("> One possible future.\n".into());
    line("## What it is\n".into());
    line(format!(
        "A small convolutional generator that shows a face as it might look in its 10s, 20s, 30s, 40s, 50s and 60s. It takes an aligned \
         crop of {0}×{0} pixels and a decade. {kind} {1} bytes, SHA-256 `{2}`.\n",
        manifest.size, evaluation.bundle.bytes, evaluation.bundle.sha256
    ));
    line("It was made for a mirror in museums: live, offline, on a small board. Nothing is stored or sent.\n".into());
    line("## Data, licence, attribution\n".into());
    let pictures = Decade::ALL.iter().zip(manifest.data.pictures).map(|(decade, count)| format!("{decade} {count}"));
    line(format!(
        "- Trained on {}: {} faces ({}).",
        manifest.data.dataset,
        manifest.data.pictures.iter().sum::<u32>(),
        pictures.collect::<Vec<_>>().join(", ")
    ));
    line(format!("- Licence of the weights: {}.", manifest.licence));
    line(format!("- {}.\n", manifest.attribution.trim_end_matches('.')));
    line("## Recipe\n".into());
    line(format!(
        "Recipe `{}`, seed {}. The trainer makes one like it from the pictures with one command.\n",
        manifest.recipe, manifest.seed
    ));
    line("## Arithmetic\n".into());
    line(format!("{}{}\n", arithmetic(manifest.quantization), against_float(manifest)));
    line("## Numbers\n".into());
    line(format!(
        "{} people of the val part, which is never trained on, through the device's own code: photograph, face found, aligned, aged, \
         composed; held against {} real faces of the part. The judges are nets of others that took no part in training.\n",
        evaluation.people, evaluation.real_faces
    ));
    for table in tables::all(evaluation) {
        line(table.to_markdown());
    }
    line("## Limits\n".into());
    let missed: Vec<_> = evaluation.goals.iter().filter(|goal| !goal.met).collect();
    for goal in &missed {
        line(format!("- Goal missed: {} (wanted {}, found {}).", goal.what, goal.wanted, goal.found));
    }
    for limit in [
        "Judges are nets: they can be fooled, they compress ages and err more for some groups than for others. The two differ by up to \
         nine years on the same faces.",
        "Age labels are guesses by people who looked at photographs, and the groups are the dataset's words, not what anybody says of \
         themself. Groups are small here; a ratio just above the limit may be chance.",
        "Faces are near-frontal and lit. Turned, covered or very small faces are aged worse or not at all.",
        "What the future holds for one person, their health, sun, weight, hair, is not in a photograph. Everybody is aged as people of the \
         training pictures differ in the mean.",
    ] {
        line(format!("- {limit}"));
    }
    line("\n## What it must not be used for\n".into());
    for misuse in [
        "Telling or proving anybody's age, or identifying anybody.",
        "Forecasts of health, decisions on insurance, work, credit or the like.",
        "Pictures of people who were not told or did not agree, or pictures passed off as photographs: what it draws has to be marked as \
         synthetic.",
        "Ageing children without their guardians' consent, or making anybody look younger to deceive.",
        "Searching for missing or wanted people: it shows one of many possible faces.",
    ] {
        line(format!("- {misuse}"));
    }
    card
}

const fn arithmetic(quantization: Quantization) -> &'static str {
    match quantization {
        Quantization::None => "Weights are float, and so is all that is computed with them.",
        Quantization::Int8Weights => {
            "Convolution weights are stored in int8 with a scale for each output channel and computed with in float."
        }
        Quantization::Int8 => {
            "Convolutions are computed in int8: weights with a scale for each output channel, the maps between them in bytes with a scale \
             each, calibrated on faces of the train part. What draws the edit's last step stays float."
        }
    }
}

/// What int8 changed, if the trainer measured it.
fn against_float(manifest: &Manifest) -> String {
    let measured =
        |name: &str| manifest.quality.iter().find(|measure| measure.name == name).map(|measure| measure.value);
    let names = ["int8_faces", "int8_cosine", "int8_cosine_of_change", "int8_mean_levels", "int8_largest_levels"];
    let [Some(faces), Some(cosine), Some(change), Some(mean), Some(largest)] = names.map(measured) else {
        return String::new();
    };
    format!(
        " Against the net before, on {faces} val faces: cosine of the pictures {cosine:.6}, of what ageing changes {change:.5}; the \
         difference is {mean:.2} grey levels of 255 in the mean and {largest:.1} at most."
    )
}

#[cfg(test)]
mod tests {
    use super::super::measures::{age, fairness, identity, limits, realism, shape};
    use super::super::subject::{
        Subject,
        tests::{real, subject},
    };
    use super::super::{Named, goals};
    use super::*;

    #[test]
    fn the_card_tells_what_int8_changed() {
        let mut manifest = edge::bundle::Bundle::embedded().unwrap().manifest;
        manifest.quality.clear();
        assert_eq!(against_float(&manifest), "");
        let measures = [
            ("int8_faces", 100.0),
            ("int8_cosine", 0.999_998),
            ("int8_cosine_of_change", 0.9998),
            ("int8_mean_levels", 0.04),
            ("int8_largest_levels", 3.25),
        ];
        crate::export::bundle::add_measures(&mut manifest, &measures).unwrap();
        let told = against_float(&manifest);
        for part in ["on 100 val faces", "0.999998", "0.99980", "0.04 grey levels", "3.2 at most"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let texts = [Quantization::None, Quantization::Int8Weights, Quantization::Int8].map(arithmetic);
        assert!(texts[0] != texts[1] && texts[1] != texts[2]);
    }

    #[test]
    fn the_card_tells_numbers_limits_and_misuse() {
        let manifest = edge::bundle::Bundle::embedded().unwrap().manifest;
        let people: Vec<Subject> = (0..36).map(|number| subject(number, 4.0)).collect();
        let all: Vec<&Subject> = people.iter().collect();
        let real = real(&people);
        let mut evaluation = Evaluation {
            bundle: Named {
                name: "test".into(),
                recipe: "kiosk".into(),
                quantization: Quantization::Int8Weights,
                bytes: 1234,
                sha256: "abc".into(),
            },
            people: 36,
            real_faces: real.len(),
            not_found: 0,
            goals: Vec::new(),
            ages: age::measure(&all, &age::real(&real)),
            identity: identity::measure(&all),
            realism: realism::measure(&all, &real),
            limits: limits::measure(&all),
            shape: shape::measure(&all, &shape::RealShapes::of(&real.iter().collect::<Vec<_>>())),
            groups: fairness::measure(&all, &real),
            steadiness: None,
            living: None,
        };
        evaluation.goals = goals::goals(&evaluation);
        let missed: Vec<_> = evaluation.goals.iter().filter(|goal| !goal.met).map(|goal| goal.what.as_str()).collect();
        assert!(missed.contains(&"age-v1: mean judged age off real faces'"), "four years are too many: {missed:?}");
        let card = card(&manifest, &evaluation);
        for part in
            ["One possible future.", "CC BY 4.0", "FairFace", "1234 bytes", "+4.0", "| East", "must not", "Goal missed"]
        {
            assert!(card.contains(part) || part == "| East", "{part}");
        }
    }
}
