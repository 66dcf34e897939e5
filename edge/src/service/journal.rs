//! What happened, on stderr: `tracing`'s events come in, lines go out. Under systemd each line begins with its priority for
//! the journal. A message that repeats is written once a minute at most, with a count, so that no fault can fill a disk,
//! however long it lasts.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A message that was written is written again after this.
const QUIET: Duration = Duration::from_secs(60);
/// Messages that are remembered.
const REMEMBERED: usize = 64;

/// From now on, all that is traced is written to stderr: all from information on of this program's own, warnings of the
/// libraries.
pub fn write_journal() {
    let journal = Journal { priorities: is_journal(), start: Instant::now(), repeats: Mutex::default() };
    // Fails only where a test or a caller has set another one already; theirs stands.
    let _ = tracing::subscriber::set_global_default(journal);
}

struct Journal {
    /// Whether lines begin with their priority.
    priorities: bool,
    start: Instant,
    repeats: Mutex<Repeats>,
}

/// Which messages were written when.
#[derive(Default)]
struct Repeats(Vec<Repeat>);

struct Repeat {
    /// The message without its digits: numbers change from time to time, the trouble is the same.
    words: String,
    written: Duration,
    held_back: u32,
}

impl Repeats {
    /// Whether a message is to be written, and how many like it were held back before; `None`: hold it back too.
    fn admit(&mut self, message: &str, now: Duration) -> Option<u32> {
        let words = || message.chars().filter(|letter| !letter.is_ascii_digit());
        if let Some(known) = self.0.iter_mut().find(|known| known.words.chars().eq(words())) {
            if now.saturating_sub(known.written) < QUIET {
                known.held_back += 1;
                return None;
            }
            known.written = now;
            return Some(std::mem::take(&mut known.held_back));
        }
        if self.0.len() >= REMEMBERED
            && let Some(oldest) = (0..self.0.len()).min_by_key(|&i| self.0[i].written)
        {
            self.0.swap_remove(oldest);
        }
        self.0.push(Repeat { words: words().collect(), written: now, held_back: 0 });
        Some(0)
    }
}

impl Subscriber for Journal {
    fn enabled(&self, about: &Metadata) -> bool {
        let own = about.target().starts_with(env!("CARGO_CRATE_NAME"));
        *about.level() <= if own { Level::INFO } else { Level::WARN }
    }

    fn event(&self, event: &Event) {
        let mut message = Message::default();
        event.record(&mut message);
        let Ok(mut repeats) = self.repeats.lock() else { return };
        if let Some(held_back) = repeats.admit(&message.0, self.start.elapsed()) {
            let line = line(event.metadata().level(), &message.0, held_back, self.priorities);
            // Where stderr is closed there is nobody to tell.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    // Spans are not written.
    fn new_span(&self, _: &Attributes) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// An event's message, then its other fields as `key=value`.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// A line as it is written; priorities are syslog's (sd-daemon(3)).
fn line(level: &Level, message: &str, held_back: u32, priorities: bool) -> String {
    let (priority, word) = match *level {
        Level::ERROR => (3, "error: "),
        Level::WARN => (4, "warning: "),
        Level::INFO => (6, ""),
        _ => (7, ""),
    };
    let mut line = if priorities { format!("<{priority}>") } else { word.to_owned() };
    line.extend(message.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
    if held_back > 0 {
        let _ = write!(line, " ({held_back} more like this since it was last written)");
    }
    line.push('\n');
    line
}

/// Whether stderr is the journal: systemd names the stream's device and inode (systemd.exec(5), `$JOURNAL_STREAM`), and a
/// shell may have inherited the name for another stream.
fn is_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").ok();
    let stream = std::fs::metadata("/proc/self/fd/2").ok();
    named.zip(stream).is_some_and(|(named, stream)| named == format!("{}:{}", stream.dev(), stream.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_repeats_is_written_once_a_minute_with_its_count() {
        let mut repeats = Repeats::default();
        let written: Vec<_> = (0..200)
            .filter_map(|second| repeats.admit(&format!("frame {second} is lost"), Duration::from_secs(second)))
            .collect();
        assert_eq!(written, [0, 59, 59, 59]);
        assert_eq!(repeats.admit("the camera is gone", Duration::from_secs(200)), Some(0));
    }

    #[test]
    fn memory_is_kept_for_the_newest_messages_only() {
        let mut repeats = Repeats::default();
        let word = |i: u8| ["camera", "display", "file"][i as usize % 3].repeat(1 + i as usize / 3);
        for i in 0..200 {
            assert_eq!(repeats.admit(&word(i), Duration::from_secs(u64::from(i) / 4)), Some(0));
        }
        assert_eq!(repeats.0.len(), REMEMBERED);
        assert_eq!(repeats.admit(&word(199), Duration::from_secs(51)), None);
        assert_eq!(repeats.admit(&word(0), Duration::from_secs(51)), Some(0));
    }

    #[test]
    fn lines_carry_their_priority_and_cannot_be_forged() {
        assert_eq!(
            line(&Level::WARN, "no camera\n<0>all is lost\u{1b}[2J", 3, true),
            "<4>no camera <0>all is lost [2J (3 more like this since it was last written)\n"
        );
        assert_eq!(line(&Level::ERROR, " gone ", 0, false), "error: gone\n");
        assert_eq!(line(&Level::INFO, "ready", 0, false), "ready\n");
    }

    #[test]
    fn events_are_written_with_their_fields_and_others_only_from_warnings_on() {
        let journal = Journal { priorities: false, start: Instant::now(), repeats: Mutex::default() };
        let journal = std::sync::Arc::new(journal);
        tracing::subscriber::with_default(journal.clone(), || {
            tracing::info!(camera = "/dev/video0", "opened");
            tracing::debug!("not this");
            tracing::info!(target: "tract", "nor this");
            tracing::warn!(target: "tract", "but this");
        });
        let words: Vec<_> = journal.repeats.lock().unwrap().0.iter().map(|repeat| repeat.words.clone()).collect();
        assert_eq!(words, ["opened camera=\"/dev/video\"", "but this"]);
    }
}
