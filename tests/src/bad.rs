//! Every bad input that the end-to-end tests try, in one place: what it is, how it is made, and the words that the
//! message must hold. Each must end in a message and an exit code, never in a panic, a hang or a loss of what was there.

use crate::pictures;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// A photograph that cannot be aged: `edge age` says why, goes on with the others and ends with code 2.
pub struct Photo {
    pub what: &'static str,
    /// The name under which it lies in the test's folder.
    pub name: &'static str,
    pub make: fn(&Path),
    /// Words of the message, beside the name.
    pub says: &'static [&'static str],
}

/// A bundle that must be refused: `edge age --model` fails, `edge run --model` goes on without ageing.
pub struct Bundle {
    pub what: &'static str,
    /// Breaks a copy of the bundle that ships.
    pub make: fn(&Path),
    pub says: &'static [&'static str],
}

/// A call of the trainer that must be refused.
pub struct Call {
    pub what: &'static str,
    /// Lays what it needs into the folder in which the trainer then runs.
    pub make: fn(&Path),
    /// Parted by blanks.
    pub args: &'static str,
    pub says: &'static [&'static str],
}

/// Bytes that a picture's reader finds at its door.
pub const PHOTOS: &[Photo] = &[
    Photo { what: "not there", name: "missing.jpg", make: |_| {}, says: &[] },
    Photo { what: "an empty file", name: "empty.jpg", make: |path| write(path, b""), says: &[] },
    Photo { what: "one byte", name: "byte.png", make: |path| write(path, b"\x89"), says: &[] },
    Photo { what: "a text", name: "text.jpg", make: |path| write(path, b"Not a picture at all.\n"), says: &[] },
    Photo {
        what: "a JPEG cut in its header",
        name: "header.jpg",
        make: |path| cut(path, image::ImageFormat::Jpeg, |whole| 100.min(whole)),
        says: &[],
    },
    Photo {
        what: "a PNG cut in the middle",
        name: "half.png",
        make: |path| cut(path, image::ImageFormat::Png, |whole| whole / 2),
        says: &[],
    },
    Photo {
        what: "a WebP cut in the middle",
        name: "half.webp",
        make: |path| cut(path, image::ImageFormat::WebP, |whole| whole / 2),
        says: &[],
    },
    Photo {
        what: "a BMP cut in the middle",
        name: "half.bmp",
        make: |path| cut(path, image::ImageFormat::Bmp, |whole| whole / 2),
        says: &[],
    },
    Photo {
        what: "a PNG whose header claims 60000×60000",
        name: "huge.png",
        make: |path| write(path, &huge_png()),
        says: &[],
    },
    Photo {
        what: "a BMP whose header claims 60000×60000",
        name: "huge.bmp",
        make: |path| write(path, &huge_bmp()),
        says: &[],
    },
    Photo {
        what: "a folder",
        name: "folder.jpg",
        make: |path| fs::create_dir(path).expect("a temporary folder"),
        says: &[],
    },
    Photo {
        what: "a device that never ends",
        name: "endless.jpg",
        make: |path| std::os::unix::fs::symlink("/dev/zero", path).expect("a temporary link"),
        says: &["not a file"],
    },
    Photo {
        what: "a picture of one pixel",
        name: "pixel.png",
        make: |path| pictures::save(&pictures::wall(1, 1), path),
        says: &["1×1"],
    },
    Photo {
        what: "a picture of a wall",
        name: "wall.jpg",
        make: |path| pictures::save(&pictures::wall(640, 480), path),
        says: &["face"],
    },
    Photo {
        what: "noise",
        name: "noise.png",
        make: |path| pictures::save(&pictures::noise(320, 240, 1), path),
        says: &["face"],
    },
];

