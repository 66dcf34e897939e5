//! The card that lies beside a landmark net: what it is, what it was trained on, how good it is.

use edge::face::crop::SIDE;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::evaluate::Measured;
use super::net::LandmarkNet;

/// A net's own facts and its measured numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    sha256: String,
    bytes: usize,
    /// Multiply-adds of one look.
    mac: u64,
    /// Pixels across the grey square that the net sees.
    side: usize,
    licence: &'static str,
    data: &'static str,
    attribution: &'static str,
    /// Absent where a net of unknown origin was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    trained: Option<Trained>,
    measured: Measured,
}

/// What a net has learnt from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trained {
    pub faces: usize,
    /// Jittered samples seen.
    pub samples: u64,
    pub seed: u64,
}

impl Card {
    pub fn new(onnx: &[u8], trained: Option<Trained>, measured: Measured) -> Self {
        Self {
            sha256: digest(onnx),
            bytes: onnx.len(),
            mac: LandmarkNet::macs(),
            side: SIDE,
            licence: "CC BY 4.0",
            data: "FairFace, a frontal part of its training pictures; landmarks found by other nets",
            attribution: "Kimmo Karkkainen and Jungseock Joo, FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age, WACV 2021",
            trained,
            measured,
        }
    }

    /// What an earlier card says of the training of these very bytes.
    pub fn trained(card: &str, onnx: &[u8]) -> Option<Trained> {
        #[derive(Deserialize)]
        struct Earlier {
            sha256: String,
            trained: Option<Trained>,
        }
        let earlier: Earlier = serde_json::from_str(card).ok()?;
        earlier.trained.filter(|_| earlier.sha256 == digest(onnx))
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
