//! A block map comes in; a file in the bmap 2.0 form of `bmaptool` (<https://github.com/yoctoproject/bmaptool>) goes out, and
//! back: XML with a checksum of itself, in which the checksum's own place holds zeros.

use super::blockmap::{BLOCK, BlockMap, MapError, Range, hex};
use crate::host::files::write_atomic;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Where the map of an image lies.
pub fn beside(image: &Path) -> PathBuf {
    let mut path = image.as_os_str().to_owned();
    path.push(".bmap");
    path.into()
}

impl BlockMap {
    pub fn to_xml(&self) -> String {
        let xml = self.xml_with(&"0".repeat(64));
        self.xml_with(&hex(Sha256::new_with_prefix(xml)))
    }

    fn xml_with(&self, sum: &str) -> String {
        let blocks = self.size.div_ceil(BLOCK);
        let mapped: u64 = self.ranges.iter().map(|range| range.last - range.first + 1).sum();
        let mut xml = format!(
            "<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\">\n    <ImageSize> {} </ImageSize>\n    \
             <BlockSize> {BLOCK} </BlockSize>\n    <BlocksCount> {blocks} </BlocksCount>\n    \
             <MappedBlocksCount> {mapped} </MappedBlocksCount>\n    <ChecksumType> sha256 </ChecksumType>\n    \
             <BmapFileChecksum> {sum} </BmapFileChecksum>\n    <BlockMap>\n",
            self.size
        );
        for Range { first, last, sha256 } in &self.ranges {
            let _ = writeln!(xml, "        <Range chksum=\"{sha256}\"> {first}-{last} </Range>");
        }
        xml + "    </BlockMap>\n</bmap>\n"
    }

    /// Writes the map of an image beside it, as `IMAGE.bmap`, where `bmaptool` looks for it.
    pub fn write_beside(image: &Path) -> Result<PathBuf, MapError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| MapError::Io { path, source }
        };
        let map = File::open(image).and_then(Self::of).map_err(io(image))?;
        let path = beside(image);
        write_atomic(&path, map.to_xml().as_bytes()).map_err(io(&path))?;
        Ok(path)
    }

    /// Reads a map's file; its own checksum must be right.
    pub fn read(path: &Path) -> Result<Self, MapError> {
        let xml = std::fs::read_to_string(path).map_err(|source| MapError::Io { path: path.to_owned(), source })?;
        Self::parse(&xml).map_err(|message| MapError::Form { path: path.to_owned(), message })
    }

    fn parse(xml: &str) -> Result<Self, String> {
        let document = roxmltree::Document::parse(xml).map_err(|error| error.to_string())?;
        let root = document.root_element();
        match root.attribute("version") {
            Some(version) if root.has_tag_name("bmap") && version.starts_with("2.") => {}
            other => return Err(format!("its first element is <{}> of version {other:?}", root.tag_name().name())),
        }
        let text = |name: &str| {
            let node = root.children().find(|node| node.has_tag_name(name));
            let text = node.and_then(|node| node.text()).map(str::trim);
            text.ok_or_else(|| format!("<{name}> is missing"))
        };
        let number = |name| text(name).and_then(|text| text.parse::<u64>().map_err(|_| format!("<{name}> is {text}")));
        let same = |what: &str, found: String, expected: String| match found == expected {
            true => Ok(()),
            false => Err(format!("{what} is {found}, expected: {expected}")),
        };
        same("<ChecksumType>", text("ChecksumType")?.into(), "sha256".into())?;
        let sum = text("BmapFileChecksum")?;
        same("its own checksum", sum.into(), hex(Sha256::new_with_prefix(xml.replacen(sum, &"0".repeat(64), 1))))?;
        same("<BlockSize>", number("BlockSize")?.to_string(), BLOCK.to_string())?;
        let size = number("ImageSize")?;
        let blocks = size.div_ceil(BLOCK);
        same("<BlocksCount>", number("BlocksCount")?.to_string(), blocks.to_string())?;

        let mut ranges: Vec<Range> = Vec::new();
        let list = root.children().find(|node| node.has_tag_name("BlockMap")).ok_or("<BlockMap> is missing")?;
        for node in list.children().filter(|node| node.has_tag_name("Range")) {
            let text = node.text().unwrap_or_default().trim();
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (Ok(first), Ok(last)) = (first.trim().parse::<u64>(), last.trim().parse::<u64>()) else {
                return Err(format!("a range is {text:?}"));
            };
            let sha256 = node.attribute("chksum").ok_or_else(|| format!("range {text} has no sum"))?.to_owned();
            let after = ranges.last().map_or(0, |before| before.last + 1);
            if first < after || last < first || last >= blocks {
                return Err(format!("range {text} is not between {after} and {blocks}"));
            }
            ranges.push(Range { first, last, sha256 });
        }
        let mapped: u64 = ranges.iter().map(|range| range.last - range.first + 1).sum();
        same("<MappedBlocksCount>", number("MappedBlocksCount")?.to_string(), mapped.to_string())?;
        Ok(Self { size, ranges })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An image of some blocks, zero but for the bytes that are named.
    fn image(blocks: u64, marks: &[u64]) -> Vec<u8> {
        let mut image = vec![0; (blocks * BLOCK) as usize];
        marks.iter().for_each(|mark| image[*mark as usize] = 7);
        image
    }

    #[test]
    fn a_map_lies_beside_its_image() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qemu.img");
        std::fs::write(&path, image(9, &[0, 30_000])).unwrap();
        let beside = BlockMap::write_beside(&path).unwrap();
        assert_eq!(beside, folder.path().join("qemu.img.bmap"));
        assert_eq!(BlockMap::read(&beside).unwrap(), BlockMap::of(&*image(9, &[0, 30_000])).unwrap());
        assert!(BlockMap::write_beside(&folder.path().join("absent.img")).is_err());
    }

    #[test]
    fn a_damaged_map_is_refused_with_a_reason() {
        let xml = BlockMap::of(&*image(9, &[0, 30_000])).unwrap().to_xml();
        let refused = |from: &str, to: &str, why: &str| {
            let error = BlockMap::parse(&xml.replace(from, to)).unwrap_err();
            assert!(error.contains(why), "{from} → {to}: {error}");
        };
        refused("0-7", "0-8", "its own checksum");
        refused("version=\"2.0\"", "version=\"1.3\"", "1.3");
        refused("sha256 </Ch", "md5 </Ch", "expected: sha256");
        refused("</bmap>", "", "");
        refused("<ImageSize>", "<Size>", "");
        assert!(BlockMap::parse("").is_err());
    }

    proptest! {
        #[test]
        fn a_map_comes_back_from_its_file(blocks in 0u64..3000, marks in proptest::collection::vec(0u64..3000, 0..6)) {
            let marks: Vec<_> = marks.into_iter().filter(|mark| *mark < blocks).map(|mark| mark * BLOCK).collect();
            let map = BlockMap::of(&*image(blocks, &marks)).unwrap();
            prop_assert_eq!(BlockMap::parse(&map.to_xml()).unwrap(), map);
        }
    }
}