/// What can have happened to a bundle on its way.
pub const BUNDLES: &[Bundle] = &[
    Bundle { what: "not there", make: |folder| fs::remove_dir_all(folder).expect("removed"), says: &[] },
    Bundle {
        what: "a file, not a folder",
        make: |folder| {
            fs::remove_dir_all(folder).expect("removed");
            write(folder, b"bundle");
        },
        says: &[],
    },
    Bundle {
        what: "an empty folder",
        make: |folder| {
            remove(folder, "manifest.json");
            remove(folder, "generator.onnx");
        },
        says: &["manifest.json"],
    },
    Bundle { what: "without its manifest", make: |folder| remove(folder, "manifest.json"), says: &["manifest.json"] },
    Bundle {
        what: "without its generator",
        make: |folder| remove(folder, "generator.onnx"),
        says: &["generator.onnx"],
    },
    Bundle { what: "an empty manifest", make: |folder| write(&folder.join("manifest.json"), b""), says: &[] },
    Bundle {
        what: "a manifest that is no JSON",
        make: |folder| write(&folder.join("manifest.json"), b"format = 1\n"),
        says: &["manifest"],
    },
    Bundle {
        what: "a manifest cut in the middle",
        make: |folder| {
            let whole = read(folder, "manifest.json");
            write(&folder.join("manifest.json"), &whole[..whole.len() / 2]);
        },
        says: &["manifest"],
    },
    Bundle {
        what: "a newer format",
        make: |folder| edit(folder, "\"format\": ", "\"format\": 9"),
        says: &["format", "9"],
    },
    Bundle {
        what: "an unknown key",
        make: |folder| edit(folder, "\"kind\": ", "\"colour\": true, \"kind\": "),
        says: &["colour"],
    },
    Bundle {
        what: "an unknown kind",
        make: |folder| edit(folder, "\"kind\": \"edit\"", "\"kind\": \"magic\""),
        says: &["magic"],
    },
    Bundle {
        what: "a crop size that cannot be",
        make: |folder| edit(folder, "\"size\": 128", "\"size\": 130"),
        says: &["130"],
    },
    Bundle {
        what: "a crop size that is not the graph's",
        make: |folder| edit(folder, "\"size\": 128", "\"size\": 64"),
        says: &["64"],
    },
    Bundle { what: "decades out of order", make: |folder| edit(folder, "\"10s\"", "\"20s\""), says: &["10s"] },
    Bundle {
        what: "a file name that leads out of the folder",
        make: |folder| edit(folder, "\"generator.onnx\"", "\"../generator.onnx\""),
        says: &["../generator.onnx"],
    },
    Bundle {
        what: "a hash that is another file's",
        make: |folder| {
            let hash = hash(&read(folder, "generator.onnx"));
            edit(folder, &hash, &"0".repeat(64));
        },
        says: &["generator.onnx"],
    },
    Bundle {
        what: "one byte of the generator flipped",
        make: |folder| {
            let mut bytes = read(folder, "generator.onnx");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            write(&folder.join("generator.onnx"), &bytes);
        },
        says: &["generator.onnx"],
    },
    Bundle {
        what: "a generator cut in the middle",
        make: |folder| {
            let whole = read(folder, "generator.onnx");
            write(&folder.join("generator.onnx"), &whole[..whole.len() / 2]);
        },
        says: &["generator.onnx"],
    },
    Bundle {
        what: "a text as the generator, hash and size right",
        make: |folder| replace_generator(folder, b"This is no network."),
        says: &[],
    },
    Bundle {
        what: "an empty generator, hash and size right",
        make: |folder| replace_generator(folder, b""),
        says: &[],
    },
    Bundle {
        what: "a generator cut in the middle, hash and size right",
        make: |folder| {
            let whole = read(folder, "generator.onnx");
            replace_generator(folder, &whole[..whole.len() / 2]);
        },
        says: &[],
    },
];

