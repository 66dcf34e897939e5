//! `edge doctor`: what was found, what is missing and what to do, in plain words.

use super::load;
use crate::demo;
use crate::face::FaceFinder;
use std::fmt::Write;
use std::path::Path;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a generator bundle, in place of the one inside this program
    #[arg(long, value_name = "BUNDLE")]
    model: Option<std::path::PathBuf>,
}

/// One line of the diagnosis.
#[derive(Debug, PartialEq)]
enum Finding {
    Good(String),
    /// The mirror runs without it.
    Missing(String),
    /// The mirror cannot do its work.
    Bad(String),
}

/// Prints the diagnosis; gives whether the mirror can do its work.
pub fn run(args: &Args) -> bool {
    let findings = [
        ("Camera", cameras()),
        ("Display", displays(Path::new("/dev/dri"))),
        ("Generator", generator(args.model.as_deref())),
        ("Faces", faces()),
    ];
    print!("{}", text(&findings));
    !findings.iter().any(|(_, finding)| matches!(finding, Finding::Bad(_)))
}

fn text(findings: &[(&str, Finding)]) -> String {
    let mut text = String::new();
    for (subject, finding) in findings {
        let (mark, words) = match finding {
            Finding::Good(words) => ("ok     ", words),
            Finding::Missing(words) => ("missing", words),
            Finding::Bad(words) => ("broken ", words),
        };
        let _ = writeln!(text, "{mark}  {subject:<10} {words}");
    }
    text
}

fn cameras() -> Finding {
    let nodes = v4l::context::enum_devices();
    // Asking for the name of a node without a number panics.
    let numbered = nodes.iter().filter(|node| node.path().to_string_lossy().ends_with(|c: char| c.is_ascii_digit()));
    let mut names: Vec<String> = numbered
        .map(|node| format!("{} ({})", node.name().unwrap_or("no name".into()), node.path().display()))
        .collect();
    names.sort();
    if names.is_empty() {
        return Finding::Missing(
            "No camera found; plug in a USB camera. Until then the demo visitors are shown.".into(),
        );
    }
    Finding::Good(format!("{}. This version does not use cameras yet: it shows the demo visitors.", names.join(", ")))
}

fn displays(folder: &Path) -> Finding {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut cards: Vec<String> = names.filter(|name| name.starts_with("card")).collect();
    cards.sort();
    if cards.is_empty() {
        let advice = "No display found; connect one and enable KMS. Until then pictures are written to a folder.";
        return Finding::Missing(advice.into());
    }
    let names = cards.join(", ");
    Finding::Good(format!("{names}. This version does not use displays yet: it writes pictures to a folder."))
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
        return Finding::Missing("The face finder starts; there is no demo visitor to try it on.".into());
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
    fn displays_are_counted_by_their_cards() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(displays(folder.path()), Finding::Missing(_)));
        for name in ["card1", "card0", "renderD128"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        assert!(matches!(displays(folder.path()), Finding::Good(words) if words.starts_with("card0, card1.")));
    }

    #[test]
    fn a_refused_bundle_is_what_breaks_the_mirror() {
        assert!(matches!(generator(None), Finding::Good(_)));
        assert!(matches!(generator(Some(Path::new("no/such/folder"))), Finding::Bad(_)));
        let report = text(&[("Camera", Finding::Missing("none".into())), ("Generator", Finding::Bad("gone".into()))]);
        assert_eq!(report, "missing  Camera     none\nbroken   Generator  gone\n");
    }

    #[test]
    fn cameras_and_faces_can_be_looked_for_on_any_machine() {
        assert!(!matches!(cameras(), Finding::Bad(_)));
        assert!(!matches!(faces(), Finding::Bad(_)));
    }
}
