//! What this processor computes, against what an x86-64 one computed: the landmarks of the demo visitors, and the edits of
//! the generator that ships.

use crate::ager::Ager;
use crate::bundle::Bundle;
use crate::demo::VISITORS;
use crate::face::FaceFinder;
use crate::testing::assert_golden_values;
use image::imageops::{self, FilterType};
use shared::{Condition, Decade, pixel};

/// So many values of an edit are passed over for each that is kept.
const STRIDE: usize = 257;

#[test]
fn the_landmarks_are_those_of_another_processor() {
    let mut finder = FaceFinder::embedded().unwrap();
    let mut values = Vec::new();
    for visitor in VISITORS {
        let faces = finder.find(&visitor.read().unwrap()).unwrap();
        values.extend(faces.first().unwrap().landmarks.0.iter().flat_map(|point| [point.x, point.y]));
    }
    // A fiftieth of a pixel.
    assert_golden_values("landmarks", &values, 0.02);
}

#[test]
fn the_generator_gives_the_edits_of_another_processor() {
    let mut ager = Ager::new(&Bundle::embedded().unwrap()).unwrap();
    let side = ager.size();
    let picture = VISITORS[0].read().unwrap();
    // The nearest pixel, so that no arithmetic comes before the generator's.
    let square = imageops::resize(&picture, side as u32, side as u32, FilterType::Nearest);
    let mut crop = vec![0.0; 3 * side * side];
    pixel::to_planar(&square, &mut crop).unwrap();
    let mut values = Vec::new();
    for decade in Decade::ALL {
        let edit = ager.age(&crop, &Condition::one_hot(decade)).unwrap();
        let all = [edit.change, edit.detail, edit.smooth, edit.flow].concat();
        values.extend(all.into_iter().step_by(STRIDE));
    }
    // Sums of bytes are the same everywhere; but the last bit of a number that tract computes may tip a rounding, and so a
    // byte on the way: two thirds of a grey level.
    assert_golden_values("edits", &values, 0.005);
}
