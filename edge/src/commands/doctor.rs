//! `edge doctor`: what was found, what is missing and what to do, in plain words.

mod devices;
mod machine;

use super::{assemble, load};
use crate::demo;
use crate::face::FaceFinder;
use crate::lettering::Typesetter;
use crate::settings::{self, Loaded, Settings, SettingsError};
use crate::texts::{self, Language, TextsError};
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings file, in place of the one that the mirror finds by itself
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of a generator bundle, in place of the one that the settings name
    #[arg(long, value_name = "BUNDLE")]
    model: Option<PathBuf>,
}

/// One line of the diagnosis.
#[derive(Debug, PartialEq)]
enum Finding {
    Good(String),
    /// The mirror runs, but without something.
    Note(String),
    /// The mirror cannot do its work, or not as it was told.
    Bad(String),
}

/// Prints the diagnosis; gives whether the mirror can do its work.
pub fn run(args: &Args) -> bool {
    let file = settings::find(args.config.as_deref());
    let folder = assemble::language_folder(file.as_ref().ok().and_then(Option::as_deref));
    let known = folder.map_or_else(texts::embedded, |folder| texts::with_folder(&folder));
    let codes: Vec<&str> = known.iter().flatten().map(|language| &*language.code).collect();
    let codes = if codes.is_empty() { settings::LANGUAGES.to_vec() } else { codes };
    let (settings, found) = settings_file(file.map(|file| settings::check(file.as_deref(), &codes)));
    let bundle = args.model.as_deref().or(settings.model.bundle.as_deref());
    let findings = [
        ("Settings", found),
        ("Camera", devices::cameras(&settings.camera)),
        ("Display", devices::displays(&settings.screen)),
        ("Input", devices::inputs(Path::new("/sys/class/input"))),
        ("Rights", devices::rights(Path::new("/dev"), &settings.input)),
        ("Languages", languages(&known, &settings.visit)),
        ("Generator", generator(bundle)),
        ("Faces", faces()),
        ("Heat", machine::heat(settings.service.hottest)),
        ("Memory", machine::memory(Path::new("/proc/meminfo"))),
        ("Clock", machine::clock(&settings.hours)),
        ("Service", machine::service(&settings.service.health)),
    ];
    print!("{}", text(&findings));
    !findings.iter().any(|(_, finding)| matches!(finding, Finding::Bad(_)))
}

fn text(findings: &[(&str, Finding)]) -> String {
    let mut text = String::new();
    for (subject, finding) in findings {
        let (mark, words) = match finding {
            Finding::Good(words) => ("ok    ", words),
            Finding::Note(words) => ("note  ", words),
            Finding::Bad(words) => ("broken", words),
        };
        let _ = writeln!(text, "{mark}  {subject:<10} {words}");
    }
    text
}

/// The settings to go on with, and what is to be said of their file.
fn settings_file(loaded: Result<Loaded, SettingsError>) -> (Settings, Finding) {
    match loaded {
        Err(error) => (Settings::default(), Finding::Bad(error.to_string())),
        Ok(Loaded { settings, warning: Some(error), .. }) => {
            let words = format!("{error}. Until then the mirror runs on the last good settings, or without this one.");
            (settings, Finding::Bad(words))
        }
        Ok(Loaded { settings, file: Some(file), .. }) => {
            let words = format!("{} is read without an error.", file.display());
            (settings, Finding::Good(words))
        }
        Ok(Loaded { settings, file: None, .. }) => {
            let words =
                "No kiosk.toml found: everything is automatic. To change that, put one on the card's first partition.";
            (settings, Finding::Good(words.into()))
        }
    }
}