/// Calls of the trainer that need no training: data, caches and recipes that are not there or broken.
pub const CALLS: &[Call] = &[
    Call {
        what: "an ablation of what the recipe has not",
        make: |_| {},
        args: "ablate --only no-hair",
        says: &["no-hair", "no-wrinkles"],
    },
    Call {
        what: "an ablation on data that are not there",
        make: |_| {},
        args: "ablate --data missing --judges nobody",
        says: &["missing"],
    },
    Call {
        what: "no data at all",
        make: |_| {},
        args: "prepare --out cache",
        says: &["FairFace", "github.com", "UTKFace"],
    },
    Call { what: "a dataset that is not there", make: |_| {}, args: "prepare missing --out cache", says: &["missing"] },
    Call {
        what: "an empty dataset",
        make: |work| fs::create_dir(work.join("empty")).expect("a temporary folder"),
        args: "prepare empty --out cache",
        says: &["empty"],
    },
    Call {
        what: "a dataset that is a file",
        make: |work| write(&work.join("file"), b"faces"),
        args: "prepare file --out cache",
        says: &["file"],
    },
    Call {
        what: "pictures without an age in their names",
        make: |work| {
            fs::create_dir(work.join("holiday")).expect("a temporary folder");
            pictures::save(&pictures::wall(224, 224), &work.join("holiday/beach.jpg"));
        },
        args: "prepare holiday --out cache",
        says: &["holiday"],
    },
    Call {
        what: "labels without pictures",
        make: |work| {
            fs::create_dir(work.join("labels")).expect("a temporary folder");
            for split in ["train", "val"] {
                let rows = format!("file,age,gender,race,service_test\n{split}/1.jpg,20-29,Male,White,FALSE\n");
                write(&work.join(format!("labels/fairface_label_{split}.csv")), rows.as_bytes());
            }
        },
        args: "prepare labels --out cache",
        says: &[],
    },
    Call {
        what: "labels without the columns",
        make: |work| {
            fs::create_dir(work.join("labels")).expect("a temporary folder");
            for split in ["train", "val"] {
                write(&work.join(format!("labels/fairface_label_{split}.csv")), b"name;years\n1.jpg;20\n");
            }
            pictures::save(&pictures::wall(224, 224), &work.join("labels/1.jpg"));
        },
        args: "prepare labels --out cache",
        says: &["fairface_label"],
    },
    Call {
        what: "a dataset without a single face",
        make: |work| {
            fs::create_dir_all(work.join("walls/25")).expect("a temporary folder");
            for number in 0..4 {
                pictures::save(&pictures::noise(224, 224, number), &work.join(format!("walls/25/{number}.jpg")));
            }
        },
        args: "prepare walls --out cache",
        says: &["face"],
    },
    Call {
        what: "a layout that nobody knows",
        make: |work| fs::create_dir(work.join("faces")).expect("a temporary folder"),
        args: "prepare faces --layout shoebox --out cache",
        says: &["shoebox", "fairface"],
    },
    Call {
        what: "an output below a file",
        make: |work| {
            write(&work.join("file"), b"keep me");
            fs::create_dir_all(work.join("faces/25")).expect("a temporary folder");
            pictures::save(&pictures::visitor(0), &work.join("faces/25/1.png"));
        },
        args: "prepare faces --out file/cache",
        says: &["file/cache"],
    },
    Call {
        what: "training without a cache",
        make: |_| {},
        args: "train --recipe smoke --cache missing --out run",
        says: &["missing"],
    },
    Call {
        what: "a cache that is empty",
        make: |work| fs::create_dir(work.join("cache")).expect("a temporary folder"),
        args: "train --recipe smoke --cache cache --out run",
        says: &["cache"],
    },
    Call {
        what: "a cache whose pictures and records disagree",
        make: |work| {
            fs::create_dir(work.join("cache")).expect("a temporary folder");
            write(&work.join("cache/faces.rgb"), &[0; 100]);
            write(&work.join("cache/faces.csv"), b"file\n");
            write(&work.join("cache/summary.json"), b"{}");
        },
        args: "train --recipe smoke --cache cache --out run",
        says: &["cache"],
    },
    Call {
        what: "a recipe that nobody knows",
        make: |_| {},
        args: "train --recipe soup --cache cache --out run",
        says: &["soup", "paper", "kiosk", "smoke"],
    },
    Call {
        what: "a recipe with a misspelt key",
        make: |work| recipe(work, "pool = ", "puddle = "),
        args: "train --recipe recipe.toml --cache cache --out run",
        says: &["recipe.toml", "puddle"],
    },
    Call {
        what: "a recipe with a number that cannot be",
        make: |work| recipe(work, "width = 8", "width = 0"),
        args: "train --recipe recipe.toml --cache cache --out run",
        says: &["recipe.toml", "width"],
    },
    Call {
        what: "a recipe that is no TOML",
        make: |work| write(&work.join("recipe.toml"), b"{\"name\": 1}"),
        args: "train --recipe recipe.toml --cache cache --out run",
        says: &["recipe.toml"],
    },
    Call {
        what: "an export of a run that is not there",
        make: |_| {},
        args: "export missing --out bundle --weights-only",
        says: &["missing"],
    },
    Call {
        what: "an export of a run without a checkpoint",
        make: |work| fs::create_dir(work.join("run")).expect("a temporary folder"),
        args: "export run --out bundle --weights-only",
        says: &["run"],
    },
    Call { what: "a bundle that is not there", make: |_| {}, args: "verify missing", says: &["missing"] },
    Call {
        what: "a bundle with a flipped byte",
        make: |work| {
            shipped_bundle(&work.join("bundle"));
            let mut bytes = read(&work.join("bundle"), "generator.onnx");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            write(&work.join("bundle/generator.onnx"), &bytes);
        },
        args: "verify bundle --onnxruntime off",
        says: &["generator.onnx"],
    },
    Call { what: "a command that nobody knows", make: |_| {}, args: "trian", says: &["train"] },
];

