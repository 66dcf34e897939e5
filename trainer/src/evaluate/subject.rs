//! One person, aged by the device's code and measured: a photograph comes in, everything that the judges and rulers say of the
//! source and its six decades goes out. Real faces to hold them against are framed and judged the same way.

use super::EvaluateError;
use super::judges::mobilenet::SIDE;
use super::judges::{Judges, Opinion, chip};
use super::measures::limits::{Kept, Ruler};
use super::sample::Person;
use edge::ager::Ager;
use edge::bundle::Bundle;
use edge::face::{Face, FaceFinder};
use edge::mirror::Mirror;
use edge::photograph::{self, Aged, PhotographError};
use edge::portrait::Framing;
use image::RgbImage;
use shared::decade::COUNT;
use shared::{Landmarks, Similarity};

/// What ages people; one a thread.
pub struct Device {
    pub(super) finder: FaceFinder,
    pub(super) mirror: Mirror,
}

/// A person as they are.
#[derive(Clone, Debug)]
pub struct RealFace {
    pub person: Person,
    pub seen: Seen,
}

/// A person through the decades.
#[derive(Clone, Debug)]
pub struct Subject {
    pub person: Person,
    pub source: Seen,
    /// Youngest first.
    pub aged: [Seen; COUNT],
    /// What of the source was kept in each decade.
    pub kept: [Kept; COUNT],
    /// `None` where they do not align.
    pub places: Option<Places>,
}

/// Where the landmarks of a source lie and where the edits' displacement takes them, aligned, in eye distances.
#[derive(Clone, Debug)]
pub struct Places {
    pub source: Landmarks,
    /// Youngest first.
    pub aged: [Landmarks; COUNT],
}

/// One portrait as the judges see it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub opinion: Opinion,
    /// The landmarks as found in this very portrait, aligned, in eye distances.
    pub shape: Option<Landmarks>,
}

impl Device {
    pub fn new(bundle: &Bundle) -> Result<Self, EvaluateError> {
        Ok(Self { finder: FaceFinder::embedded()?, mirror: Mirror::new(Ager::new(bundle)?) })
    }

