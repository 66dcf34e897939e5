//! `edge run`: the mirror itself. Settings and arguments come in; camera, finder, generator and screen are put together and
//! run until the source ends, the time is up or somebody asks for the end.
//!
//! On a display it runs in real time, each part in a thread of its own. Pictures that are written to files follow a clock
//! that is moved by hand, so that they are the same on every machine.

use super::{ModelError, assemble, load};
use crate::bundle::Bundle;
use crate::clock::{ByHand, Clock, Monotonic};
use crate::face::FaceFinder;
use crate::frames::{Camera, FrameSource, Paced, Stills, camera};
use crate::input::{Input, Script};
use crate::kiosk::{Eyes, EyesError, Kiosk, KioskError, Make, Options, Threads, Together, Worker};
use crate::screen::{Kms, Memory, PngFolder, Screen, ScreenError, Wiring};
use crate::service::{Backlight, Health, Stop, Upkeep, is_service, write_journal};
use crate::settings::{self, Device, Output, Settings, SettingsError};
use crate::texts::TextsError;
use crate::view::Notice;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Settings file; without it `kiosk.toml` is looked for here, on the card's first partition and in /etc/as-time-goes-by
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where pictures come from, in place of the settings: `auto` is a camera, else the demo visitors
    #[arg(long, value_name = "auto|PATH|stills:DIR")]
    camera: Option<Device>,
    /// Where pictures go, in place of the settings: `auto` is a display (a service waits for one), else a window, else a new
    /// folder; `none` is nowhere
    #[arg(long, value_name = "auto|kms[:CARD]|window|spi:CONTROLLER|png:DIR|none", value_parser = Shown::parse)]
    screen: Option<Shown>,
    /// Folder of a generator bundle, in place of the settings' or the one inside this program
    #[arg(long, value_name = "BUNDLE")]
    model: Option<PathBuf>,
    /// Presses to make, such as `3:older,5:hold`: seconds, and a button or a touch (X@Y, shares of width and height)
    #[arg(long, value_name = "SECONDS:BUTTON,…")]
    press: Option<Script>,
    /// Stop after this many seconds of the mirror's time; without it, each still is shown once
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u32>,
}

/// A screen, or none: to measure, and to prove that nothing leaves the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    On(Output),
    Nowhere,
}

impl Shown {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::Nowhere),
            _ => text.parse().map(Self::On).map_err(|error| format!("{error}, or `none`")),
        }
    }
}

