//! Still pictures as a camera: the demo visitors, or the photographs of a folder.

use super::{Frame, FrameError, FrameSource};
use crate::demo;
use crate::photo;
use image::RgbImage;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Still pictures, each for a while, in order.
#[derive(Debug)]
pub struct Stills {
    origin: Origin,
    dwell: Duration,
    again: bool,
    /// The picture that is shown and its place in the order.
    current: Option<(u64, Arc<RgbImage>)>,
    given: u64,
}

#[derive(Debug)]
enum Origin {
    Visitors,
    Files(Vec<PathBuf>),
}

impl Stills {
    /// The demo visitors inside this program, `dwell` each; `again` begins anew after the last one.
    pub fn visitors(dwell: Duration, again: bool) -> Result<Self, FrameError> {
        if demo::VISITORS.is_empty() {
            return Err(FrameError::NoVisitors);
        }
        Ok(Self { origin: Origin::Visitors, dwell, again, current: None, given: 0 })
    }

    /// The pictures of a folder in the order of their names. Files that are no pictures are left out.
    pub fn folder(folder: &Path, dwell: Duration, again: bool) -> Result<Self, FrameError> {
        let failed = |source| FrameError::Folder { path: folder.to_owned(), source };
        let entries = std::fs::read_dir(folder).map_err(failed)?;
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        files.retain(|path| photo::read(path).is_ok());
        files.sort();
        if files.is_empty() {
            return Err(FrameError::Empty(folder.to_owned()));
        }
        Ok(Self { origin: Origin::Files(files), dwell, again, current: None, given: 0 })
    }

    fn count(&self) -> usize {
        match &self.origin {
            Origin::Visitors => demo::VISITORS.len(),
            Origin::Files(files) => files.len(),
        }
    }

    fn read(&self, index: usize) -> Result<RgbImage, FrameError> {
        Ok(match &self.origin {
            Origin::Visitors => demo::VISITORS[index].read()?,
            Origin::Files(files) => photo::read(&files[index])?,
        })
    }
}

impl FrameSource for Stills {
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError> {
        let turn = (now.as_nanos() / self.dwell.as_nanos().max(1)) as u64;
        if !self.again && turn >= self.count() as u64 {
            return Ok(None);
        }
        // A picture that is alone stays the same scene: its visitor stays, too.
        let scene = turn % self.count() as u64;
        let picture = match &self.current {
            Some((shown, picture)) if *shown == scene => picture.clone(),
            _ => Arc::new(self.read(scene as usize)?),
        };
        self.current = Some((scene, picture.clone()));
        self.given += 1;
        Ok(Some(Frame { picture, scene, number: self.given, at: now }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_still_has_its_time_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, width) in [("b.png", 30), ("a.png", 20)] {
            RgbImage::new(width, 16).save(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("c.png"), b"no picture").unwrap();
        let widths = |again, moments: &[u64]| {
            let mut stills = Stills::folder(folder.path(), seconds(5), again).unwrap();
            let mut frame = |&moment| stills.next(seconds(moment)).unwrap().map(|f| (f.scene, f.picture.width()));
            moments.iter().map(&mut frame).collect::<Vec<_>>()
        };
        assert_eq!(
            widths(false, &[0, 4, 5, 9, 10]),
            [Some((0, 20)), Some((0, 20)), Some((1, 30)), Some((1, 30)), None]
        );
        assert_eq!(widths(true, &[10, 16]), [Some((0, 20)), Some((1, 30))]);
    }

    #[test]
    fn a_folder_without_pictures_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Stills::folder(folder.path(), seconds(1), true), Err(FrameError::Empty(_))));
        let missing = folder.path().join("missing");
        assert!(matches!(Stills::folder(&missing, seconds(1), true), Err(FrameError::Folder { .. })));
    }
}
