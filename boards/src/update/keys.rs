//! Whose updates a mirror takes: a key that stays on this machine and a certificate that goes into every image.

use crate::host::process::{self, ProcessError};
use crate::host::tools::{self, Tool, ToolsError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A key and its certificate, PEM.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    pub key: PathBuf,
    pub certificate: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is there but {} is not: a key without its certificate serves nobody; bring both back or name another folder in ATGB_KEYS", there.display(), missing.display())]
    Half { there: PathBuf, missing: PathBuf },
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
}

/// Where the keys lie: `ATGB_KEYS`, else `~/.config/as-time-goes-by`.
pub fn folder() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()));
    std::env::var_os("ATGB_KEYS").map_or_else(|| home().join(".config/as-time-goes-by"), PathBuf::from)
}

/// The keys of a folder; made when there are none yet.
pub fn ready(folder: &Path) -> Result<Keys, KeysError> {
    let keys = Keys { key: folder.join("update.key"), certificate: folder.join("update.crt") };
    match (keys.key.exists(), keys.certificate.exists()) {
        (true, true) => return Ok(keys),
        (true, false) => return Err(KeysError::Half { there: keys.key, missing: keys.certificate }),
        (false, true) => return Err(KeysError::Half { there: keys.certificate, missing: keys.key }),
        (false, false) => {}
    }
    tools::need(&[Tool { program: "openssl", package: "openssl" }])?;
    let io = |source| KeysError::Io { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    // Both are complete before one has its name; openssl makes the key readable for its owner only.
    let work = tempfile::tempdir_in(folder).map_err(io)?;
    let (key, certificate) = (work.path().join("key"), work.path().join("crt"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7300"]);
    openssl.args(["-subj", "/O=As Time Goes By/CN=updates"]).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    process::run(&mut openssl)?;
    std::fs::rename(&key, &keys.key).and_then(|()| std::fs::rename(&certificate, &keys.certificate)).map_err(io)?;
    eprintln!("a key for updates was made: keep {} safe; mirrors take updates from its owner only", keys.key.display());
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_only_their_owner_reads_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let keys = ready(folder.path()).unwrap();
        let first = std::fs::read(&keys.key).unwrap();
        assert_eq!(ready(folder.path()).unwrap(), keys);
        assert_eq!(std::fs::read(&keys.key).unwrap(), first);
        assert_eq!(keys.key.metadata().unwrap().permissions().mode() & 0o077, 0);
        std::fs::remove_file(&keys.certificate).unwrap();
        assert!(ready(folder.path()).unwrap_err().to_string().contains("update.crt"));
    }
}