/// What ends the mirror.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Kiosk(#[from] KioskError),
    #[error(transparent)]
    Eyes(#[from] EyesError),
    #[error(transparent)]
    Screen(#[from] ScreenError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Texts(#[from] TextsError),
    #[error("the mirror cannot listen to the system's signals ({0})")]
    Signals(std::io::Error),
    #[error("this program was built without windows; build it with `--features window`, or choose another screen")]
    NoWindow,
    #[error("this program was built without SPI panels; build it with `--features spi`, or choose another screen")]
    NoPanel,
}

/// A picture a second is written where no display is.
const PNG_PERIOD: Duration = Duration::from_secs(1);
/// Each still is shown from the first picture of a rise to its last: twelve pictures.
const DWELL: Duration = Duration::from_secs(12);
/// Stills come as fast as from a camera.
const FRAME: Duration = Duration::from_millis(33);
/// Folder of what is written where no display is.
const PNG_FOLDER: &str = "as-time-goes-by";
/// Size of pictures and windows unless the settings have a mode, and of what nobody sees.
const PAGE_SIZE: (u32, u32) = (720, 960);
const UNSEEN_SIZE: (u32, u32) = (1920, 1080);

pub fn run(args: &Args) -> Result<(), RunError> {
    write_journal();
    let stop = Stop::on_signals().map_err(RunError::Signals)?;
    let file = settings::find(args.config.as_deref())?;
    let languages = assemble::languages(file.as_deref())?;
    let codes: Vec<&str> = languages.iter().map(|language| language.code.as_str()).collect();
    let loaded = settings::load(file.as_deref(), &codes);
    if let Some(warning) = &loaded.warning {
        tracing::warn!("{warning}; the last good settings are used");
    }
    let settings = loaded.settings;
    let model = args.model.as_deref().or(settings.model.bundle.as_deref());
    let bundle = load(model).map(|(bundle, _)| Arc::new(bundle));
    if let Err(error) = &bundle {
        tracing::warn!("{}", without_ageing(error));
    }
    let notice = match (&loaded.warning, &bundle) {
        (Some(_), _) => Some(Notice::Settings),
        (_, Err(_)) => Some(Notice::Generator),
        _ => None,
    };
    let health = Arc::new(Health::default());
    health.set_settings_ok(loaded.warning.is_none());
    health.set_generator_ok(bundle.is_ok());
    let mirror = Mirror {
        device: args.camera.clone().unwrap_or_else(|| settings.camera.device.clone()),
        options: assemble::options(&settings, &languages)?,
        settings: &settings,
        bundle: bundle.ok(),
        notice,
        until: args.seconds.map(|seconds| Duration::from_secs(seconds.into())),
        stop,
        health,
    };
    let script: Vec<Box<dyn Input>> =
        args.press.clone().map(|script| -> Box<dyn Input> { Box::new(script) }).into_iter().collect();
    match args.screen.clone().unwrap_or_else(|| Shown::On(settings.screen.output.clone())) {
        Shown::Nowhere => {
            let (width, height) = settings.screen.mode.map_or(UNSEEN_SIZE, |mode| (mode.width, mode.height));
            mirror.live(&mut Memory::new(width, height), script)
        }
        Shown::On(Output::Kms(card)) => mirror.on_display(card, script),
        Shown::On(Output::Window) => mirror.in_window(script),
        Shown::On(Output::Spi(wiring)) => mirror.on_panel(&wiring, script),
        Shown::On(Output::Png(folder)) => {
            let (width, height) = mirror.page_size();
            mirror.into_files(PngFolder::new(&folder, width, height)?, script)
        }
        Shown::On(Output::Auto) if !on_desktop() && (is_service() || has_display(&settings)) => {
            mirror.on_display(None, script)
        }
        Shown::On(Output::Auto) if cfg!(feature = "window") && on_desktop() => mirror.in_window(script),
        Shown::On(Output::Auto) => {
            let (width, height) = mirror.page_size();
            mirror.into_files(PngFolder::fresh(PNG_FOLDER.as_ref(), width, height)?, script)
        }
    }
}

/// Everything but eyes and screen.
struct Mirror<'a> {
    device: Device,
    options: Options,
    settings: &'a Settings,
    bundle: Option<Arc<Bundle>>,
    notice: Option<Notice>,
    until: Option<Duration>,
    stop: Stop,
    health: Arc<Health>,
}

