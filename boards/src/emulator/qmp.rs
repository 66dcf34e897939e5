//! QEMU's own language (QMP): screenshots and key presses.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::EmulatorError;

pub struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    pub fn connect(socket: &Path) -> Result<Self, EmulatorError> {
        let stream = UnixStream::connect(socket).map_err(lost)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(lost)?;
        let mut qmp = Self { reader: BufReader::new(stream) };
        qmp.ask("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Writes what the machine's display shows as a PNG.
    pub fn screenshot(&mut self, path: &Path) -> Result<(), EmulatorError> {
        self.ask("screendump", json!({ "filename": path, "format": "png" }))
    }

    /// Presses and releases a key, by QEMU's name for it.
    pub fn key(&mut self, name: &str) -> Result<(), EmulatorError> {
        self.ask("send-key", json!({ "keys": [{ "type": "qcode", "data": name }] }))
    }

    fn ask(&mut self, command: &str, arguments: Value) -> Result<(), EmulatorError> {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.reader.get_mut(), "{line}").map_err(lost)?;
        let mut answer = String::new();
        loop {
            answer.clear();
            if self.reader.read_line(&mut answer).map_err(lost)? == 0 {
                return Err(EmulatorError::Ended { words: "QEMU hung up".into() });
            }
            let value: Value = serde_json::from_str(&answer).unwrap_or_default();
            if value.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = value.get("error") {
                return Err(EmulatorError::Refused { command: command.into(), error: error.to_string() });
            }
        }
    }
}

fn lost(error: std::io::Error) -> EmulatorError {
    EmulatorError::Ended { words: format!("QEMU does not answer ({error})") }
}