/// The smoke recipe with one text replaced, which it must hold.
fn recipe(work: &Path, from: &str, to: &str) {
    let text = String::from_utf8(read(crate::root(), "trainer/recipes/smoke.toml")).expect("a recipe is a text");
    assert!(text.contains(from), "the smoke recipe holds no {from}");
    write(&work.join("recipe.toml"), text.replacen(from, to, 1).as_bytes());
}

/// A copy of the bundle that ships.
pub fn shipped_bundle(folder: &Path) {
    fs::create_dir_all(folder).expect("a temporary folder");
    for name in ["manifest.json", "generator.onnx"] {
        let from = crate::root().join("edge/models/generator").join(name);
        fs::copy(&from, folder.join(name)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}

/// Replaces a text in the manifest, which must hold it.
pub fn edit(bundle: &Path, from: &str, to: &str) {
    let text = String::from_utf8(read(bundle, "manifest.json")).expect("a manifest is a text");
    assert!(text.contains(from), "the manifest holds no {from}");
    write(&bundle.join("manifest.json"), text.replacen(from, to, 1).as_bytes());
}

/// Puts other bytes in the generator's place and makes the manifest agree.
pub fn replace_generator(bundle: &Path, bytes: &[u8]) {
    let old = read(bundle, "generator.onnx");
    edit(bundle, &hash(&old), &hash(bytes));
    edit(bundle, &format!("\"bytes\": {}", old.len()), &format!("\"bytes\": {}", bytes.len()));
    write(&bundle.join("generator.onnx"), bytes);
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn remove(folder: &Path, name: &str) {
    fs::remove_file(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// A visitor's picture in that format, of which only the first bytes are left.
pub fn cut(path: &Path, format: image::ImageFormat, keep: impl Fn(usize) -> usize) {
    let mut whole = std::io::Cursor::new(Vec::new());
    pictures::visitor(0).write_to(&mut whole, format).expect("a picture");
    let whole = whole.into_inner();
    write(path, &whole[..keep(whole.len())]);
}

/// A PNG with a sound header and hardly any data: a decoder that trusts it asks for 10 GB.
fn huge_png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = 60_000u32.to_be_bytes().to_vec();
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]); // 8 bits, RGB
    for (kind, data) in
        [(b"IHDR", header.as_slice()), (b"IDAT", b"\x78\x9c\x63\x00\x00\x00\x01\x00\x01"), (b"IEND", b"")]
    {
        png.extend((data.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(data);
        png.extend(crc32(&[kind.as_slice(), data].concat()).to_be_bytes());
    }
    png
}

/// A BMP header alone, 24 bits a pixel.
fn huge_bmp() -> Vec<u8> {
    let mut bmp = b"BM".to_vec();
    for word in [54u32, 0, 54, 40, 60_000, 60_000] {
        bmp.extend(word.to_le_bytes());
    }
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0; 24]);
    bmp
}

/// The check sum of PNG chunks (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_huge_pictures_have_headers_that_a_decoder_believes() {
        for bytes in [huge_png(), huge_bmp()] {
            let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().unwrap();
            assert_eq!(reader.into_dimensions().unwrap(), (60_000, 60_000));
        }
    }
}
