use super::*;
use crate::input::Button;
use crate::screen::Rotation;
use crate::service::{Day, Opening};
use proptest::prelude::*;
use shared::Decade;
use std::time::Duration;

const LANGUAGES: [&str; 6] = ["en", "de", "fr", "es", "zh", "ar"];

fn read(text: &str) -> Result<Settings, SettingsError> {
    Settings::read(Path::new("kiosk.toml"), text.as_bytes(), &LANGUAGES)
}

/// The documented file with its examples in force: every line that begins with `#key` without a blank between.
fn with_examples() -> String {
    let example =
        |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let lines = DEFAULT_FILE.lines().map(|line| if example(line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_documented_file_says_the_defaults_and_names_every_key() {
    assert_eq!(read(DEFAULT_FILE).unwrap(), Settings::default());
    assert_eq!(read("").unwrap(), Settings::default());
    let sections = ["", "camera", "screen", "visit", "take_home", "hours", "input", "input.gpio", "model", "service"];
    for section in sections {
        let heading = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
        let Err(SettingsError::UnknownKey { known, .. }) = read(&format!("{heading}no-such-key = 1\n")) else {
            panic!("[{section}] takes any key")
        };
        for key in known {
            let named = DEFAULT_FILE.lines().any(|line| {
                let line = line.trim_start_matches('#');
                line.starts_with(&format!("{key} = "))
                    || line == format!("[{key}]")
                    || line.trim_end_matches(']').ends_with(&format!(".{key}"))
            });
            assert!(named, "`{key}` of [{section}] is not in the documented file");
        }
    }
}

#[test]
fn the_examples_of_the_documented_file_can_be_used() {
    let settings = read(&with_examples()).unwrap();
    assert!(!settings.hours.open.is_empty() && settings.input.gpio.is_some());
    assert!(!settings.input.keys.is_empty() && !settings.visit.invitation.is_empty());
}

#[test]
fn every_setting_is_read() {
    let text = r#"
        [camera]
        device = "/dev/v4l/by-id/usb-cam"
        size = [1280, 720]
        format = "mjpg"
        rate = 30
        mirror = false
        rotation = 270
        flicker = 50
        exposure = 12.5
        [screen]
        output = "kms:/dev/dri/card1"
        connector = "HDMI-A-1"
        mode = "1920x1080@60"
        rotation = 90
        width_mm = 520
        brightness = 60
        [visit]
        view = "mirror"
        sweep_seconds = 7.5
        longest_seconds = 120
        patience_seconds = 45
        children = "full"
        oldest_for_children = "20s"
        languages = ["de", "en"]
        strip = false
        look_inside = false
        buttons = false
        invitation = { de = "Komm näher" }
        [take_home]
        way = "file"
        folder = "strips"
        [hours]
        zone = "UTC"
        open = [{ days = ["fri", "sat"], from = "20:00", to = "02:00" }]
        [input]
        touch = false
        keys = { KEY_A = "opt-out" }
        gpio = { chip = "/dev/gpiochip4", active_low = false, lines = { 17 = "older" } }
        [model]
        bundle = "/srv/bundle"
        [service]
        threads = 2
        hottest = 75
        health = "health.prom"
    "#;
    let expected = Settings {
        camera: Camera {
            device: Device::Path("/dev/v4l/by-id/usb-cam".into()),
            size: Some((1280, 720)),
            format: Some(crate::frames::camera::Format::Mjpg),
            rate: Some(30),
            mirror: false,
            rotation: Rotation::ThreeQuarters,
            flicker: crate::frames::camera::Flicker::Hz50,
            exposure: Some(Duration::from_micros(12_500)),
        },
        screen: Screen {
            output: Output::Kms(Some("/dev/dri/card1".into())),
            connector: Some("HDMI-A-1".into()),
            mode: Some(Mode { width: 1920, height: 1080, hertz: Some(60) }),
            rotation: Rotation::Quarter,
            width_mm: Some(520),
            brightness: 60,
        },
        visit: Visit {
            cut: crate::kiosk::Cut::Mirror,
            sweep: Duration::from_millis(7500),
            longest: Duration::from_secs(120),
            patience: Duration::from_secs(45),
            children: Children::Full,
            oldest_for_children: Decade::Twenties,
            languages: vec!["de".into(), "en".into()],
            invitation: [("de".into(), "Komm näher".into())].into(),
            strip: false,
            look_inside: false,
            buttons: false,
        },
        take_home: TakeHome::File("/card/strips".into()),
        hours: Hours {
            zone: Some(jiff::tz::TimeZone::UTC),
            open: vec![Opening { days: vec![Day::Fri, Day::Sat], from: 20 * 60, to: 26 * 60 }],
        },
        input: Input {
            touch: false,
            keys: [("KEY_A".into(), Button::OptOut)].into(),
            gpio: Some(Gpio { chip: "/dev/gpiochip4".into(), active_low: false, lines: [(17, Button::Older)].into() }),
        },
        model: Model { bundle: Some("/srv/bundle".into()) },
        service: Service {
            threads: std::num::NonZeroUsize::new(2),
            hottest: 75.0,
            health: Health::File("/card/health.prom".into()),
        },
    };
    let read = Settings::read(Path::new("/card/kiosk.toml"), text.as_bytes(), &LANGUAGES).unwrap();
    assert_eq!(read, expected);
}

#[test]
fn what_cannot_be_is_refused_with_its_place_and_what_is_allowed() {
    let cases = [
        ("[screen]\nrotation = 45\n", 2, "screen.rotation", "45"),
        ("\n[camera]\nmirror = \"yes\"\n", 3, "camera.mirror", "\"yes\""),
        ("[camera]\nsize = [640]\n", 2, "camera.size", "[640]"),
        ("[camera]\nsize = [640, 480, 3]\n", 2, "camera.size", "[640, 480, 3]"),
        ("[camera]\ndevice = \"video0\"\n", 2, "camera.device", "\"video0\""),
        ("[camera]\nexposure = nan\n", 2, "camera.exposure", "nan"),
        ("[camera]\nrate = -30\n", 2, "camera.rate", "-30"),
        ("[camera]\nrate = 99999999999999999999\n", 2, "camera.rate", "99999999999999999999"),
        ("[camera]\nflicker = 55\n", 2, "camera.flicker", "55"),
        ("[screen]\nmode = \"1920*1080\"\n", 2, "screen.mode", "\"1920*1080\""),
        ("[screen]\nmode = \"1920x1080@\"\n", 2, "screen.mode", "\"1920x1080@\""),
        ("[screen]\nbrightness = 5\n", 2, "screen.brightness", "5"),
        ("[screen]\noutput = \"png:\"\n", 2, "screen.output", "\"png:\""),
        ("[visit]\npatience_seconds = 29\n", 2, "visit.patience_seconds", "29"),
        ("[visit]\nlanguages = []\n", 2, "visit.languages", "[]"),
        ("[visit]\nlanguages = [\"en\", \"en\"]\n", 2, "visit.languages", "[\"en\", \"en\"]"),
        ("[visit]\nlanguages = [\"en\", \"tlh\"]\n", 2, "visit.languages", "[\"en\", \"tlh\"]"),
        ("[visit]\ninvitation = { tlh = \"nuqneH\" }\n", 2, "visit.invitation.tlh", "\"nuqneH\""),
        ("[visit]\ninvitation = { en = \" \" }\n", 2, "visit.invitation.en", "\" \""),
        ("[visit]\noldest_for_children = \"70s\"\n", 2, "visit.oldest_for_children", "\"70s\""),
        ("\n[take_home]\nway = \"file\"\n", 2, "take_home.folder", "nothing"),
        ("[hours]\nzone = \"Mars/Olympus\"\n", 2, "hours.zone", "\"Mars/Olympus\""),
        ("[[hours.open]]\ndays = [\"mon\"]\nfrom = \"9:30\"\nto = \"17:00\"\n", 3, "hours.open.from", "\"9:30\""),
        ("[[hours.open]]\ndays = [\"mon\"]\nfrom = \"09:30\"\nto = \"09:30\"\n", 4, "hours.open.to", "\"09:30\""),
        ("[hours]\nopen = [\n{ days = [\"mon\"], from = \"09:30\" }]\n", 3, "hours.open.to", "nothing"),
        ("[hours]\nopen = [{}]\n", 2, "hours.open.days", "nothing"),
        ("[[hours.open]]\ndays = [\"noday\"]\n", 2, "hours.open.days", "[\"noday\"]"),
        ("[hours]\nopen = \"always\"\n", 2, "hours.open", "\"always\""),
        ("[input]\nkeys = { KEY_NONE_SUCH = \"older\" }\n", 2, "input.keys.KEY_NONE_SUCH", "\"older\""),
        ("[input.gpio]\nlines = { 17 = \"explode\" }\n", 2, "input.gpio.lines.17", "\"explode\""),
        ("[input.gpio]\nlines = { 4096 = \"older\" }\n", 2, "input.gpio.lines.4096", "\"older\""),
        ("camera = 3\n", 1, "camera", "3"),
        ("[service]\nhottest = 300\n", 2, "service.hottest", "300"),
    ];
    for (text, line, key, found) in cases {
        match read(text) {
            Err(error @ SettingsError::Value { .. }) => {
                let message = error.to_string();
                let start = format!("kiosk.toml, line {line}: `{key}` is {found}; allowed: ");
                assert!(message.starts_with(&start) && message.len() > start.len(), "{text}: {message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let message = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        message("[visit]\nstrip = true\nsweep_second = 9\n"),
        "kiosk.toml, line 3: `visit.sweep_second` is no setting; do you mean `sweep_seconds`?"
    );
    assert_eq!(message("[visi]\n"), "kiosk.toml, line 1: `visi` is no setting; do you mean `visit`?");
    assert!(message("[model]\nelephant = 1\n").ends_with("`model.elephant` is no setting; there are: bundle"));
    assert!(message("[[hours.open]]\nday = [\"mon\"]\n").contains("days"));
}

#[test]
fn what_is_not_toml_is_named_by_its_line() {
    for (text, line) in [("[camera]\nmirror = \n", 2), ("[camera\n", 1), ("[model]\n\nbundle = \"x\n", 3)] {
        match read(text) {
            Err(SettingsError::Syntax { place, .. }) => assert_eq!(place.line, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let latin1 = Settings::read(Path::new("k"), b"# ok\n# caf\xe9\n", &LANGUAGES).unwrap_err();
    assert!(latin1.to_string().starts_with("k, line 2: "), "{latin1}");
    assert_eq!(read("\u{feff}[screen]\r\nrotation = 90\r\n").unwrap().screen.rotation, Rotation::Quarter);
}

fn line_of(error: &SettingsError) -> Option<usize> {
    match error {
        SettingsError::Syntax { place, .. }
        | SettingsError::UnknownKey { place, .. }
        | SettingsError::Value { place, .. } => Some(place.line),
        SettingsError::Read { .. } | SettingsError::Folder { .. } => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_damaged_file_is_read_or_refused_with_a_line(
        flips in proptest::collection::vec((0usize..20_000, 0u8..=255), 0..6),
        end in 0usize..40_000,
    ) {
        let mut bytes = with_examples().into_bytes();
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let length = bytes.len();
        for (at, byte) in flips {
            bytes[at % length] = byte;
        }
        bytes.truncate(end.min(length));
        if let Err(error) = Settings::read(Path::new("kiosk.toml"), &bytes, &LANGUAGES) {
            let line = line_of(&error);
            prop_assert!(line.is_some_and(|line| (1..=lines + 6).contains(&line)), "{error}");
        }
    }

    #[test]
    fn any_value_of_any_key_is_read_or_refused_with_its_line(key in 0usize..60, value in "[-+0-9a-z\"'.:\\[\\]{}=, ]{0,12}") {
        let text = with_examples();
        let keys: Vec<_> = text.lines().enumerate().filter(|(_, line)| line.contains(" = ")).collect();
        let (at, line) = keys[key % keys.len()];
        let (name, _) = line.split_once(" = ").unwrap();
        let changed = format!("{name} = {value}");
        let lines: Vec<_> = text.lines().enumerate().map(|(i, line)| if i == at { &changed } else { line }).collect();
        if let Err(error) = read(&lines.join("\n")) {
            prop_assert!(line_of(&error).is_some(), "{error}");
        }
    }
}