impl Mirror<'_> {
    fn on_display(self, card: Option<PathBuf>, script: Vec<Box<dyn Input>>) -> Result<(), RunError> {
        let mut screen = Kms::new(assemble::display(&self.settings.screen, card.as_deref()));
        if let Some(light) = Backlight::find()
            && let Err(error) = light.set(self.settings.screen.brightness)
        {
            tracing::warn!("{error}");
        }
        let mut inputs = assemble::inputs(self.settings);
        inputs.extend(script);
        self.live(&mut screen, inputs)
    }

    #[cfg(feature = "spi")]
    fn on_panel(self, wiring: &Wiring, script: Vec<Box<dyn Input>>) -> Result<(), RunError> {
        let mut screen = crate::screen::spi::open(wiring, self.settings.screen.rotation)?;
        let mut inputs = assemble::inputs(self.settings);
        inputs.extend(script);
        self.live(&mut *screen, inputs)
    }

    #[cfg(not(feature = "spi"))]
    fn on_panel(self, _: &Wiring, _: Vec<Box<dyn Input>>) -> Result<(), RunError> {
        Err(RunError::NoPanel)
    }

    #[cfg(feature = "window")]
    fn in_window(self, script: Vec<Box<dyn Input>>) -> Result<(), RunError> {
        let keys = assemble::keys(&self.settings.input);
        let (mut window, input) = crate::screen::Window::open(self.page_size(), keys, self.stop.clone())?;
        let mut inputs: Vec<Box<dyn Input>> = vec![Box::new(input)];
        inputs.extend(script);
        self.live(&mut window, inputs)
    }

    #[cfg(not(feature = "window"))]
    fn in_window(self, _: Vec<Box<dyn Input>>) -> Result<(), RunError> {
        Err(RunError::NoWindow)
    }

    /// In real time.
    fn live(self, screen: &mut dyn Screen, inputs: Vec<Box<dyn Input>>) -> Result<(), RunError> {
        let start = Instant::now();
        let source = source(self.device.clone(), self.settings, self.until.is_some());
        let threads = assemble::threads(self.settings.service.threads);
        let worker = |bundle: Arc<Bundle>| -> Make<Worker> { Box::new(move || Worker::of(&bundle, threads)) };
        let eyes = Threads::start(start, source, self.bundle.clone().map(worker), self.health.clone())?;
        self.show(eyes, inputs, screen, &mut Monotonic::since(start), Duration::ZERO)
    }

    /// A picture a second, by a clock that is moved by hand where nobody stands before a camera.
    fn into_files(self, mut screen: PngFolder, inputs: Vec<Box<dyn Input>>) -> Result<(), RunError> {
        screen.hang(self.settings.screen.rotation);
        if is_camera(&self.device) {
            screen.every(PNG_PERIOD);
            self.live(&mut screen, inputs)?;
        } else {
            let source = Box::new(stills(&self.device, self.until.is_some())?);
            let finder = FaceFinder::embedded().map_err(EyesError::from)?;
            let worker = self.bundle.as_deref().map(|bundle| Worker::of(bundle, 1)).transpose()?;
            let eyes = Together::new(source, finder, worker);
            self.show(eyes, inputs, &mut screen, &mut ByHand::default(), PNG_PERIOD)?;
        }
        if let Some(sheet) = screen.write_sheet()? {
            println!(
                "{} pictures in {}; all at a glance in {}",
                screen.shown(),
                screen.folder().display(),
                sheet.display()
            );
        }
        Ok(())
    }

    /// The loop: one picture every `period`, until the source ends, the time is up or the end is asked for.
    fn show<E: Eyes>(
        self,
        eyes: E,
        inputs: Vec<Box<dyn Input>>,
        screen: &mut dyn Screen,
        clock: &mut dyn Clock,
        period: Duration,
    ) -> Result<(), RunError> {
        let service = &self.settings.service;
        let file = assemble::health_file(&service.health);
        let mut upkeep = Upkeep::new(service.hottest, file, self.health.clone());
        let rules = assemble::rules(self.settings);
        let mut kiosk = Kiosk::new(eyes, inputs, rules, self.options, screen, self.health);
        loop {
            let now = clock.now();
            let over = self.until.is_some_and(|until| now >= until) || self.stop.is_asked_for();
            if over || !kiosk.turn(screen, clock)? {
                return Ok(());
            }
            let hot = upkeep.turn(now);
            kiosk.tell(self.notice.or(hot.then_some(Notice::Hot)));
            upkeep.status(kiosk.phase().name());
            clock.wait_until(now + period);
        }
    }

    /// The mode of the settings, turned as the screen is, or an upright page.
    fn page_size(&self) -> (u32, u32) {
        let screen = &self.settings.screen;
        screen.mode.map_or(PAGE_SIZE, |mode| screen.rotation.turned((mode.width, mode.height)))
    }
}

/// Makes the source in the thread that captures.
fn source(device: Device, settings: &Settings, again: bool) -> Make<Box<dyn FrameSource>> {
    let camera = assemble::camera(&settings.camera);
    Box::new(move || {
        Ok(match &device {
            Device::Path(path) => {
                let device = camera::Device::Path(path.clone());
                Box::new(Camera::new(camera::CameraSettings { device, ..camera.clone() }))
            }
            Device::Auto if is_camera(&device) => Box::new(Camera::new(camera.clone())),
            Device::Auto | Device::Stills(_) => Box::new(Paced::new(stills(&device, again)?, FRAME)),
        })
    })
}

/// A camera that was named is waited for, and by a service any; else it is used if it is there.
fn is_camera(device: &Device) -> bool {
    match device {
        Device::Path(_) => true,
        Device::Stills(_) => false,
        Device::Auto if is_service() => true,
        Device::Auto => camera::list(&camera::CameraSettings::default()).iter().any(|found| found.usable.is_ok()),
    }
}