    /// The largest face of a photograph through the decades; `None` where no face is found.
    pub fn age(&mut self, photo: &RgbImage) -> Result<Option<Aged>, EvaluateError> {
        match photograph::age(&mut self.finder, &mut self.mirror, photo) {
            Ok(aged) => Ok(Some(aged)),
            Err(PhotographError::NoFace) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Judges a person as they are; `None` where no face is found.
    pub fn look(&mut self, judges: &Judges, person: &Person) -> Result<Option<RealFace>, EvaluateError> {
        let photo = edge::photo::read(&person.path)?;
        let Some(found) = self.finder.find(&photo)?.into_iter().next() else { return Ok(None) };
        let framing = framing(&found, &photo)?;
        let (portrait, face) = (framing.cut(&photo), framed(&found, &framing.to_portrait()));
        let seen = self.see(judges, &portrait, &face, &crop(&portrait, &face)?)?;
        Ok(Some(RealFace { person: person.clone(), seen }))
    }

    /// Ages and judges somebody; `None` where no face is found.
    pub fn measure(&mut self, judges: &Judges, real: &RealFace) -> Result<Option<Subject>, EvaluateError> {
        let photo = edge::photo::read(&real.person.path)?;
        let Some(aged) = self.age(&photo)? else { return Ok(None) };
        let face = Face { landmarks: aged.landmarks, score: aged.face.score };
        let ruler = Ruler::new(&aged.source, &face.landmarks, crop(&aged.source, &face)?)?;
        let (mut seen, mut kept) = (Vec::new(), Vec::new());
        for portrait in &aged.decades {
            let crop = crop(portrait, &face)?;
            kept.push(ruler.measure(portrait, &crop));
            seen.push(self.see(judges, portrait, &face, &crop)?);
        }
        let (Ok(seen), Ok(kept)) = (seen.try_into(), kept.try_into()) else { return Ok(None) };
        let places = Places::of(&aged);
        Ok(Some(Subject { person: real.person.clone(), source: real.seen.clone(), aged: seen, kept, places }))
    }

    /// All portraits are judged where the source has its face; only the shape is looked for anew.
    fn see(&mut self, judges: &Judges, picture: &RgbImage, face: &Face, crop: &[u8]) -> Result<Seen, EvaluateError> {
        let found = self.finder.follow(picture, face)?;
        let shape = found.and_then(|face| aligned(&face.landmarks));
        Ok(Seen { opinion: judges.judge(picture, &face.landmarks, crop)?, shape })
    }
}

impl Places {
    fn of(aged: &Aged) -> Option<Self> {
        let moved = aged.moved.iter().map(aligned).collect::<Option<Vec<_>>>()?;
        Some(Self { source: aligned(&aged.landmarks)?, aged: moved.try_into().ok()? })
    }
}

/// From the photograph's pixels to those of its portraits.
pub fn to_portrait(aged: &Aged, photo: &RgbImage) -> Result<Similarity, EvaluateError> {
    let framing = framing(&aged.face, photo)?;
    // Whoever frames portraits otherwise has to tell it here.
    if framing.size() == aged.source.dimensions() { Ok(framing.to_portrait()) } else { Err(EvaluateError::Framing) }
}

/// As the device frames the portraits of a photograph's face.
fn framing(face: &Face, photo: &RgbImage) -> Result<Framing, EvaluateError> {
    let to_photo = shared::align(&face.landmarks.five())?.inverse().ok_or(EvaluateError::Framing)?;
    Ok(Framing::around(&to_photo, photo.width(), photo.height()))
}

/// A photograph's face in its portraits.
fn framed(face: &Face, to_portrait: &Similarity) -> Face {
    Face { landmarks: face.landmarks.map(to_portrait), score: face.score }
}

/// What the judges of pictures see of a portrait.
fn crop(portrait: &RgbImage, face: &Face) -> Result<Vec<u8>, EvaluateError> {
    let alignment = shared::align(&face.landmarks.five())?;
    Ok(chip::square(portrait, &alignment, SIDE).map_err(super::JudgeError::from)?)
}

/// Aligned by the five points, in eye distances.
fn aligned(landmarks: &Landmarks) -> Option<Landmarks> {
    let to_crop = shared::align(&landmarks.five()).ok()?;
    let eyes = shared::alignment::TEMPLATE.left_eye.distance(shared::alignment::TEMPLATE.right_eye);
    let shape = landmarks.map(&to_crop.then(&Similarity::scaling(1.0 / eyes)));
    shape.is_finite().then_some(shape)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::sample::tests::person;
    use super::*;
    use shared::Point;

    /// Everybody as they are.
    pub fn real(subjects: &[Subject]) -> Vec<RealFace> {
        let face = |subject: &Subject| RealFace { person: subject.person.clone(), seen: subject.source.clone() };
        subjects.iter().map(face).collect()
    }

    /// Somebody judged 20, 30, … 70 in their decades (`years` added), a little less like themself with each decade away.
    pub fn subject(number: usize, years: f64) -> Subject {
        let person = person(number);
        let own = person.decade.index();
        let seen = |age: f64, away: usize| Seen {
            opinion: Opinion {
                ages: [Some(age), Some(age + 1.0)],
                embedding: Some(vec![1.0, 0.1 * away as f32, 0.0]),
                features: Some((0..8).map(|i| ((number * 7 + i * 3) % 5) as f32 + 0.1 * away as f32).collect()),
            },
            shape: Some(Landmarks(core::array::from_fn(|i| Point::new(i as f32, 0.01 * age as f32)))),
        };
        let middle = |decade: usize| 10.0 * decade as f64 + 15.0;
        let place = |age: f64| Landmarks(core::array::from_fn(|i| Point::new(i as f32, 0.005 * age as f32)));
        let aged = core::array::from_fn(|decade| place(middle(decade)));
        Subject {
            places: Some(Places { source: place(middle(own)), aged }),
            source: seen(middle(own), 0),
            aged: core::array::from_fn(|d| seen(middle(d) + years, d.abs_diff(own))),
            kept: [Kept { energy: 1.1, detail: 1.05, outside: 0.25 }; COUNT],
            person,
        }
    }

    #[test]
    fn shapes_do_not_depend_on_where_the_face_is() {
        let face = super::super::judges::chip::tests::face();
        let turned = face.map(&Similarity::about(Point::new(3.0, 9.0), 0.3, 1.7));
        let (a, b) = (aligned(&face).unwrap(), aligned(&turned).unwrap());
        assert!(a.0.iter().zip(&b.0).all(|(p, q)| p.distance(*q) < 1e-3));
        assert!(aligned(&Landmarks([Point::new(1.0, 1.0); 68])).is_none());
    }
}
