//! The mirror as a service that nobody has to touch: when it is open, how hot it is, how it tells that it lives, and how it
//! ends.

mod health;
mod heat;
mod hours;
mod journal;
mod light;
mod notify;
mod stop;
mod upkeep;

pub use health::{Health, HealthFile, Part, Stage};
pub use heat::{Heat, Pace, Thermometer};
pub use hours::{Day, Hours, Opening, Standing};
pub use journal::write_journal;
pub use light::Backlight;
pub use notify::{Watchdog, is_service};
pub use stop::Stop;
pub use upkeep::Upkeep;
