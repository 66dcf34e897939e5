//! The processors that QEMU is asked to be, and what the mirror must see of each.

use crate::board::{Core, Feature};

/// A processor of QEMU's user emulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Processor {
    /// The Raspberry Pi 4's: neither half precision nor dot product.
    CortexA72,
    /// The Raspberry Pi 5's: both.
    CortexA76,
    /// Everything that QEMU knows, such as int8 matrix products.
    Max,
}

impl Processor {
    pub const ALL: [Self; 3] = [Self::CortexA72, Self::CortexA76, Self::Max];

    /// As QEMU calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CortexA72 => "cortex-a72",
            Self::CortexA76 => "cortex-a76",
            Self::Max => "max",
        }
    }

    /// The features that are detected on it, as `hardware features` words them.
    pub fn features(self) -> String {
        let core = match self {
            Self::CortexA72 => Core::A72,
            Self::CortexA76 | Self::Max => Core::A76,
        };
        let names = core.features().iter().map(Feature::to_string);
        let more = (self == Self::Max).then(|| "i8mm".to_owned());
        names.chain(more).collect::<Vec<_>>().join(" ")
    }

    /// What Linux says of it in `/proc/cpuinfo`, where tract looks: older QEMUs show the host's file in its place. The parts
    /// and the features are those that the boards' kernels print.
    pub fn cpuinfo(self) -> String {
        let (part, features) = match self {
            Self::CortexA72 => ("0xd08", "fp asimd evtstrm crc32 cpuid"),
            Self::CortexA76 => (
                "0xd0b",
                "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
            ),
            Self::Max => (
                "0x051",
                "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp \
                 sve sve2 i8mm bf16",
            ),
        };
        format!(
            "processor\t: 0\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {part}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_and_cpuinfo_say_the_same() {
        for processor in Processor::ALL {
            let info = processor.cpuinfo();
            for (feature, flag) in [("fp16", "asimdhp"), ("dotprod", "asimddp"), ("i8mm", "i8mm")] {
                let has = |text: &str, word: &str| text.split_whitespace().any(|it| it == word);
                assert_eq!(has(&processor.features(), feature), has(&info, flag), "{processor:?} {feature}");
            }
        }
        assert_eq!(Processor::CortexA76.features(), "neon fp16 dotprod");
    }
}