fn stills(device: &Device, again: bool) -> Result<Stills, EyesError> {
    Ok(match device {
        Device::Stills(folder) => Stills::folder(folder, DWELL, again)?,
        Device::Auto | Device::Path(_) => Stills::visitors(DWELL, again)?,
    })
}

/// Whether windows are where this was called from.
fn on_desktop() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn has_display(settings: &Settings) -> bool {
    crate::screen::kms::list(&assemble::display(&settings.screen, None)).iter().any(|found| found.usable.is_ok())
}

fn without_ageing(error: &ModelError) -> String {
    format!("The generator is refused, and the mirror goes on without ageing: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_parsed_strictly() {
        assert_eq!(Shown::parse("none"), Ok(Shown::Nowhere));
        assert_eq!(Shown::parse("png:x"), Ok(Shown::On(Output::Png("x".into()))));
        assert!(matches!(Shown::parse("spi:st7789"), Ok(Shown::On(Output::Spi(_)))));
        for text in ["", "png:", "spi", "spi:teapot", "None", "teapot"] {
            assert!(Shown::parse(text).is_err(), "{text}");
        }
    }

    /// Sets the environment for a second run of this test's program, as in `service::notify`. No display has the name in the
    /// settings, so that those of this machine are left alone.
    #[test]
    fn a_service_without_a_display_waits_and_is_ready() {
        if std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| socket.to_string_lossy().contains("atgb-waits")) {
            assert!(is_camera(&Device::Auto), "a service waits for a camera too");
            let model = Some("no-such-bundle".into());
            let config = Some("kiosk.toml".into());
            run(&Args { config, model, seconds: Some(1), ..Args::default() }).unwrap();
            return;
        }
        let folder = tempfile::Builder::new().prefix("atgb-waits").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("faces")).unwrap();
        std::fs::write(path("faces/visitor.png"), crate::demo::VISITORS[0].bytes).unwrap();
        let settings = "[camera]\ndevice = \"stills:faces\"\n[screen]\nconnector = \"none\"\n[input]\ntouch = false\n";
        std::fs::write(path("kiosk.toml"), settings).unwrap();
        let socket = std::os::unix::net::UnixDatagram::bind(path("socket")).unwrap();
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "commands::run::tests::a_service_without_a_display_waits_and_is_ready", "--nocapture"]);
        test.current_dir(folder.path()).env("NOTIFY_SOCKET", path("socket"));
        ["DISPLAY", "WAYLAND_DISPLAY", "STATE_DIRECTORY", "WATCHDOG_USEC"].iter().for_each(|name| {
            test.env_remove(name);
        });
        let output = test.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches("no display is plugged in").count(), 1, "{said}");
        let mut buffer = [0; 100];
        socket.set_nonblocking(true).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap().trim_end(), "READY=1");
        assert!(!path(PNG_FOLDER).exists(), "pictures were written");
    }

    #[test]
    fn a_visitor_is_aged_and_a_refused_bundle_leaves_a_plain_mirror() {
        let folder = tempfile::tempdir().unwrap();
        let stills = folder.path().join("stills");
        std::fs::create_dir(&stills).unwrap();
        std::fs::write(stills.join("visitor.png"), crate::demo::VISITORS[0].bytes).unwrap();
        let config = folder.path().join("kiosk.toml");
        std::fs::write(&config, "").unwrap();
        let pictures = |name: &str, model| {
            let screen = folder.path().join(name);
            let args = Args {
                config: Some(config.clone()),
                camera: Some(Device::Stills(stills.clone())),
                screen: Some(Shown::On(Output::Png(screen.clone()))),
                model,
                press: None,
                seconds: Some(9),
            };
            run(&args).unwrap();
            assert!(screen.join("sheet.png").is_file() && !screen.join("frame-0009.png").exists());
            ["frame-0003.png", "frame-0008.png"].map(|name| crate::photo::read(&screen.join(name)).unwrap())
        };
        let plain = pictures("plain", Some(folder.path().join("no-such-bundle")));
        assert_eq!(plain[0], plain[1]);
        let aged = pictures("aged", None);
        assert_ne!(aged[0], aged[1]);
        assert_ne!(aged[0], plain[0]);
    }
}
