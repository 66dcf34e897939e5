//! File systems and the whole card: folders become FAT images, and images become one file with a partition table.

use super::ImageError;
use super::layout::{self, Partition};
use crate::host::process;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes a FAT file system of a partition's size out of the files of a folder.
pub fn fat(folder: &Path, label: &str, partition: Partition, image: &Path, epoch: u64) -> Result<(), ImageError> {
    sized(image, partition.size)?;
    let serial = format!("{}{:02x}", &layout::DISK[..6], partition.number);
    let mut make = Command::new("mkfs.vfat");
    make.args(["--invariant", "-n", label, "-i", &serial]).arg(image);
    process::run(&mut make)?;
    let mut files = Vec::new();
    let io = |source| ImageError::Io { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        files.push(entry.map_err(io)?.path());
    }
    files.sort();
    let stamp = format!("@{epoch}");
    process::run(Command::new("find").arg(folder).args(["-exec", "touch", "-d", &stamp, "{}", "+"]))?;
    let mut copy = Command::new("mcopy");
    copy.env("SOURCE_DATE_EPOCH", epoch.to_string()).env("TZ", "UTC").env("MTOOLS_SKIP_CHECK", "1");
    copy.args(["-s", "-m", "-i"]).arg(image).args(&files).arg("::");
    process::run(&mut copy)?;
    Ok(())
}

/// Writes the card: the table, what U-Boot is to know at first, and the partitions' contents. Empty places stay holes.
pub fn card(image: &Path, state: &Path, contents: &[(Partition, &Path)]) -> Result<(), ImageError> {
    sized(image, layout::CARD)?;
    let mut table = Command::new("sfdisk");
    table.arg("--quiet").arg(image).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |message: String| ImageError::Table { message };
    let mut child = table.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(layout::table().as_bytes()).map_err(|error| failed(error.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    place(image, state, layout::STATE_OFFSET, layout::STATE_BYTES)?;
    for (partition, content) in contents {
        place(image, content, partition.start, partition.size)?;
    }
    Ok(())
}

/// Copies a file to a place of the card; blocks of zeros are skipped.
fn place(image: &Path, content: &Path, start: u64, room: u64) -> Result<(), ImageError> {
    let io = |source| ImageError::Io { path: content.to_owned(), source };
    let size = content.metadata().map_err(io)?.len();
    if size > room {
        return Err(ImageError::TooLarge { content: content.to_owned(), size, room });
    }
    let mut from = File::open(content).map_err(io)?;
    let mut to = File::options().write(true).open(image).map_err(io)?;
    let mut block = vec![0; 1 << 20];
    let mut at = start;
    loop {
        let read = from.read(&mut block).map_err(io)?;
        if read == 0 {
            return Ok(());
        }
        if block[..read].iter().any(|&byte| byte != 0) {
            to.seek(SeekFrom::Start(at)).and_then(|_| to.write_all(&block[..read])).map_err(io)?;
        }
        at += read as u64;
    }
}

/// A new file of that many zeros, which take no room yet.
fn sized(path: &Path, size: u64) -> Result<(), ImageError> {
    File::create(path)
        .and_then(|file| file.set_len(size))
        .map_err(|source| ImageError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_holds_each_content_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("state"), [7; 16]).unwrap();
        std::fs::write(path("root"), [9; 3000]).unwrap();
        card(&path("card"), &path("state"), &[(layout::ROOT[1], &path("root"))]).unwrap();
        let mut file = File::open(path("card")).unwrap();
        assert_eq!(file.metadata().unwrap().len(), layout::CARD);
        for (start, value) in [(layout::STATE_OFFSET, 7), (layout::ROOT[1].start, 9)] {
            let mut found = [0; 16];
            file.seek(SeekFrom::Start(start)).unwrap();
            file.read_exact(&mut found).unwrap();
            assert_eq!(found, [value; 16]);
        }
        let listed = process::text(process::run(Command::new("sfdisk").arg("--dump").arg(path("card"))).unwrap());
        assert!(listed.contains(layout::DISK) && listed.matches("start=").count() == 6, "{listed}");
    }

    #[test]
    fn what_is_too_large_for_its_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("state");
        std::fs::write(&content, [1; 5000]).unwrap();
        let error = card(&folder.path().join("card"), &content, &[]).unwrap_err().to_string();
        assert!(error.contains("state") && error.contains("5000"), "{error}");
    }

    #[test]
    fn a_folder_becomes_the_same_fat_twice() {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files/deep");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("a.txt"), "face").unwrap();
        let small = Partition { size: 64 << 20, ..layout::BOOT[0] };
        let images = ["one", "two"].map(|name| folder.path().join(name));
        for image in &images {
            fat(&folder.path().join("files"), "TEST", small, image, 1_700_000_000).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2100));
        }
        assert!(std::fs::read(&images[0]).unwrap() == std::fs::read(&images[1]).unwrap(), "the two images differ");
        let listed =
            process::text(process::run(Command::new("mtype").arg("-i").arg(&images[0]).arg("::deep/a.txt")).unwrap());
        assert_eq!(listed, "face");
    }
}