/// Whether the typefaces have every letter of the languages that are spoken.
fn languages(known: &Result<Vec<Language>, TextsError>, visit: &settings::Visit) -> Finding {
    let known = match known {
        Ok(known) => known,
        Err(error) => return Finding::Bad(format!("{error}. Until then only the mirror's own languages are spoken.")),
    };
    let mut typesetter = Typesetter::new();
    let (mut names, mut flaws) = (Vec::new(), Vec::new());
    for language in known.iter().filter(|language| visit.languages.contains(&language.code)) {
        let own = visit.invitation.get(&language.code).map(String::as_str).unwrap_or_default();
        match typesetter.covers(&(language.all() + own)) {
            Ok(()) => names.push(&*language.name),
            Err(letters) => {
                flaws.push(format!("{}: no typeface here has {}", language.name, String::from_iter(letters)))
            }
        }
    }
    match flaws.is_empty() {
        true => Finding::Good(format!("{}.", names.join(", "))),
        false => {
            Finding::Note(format!("{}; these letters are drawn as boxes, so write them otherwise.", flaws.join("; ")))
        }
    }
}

fn generator(folder: Option<&Path>) -> Finding {
    match load(folder) {
        Ok((bundle, _)) => {
            let manifest = &bundle.manifest;
            let hash = bundle.hash().get(..12).unwrap_or_default();
            Finding::Good(format!(
                "Bundle `{}` ({1}×{1} pixels, {hash}…) is whole and runs.",
                manifest.name, manifest.size
            ))
        }
        Err(error) => Finding::Bad(format!("Refused, so that the mirror would not age anybody: {error}")),
    }
}

fn faces() -> Finding {
    let mut finder = match FaceFinder::embedded() {
        Ok(finder) => finder,
        Err(error) => return Finding::Bad(format!("The face finder does not start: {error}")),
    };
    let Some(visitor) = demo::VISITORS.first() else {
        return Finding::Note("The face finder starts; there is no demo visitor to try it on.".into());
    };
    let found = visitor.read().map_err(|error| error.to_string());
    match found.and_then(|picture| finder.find(&picture).map_err(|error| error.to_string())) {
        Ok(faces) if faces.is_empty() => Finding::Bad(format!("No face found in the demo visitor `{}`.", visitor.name)),
        Ok(faces) => Finding::Good(format!(
            "Found the demo visitor `{}` with {:.0} % certainty.",
            visitor.name,
            faces[0].score * 100.0
        )),
        Err(error) => Finding::Bad(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_bundle_is_what_breaks_the_mirror() {
        assert!(matches!(generator(None), Finding::Good(_)));
        assert!(matches!(generator(Some(Path::new("no/such/folder"))), Finding::Bad(_)));
        let report = text(&[("Camera", Finding::Note("none".into())), ("Generator", Finding::Bad("gone".into()))]);
        assert_eq!(report, "note    Camera     none\nbroken  Generator  gone\n");
    }

    #[test]
    fn faces_can_be_looked_for_on_any_machine() {
        assert!(!matches!(faces(), Finding::Bad(_)));
    }

    #[test]
    fn letters_that_no_typeface_has_are_named() {
        let (known, mut visit) = (texts::embedded(), settings::Visit::default());
        assert!(matches!(languages(&known, &visit), Finding::Good(words) if words.contains("English, Deutsch")));
        visit.invitation.insert("en".into(), "Come \u{16A0}".into());
        assert!(matches!(languages(&known, &visit), Finding::Note(words) if words.contains("has \u{16A0}")));
        let broken = texts::with_folder(Path::new("no/such/folder"));
        assert!(matches!(languages(&broken, &visit), Finding::Bad(_)));
    }

    #[test]
    fn a_mistake_in_the_settings_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kiosk.toml");
        let finding = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let (settings, bytes) = (Settings::default(), std::fs::read(&file).unwrap());
            let warning = Settings::read(&file, &bytes, &settings::LANGUAGES).err();
            settings_file(Ok(Loaded { settings, file: Some(file.clone()), warning })).1
        };
        assert!(matches!(finding("[screen]\nrotation = 90\n"), Finding::Good(words) if words.contains("kiosk.toml")));
        let wrong = finding("[screen]\nrotation = 91\n");
        assert!(matches!(wrong, Finding::Bad(words) if words.contains("line 2") && words.contains("90, 180 or 270")));
        let missing = settings::find(Some(Path::new("no/such.toml")));
        assert!(matches!(settings_file(missing.map(|_| unreachable!())).1, Finding::Bad(_)));
    }
}
