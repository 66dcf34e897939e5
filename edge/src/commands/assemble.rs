//! Settings become the parts of a kiosk.

use crate::frames::camera::{self, CameraSettings};
use crate::input::{Devices, Gpio, GpioSettings, Input, Keys};
use crate::kiosk::{Options, TakeHome};
use crate::screen::KmsSettings;
use crate::service::HealthFile;
use crate::settings::{self, Children, Device, Settings};
use crate::takehome::PrintFolder;
use crate::texts::{self, Language, TextsError};
use crate::visit::Rules;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The wall's clock is looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// A museum's own languages lie in a folder of this name beside the settings file.
const LANGUAGES: &str = "languages";

/// The settings of a real camera.
pub fn camera(settings: &settings::Camera) -> CameraSettings {
    CameraSettings {
        device: match &settings.device {
            Device::Path(path) => camera::Device::Path(path.clone()),
            Device::Auto | Device::Stills(_) => camera::Device::Auto,
        },
        size: settings.size,
        format: settings.format,
        rate: settings.rate,
        mirror: settings.mirror,
        rotation: settings.rotation,
        flicker: settings.flicker,
        exposure: settings.exposure.map(|time| camera::Exposure::Micros(time.as_micros() as u32)),
    }
}

/// The settings of a display.
pub fn display(settings: &settings::Screen, card: Option<&Path>) -> KmsSettings {
    KmsSettings {
        card: card.map(Path::to_owned),
        connector: settings.connector.clone(),
        mode: settings.mode.map(|mode| (mode.width, mode.height, mode.hertz)),
        rotation: settings.rotation,
    }
}

/// The rules of the visit.
pub fn rules(settings: &Settings) -> Rules {
    let visit = &settings.visit;
    Rules {
        sweep: visit.sweep,
        longest: visit.longest,
        patience: visit.patience,
        children: (visit.children == Children::Gentle).then_some(visit.oldest_for_children),
        strip: visit.strip,
        inside: visit.look_inside,
        take_home: settings.take_home != settings::TakeHome::Off,
        languages: visit.languages.len(),
    }
}

/// The folder of a museum's own languages, where there is one.
pub fn language_folder(settings_file: Option<&Path>) -> Option<PathBuf> {
    settings_file.and_then(Path::parent).map(|folder| folder.join(LANGUAGES)).filter(|folder| folder.is_dir())
}

/// All that there are, with those in the folder beside the settings file. A folder that cannot be used is said, and left out.
pub fn languages(settings_file: Option<&Path>) -> Result<Vec<Language>, TextsError> {
    match language_folder(settings_file).map(|folder| texts::with_folder(&folder)) {
        Some(Err(error)) => {
            tracing::warn!("{error}; only the mirror's own languages are spoken");
            texts::embedded()
        }
        Some(languages) => languages,
        None => texts::embedded(),
    }
}

/// What else the museum decides. `languages` are all that there are.
pub fn options(settings: &Settings, languages: &[Language]) -> Result<Options, TextsError> {
    let mut chosen = texts::chosen(languages, &settings.visit.languages)?;
    // An invitation may be there for a language that is not chosen.
    let mut invitations = settings.visit.invitation.clone();
    invitations.retain(|code, _| settings.visit.languages.contains(code));
    texts::invite(&mut chosen, &invitations)?;
    let hours = settings.hours.clone();
    let mut looked: Option<(Instant, bool)> = None;
    let open = move || match looked {
        Some((at, open)) if at.elapsed() < LOOK => open,
        _ => {
            let open = hours.now().open;
            looked = Some((Instant::now(), open));
            open
        }
    };
    Ok(Options {
        cut: settings.visit.cut,
        width_mm: settings.screen.width_mm,
        buttons: settings.visit.buttons,
        open: Box::new(open),
        languages: chosen,
        take_home: take_home(&settings.take_home),
    })
}

/// A printer's folder that cannot be used costs the take-home, not the mirror.
fn take_home(settings: &settings::TakeHome) -> TakeHome {
    match settings {
        settings::TakeHome::Off => TakeHome::Off,
        settings::TakeHome::Code => TakeHome::Code,
        settings::TakeHome::File(folder) => match PrintFolder::open(folder) {
            Ok(folder) => TakeHome::File(folder),
            Err(error) => {
                tracing::warn!("{error}");
                TakeHome::Off
            }
        },
    }
}

/// What each key does. A key that no keyboard has is said, and left out with the others of its list.
pub fn keys(settings: &settings::Input) -> Keys {
    Keys::with(&settings.keys).unwrap_or_else(|error| {
        tracing::warn!("{error}; the usual keys are used");
        Keys::default()
    })
}

/// What can be pressed.
pub fn inputs(settings: &Settings) -> Vec<Box<dyn Input>> {
    let settings::Input { touch, gpio, .. } = &settings.input;
    let keys = keys(&settings.input);
    let mut inputs: Vec<Box<dyn Input>> = vec![Box::new(Devices::new(keys, touch.then_some(settings.screen.rotation)))];
    if let Some(settings::Gpio { chip, active_low, lines }) = gpio {
        let lines = lines.iter().map(|(&line, &button)| (line, button)).collect();
        inputs.push(Box::new(Gpio::new(GpioSettings { chip: chip.clone(), lines, active_low: *active_low })));
    }
    inputs
}

/// How many threads age a face, unless the settings say it: what is left of the processor's cores beside capturing, finding
/// and drawing, and no more than one visitor needs.
pub fn threads(wanted: Option<NonZeroUsize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    wanted.map_or(cores.saturating_sub(2).clamp(1, 2), NonZeroUsize::get)
}

/// Where the mirror tells how it is.
pub fn health_file(settings: &settings::Health) -> Option<HealthFile> {
    settings.file().map(HealthFile::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_settings_are_the_defaults_of_every_part() {
        let settings = Settings::default();
        assert_eq!(rules(&settings), Rules { languages: 6, ..Rules::default() });
        assert_eq!(camera(&settings.camera), CameraSettings::default());
        assert_eq!(display(&settings.screen, None), KmsSettings::default());
        let mut options = options(&settings, &languages(None).unwrap()).unwrap();
        assert!((options.open)() && options.languages.len() == 6);
    }

    #[test]
    fn a_museums_own_words_and_languages_are_spoken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kiosk.toml");
        std::fs::create_dir(folder.path().join(LANGUAGES)).unwrap();
        let english = texts::embedded().unwrap().remove(0);
        let own = Language { code: "nl".into(), name: "Nederlands".into(), ..english };
        std::fs::write(folder.path().join("languages/nl.toml"), toml::to_string(&own).unwrap()).unwrap();
        let all = languages(Some(&file)).unwrap();
        let mut settings = Settings::default();
        settings.visit.languages = vec!["nl".into(), "zh".into()];
        settings.visit.invitation = [("zh".to_owned(), "来".to_owned()), ("de".to_owned(), "Komm".to_owned())].into();
        let spoken = options(&settings, &all).unwrap().languages;
        assert_eq!([&spoken[0].name, &spoken[1].invitation], ["Nederlands", "来"]);
        std::fs::write(folder.path().join("languages/xx.toml"), "nonsense").unwrap();
        assert_eq!(languages(Some(&file)).unwrap().len(), 6, "a broken file costs the folder only");
    }
}
