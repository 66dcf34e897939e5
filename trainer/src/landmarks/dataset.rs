//! Pictures with known landmarks: a folder with `points68.csv` comes in, grey pictures with their points go out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use edge::face::crop::luma;
use rayon::prelude::*;
use shared::{FivePoints, Landmarks, Point, Similarity};

/// Labels of two different nets are taken for wrong where one of the five points differs by more than this share of the eye
/// distance: the worst hundredth of FairFace.
const MAX_DISAGREEMENT: f32 = 0.22;

/// A grey picture at half its size, which is still more than the net sees, and the landmarks of the face in it, in pixels of
/// the half.
#[derive(Clone, Debug)]
pub struct LabelledFace {
    /// As in the label files, such as `val/17.jpg`.
    pub file: String,
    pub width: usize,
    pub height: usize,
    /// `[height, width]`
    pub grey: Vec<u8>,
    pub landmarks: Landmarks,
}

/// Faces to learn from and faces to measure with; nobody is in both.
#[derive(Debug)]
pub struct Dataset {
    pub train: Vec<LabelledFace>,
    pub val: Vec<LabelledFace>,
    /// Training pictures left out because the two label files disagree.
    pub doubtful: usize,
    /// Pictures left out because they could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
}

/// What keeps a dataset from being read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error(
        "{path}: {error}; a folder with points68.csv and the pictures it names is needed (FairFace's frontal part)"
    )]
    Labels { path: PathBuf, error: csv::Error },
    #[error("{path}, line {line}: {found:?} in column {column} is not a number of pixels")]
    Number { path: PathBuf, line: usize, column: String, found: String },
    #[error("{path} names no column {column}")]
    Column { path: PathBuf, column: String },
    #[error(
        "{folder} holds {train} pictures to train on and {val} to measure with, both `train/…` and `val/…` are needed"
    )]
    Empty { folder: PathBuf, train: usize, val: usize },
}

impl Dataset {
    /// Reads `points68.csv`, `points.csv` where it is there, and every picture they name; files under `val/` are kept apart.
    pub fn read(folder: &Path) -> Result<Self, DatasetError> {
        let second = folder.join("points.csv");
        let second = if second.exists() { read_five(&second)? } else { HashMap::new() };
        let mut labels = read_68(&folder.join("points68.csv"))?;
        let all = labels.len();
        labels.retain(|(file, landmarks)| {
            let agrees = |five| disagreement(landmarks, five) <= MAX_DISAGREEMENT;
            file.starts_with(VAL) || second.get(file).is_none_or(agrees)
        });
        let doubtful = all - labels.len();
        let (pictures, unreadable) = read_pictures(folder, labels);
        let (val, train): (Vec<_>, Vec<_>) = pictures.into_iter().partition(|face| face.file.starts_with(VAL));
        if train.is_empty() || val.is_empty() {
            return Err(DatasetError::Empty { folder: folder.to_owned(), train: train.len(), val: val.len() });
        }
        Ok(Self { train, val, doubtful, unreadable })
    }

    /// Only the pictures to measure with.
    pub fn read_val(folder: &Path) -> Result<Vec<LabelledFace>, DatasetError> {
        let mut labels = read_68(&folder.join("points68.csv"))?;
        labels.retain(|(file, _)| file.starts_with(VAL));
        let (val, _) = read_pictures(folder, labels);
        if val.is_empty() {
            return Err(DatasetError::Empty { folder: folder.to_owned(), train: 0, val: 0 });
        }
        Ok(val)
    }
}

/// The folder of the pictures that are never trained on.
const VAL: &str = "val/";

/// Pictures that could be read, in the order of the labels, and the names of those that could not, with the reason.
fn read_pictures(folder: &Path, labels: Vec<(String, Landmarks)>) -> (Vec<LabelledFace>, Vec<(String, String)>) {
    let read: Vec<_> = labels.into_par_iter().map(|(file, marks)| read_picture(folder, file, marks)).collect();
    let (mut faces, mut unreadable) = (Vec::new(), Vec::new());
    for picture in read {
        match picture {
            Ok(face) => faces.push(face),
            Err(reason) => unreadable.push(reason),
        }
    }
    (faces, unreadable)
}

fn read_picture(folder: &Path, file: String, landmarks: Landmarks) -> Result<LabelledFace, (String, String)> {
    match image::open(folder.join(&file)) {
        Ok(picture) => {
            let (width, height) = (picture.width() / 2, picture.height() / 2);
            let half = image::imageops::thumbnail(&picture.to_rgb8(), width.max(1), height.max(1));
            let grey = half.pixels().map(|p| luma(p.0) as u8).collect();
            let landmarks = landmarks.map(&Similarity::scaling(0.5));
            Ok(LabelledFace { file, width: half.width() as usize, height: half.height() as usize, grey, landmarks })
        }
        Err(error) => Err((file, error.to_string())),
    }
}

/// Largest distance between the five points of two labels, over the eye distance.
fn disagreement(landmarks: &Landmarks, five: &FivePoints) -> f32 {
    let pairs = landmarks.five().to_array().into_iter().zip(five.to_array());
    pairs.map(|(p, q)| p.distance(q)).fold(0.0, f32::max) / landmarks.eye_distance()
}

fn read_68(path: &Path) -> Result<Vec<(String, Landmarks)>, DatasetError> {
    let columns: Vec<String> = (0..shared::landmarks::COUNT).flat_map(|i| [format!("x{i}"), format!("y{i}")]).collect();
    let rows = read_columns(path, &columns)?;
    let landmarks = |v: &[f32]| Landmarks(std::array::from_fn(|i| Point::new(v[2 * i], v[2 * i + 1])));
    Ok(rows.into_iter().map(|(file, values)| (file, landmarks(&values))).collect())
}

fn read_five(path: &Path) -> Result<HashMap<String, FivePoints>, DatasetError> {
    let names = ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"];
    let columns: Vec<String> = names.iter().flat_map(|name| [format!("{name}_x"), format!("{name}_y")]).collect();
    let five = |v: &[f32]| FivePoints {
        left_eye: Point::new(v[0], v[1]),
        right_eye: Point::new(v[2], v[3]),
        nose: Point::new(v[4], v[5]),
        mouth_left: Point::new(v[6], v[7]),
        mouth_right: Point::new(v[8], v[9]),
    };
    Ok(read_columns(path, &columns)?.into_iter().map(|(file, values)| (file, five(&values))).collect())
}

/// The file's name and the named columns of each row, as many values as there are columns.
fn read_columns(path: &Path, columns: &[String]) -> Result<Vec<(String, Vec<f32>)>, DatasetError> {
    let csv_error = |error| DatasetError::Labels { path: path.to_owned(), error };
    let mut reader = csv::Reader::from_path(path).map_err(csv_error)?;
    let header = reader.headers().map_err(csv_error)?.clone();
    let place = |column: &str| {
        let missing = || DatasetError::Column { path: path.to_owned(), column: column.to_owned() };
        header.iter().position(|name| name == column).ok_or_else(missing)
    };
    let file_place = place("file")?;
    let places = columns.iter().map(|column| place(column)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(csv_error)?;
        let mut values = Vec::with_capacity(columns.len());
        for (&place, column) in places.iter().zip(columns) {
            let found = record.get(place).unwrap_or_default();
            match found.parse::<f32>() {
                Ok(value) if value.is_finite() => values.push(value),
                _ => {
                    let (path, column, found) = (path.to_owned(), column.clone(), found.to_owned());
                    return Err(DatasetError::Number { path, line: row + 2, column, found });
                }
            }
        }
        rows.push((record.get(file_place).unwrap_or_default().to_owned(), values));
    }
    Ok(rows)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use shared::alignment::TEMPLATE;
    use shared::landmarks::COUNT;

    /// Landmarks whose five points are the template's, in a picture of `side` pixels.
    pub fn template_landmarks(side: f32) -> Landmarks {
        let mut points = [Point::new(0.5, 0.9); COUNT];
        points[0..17].iter_mut().enumerate().for_each(|(i, p)| *p = Point::new(0.1 + 0.05 * i as f32, 0.5));
        points[36..42].fill(TEMPLATE.left_eye);
        points[42..48].fill(TEMPLATE.right_eye);
        points[30] = TEMPLATE.nose;
        points[48] = TEMPLATE.mouth_left;
        points[54] = TEMPLATE.mouth_right;
        Landmarks(points.map(|p| p * side))
    }

    /// Something with light and dark places, the same for the same seed.
    pub fn synthetic_face(seed: usize) -> LabelledFace {
        let grey = (0..112 * 112).map(|i| ((i * (seed + 3)) % 251) as u8).collect();
        let file = format!("train/{seed}.jpg");
        LabelledFace { file, width: 112, height: 112, grey, landmarks: template_landmarks(112.0) }
    }

    /// A folder as FairFace's, with `names` as pictures and one label each, the five points moved by `off` pixels.
    fn folder(names: &[&str], off: f32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for part in ["train", "val"] {
            std::fs::create_dir(folder.path().join(part)).unwrap();
        }
        let columns: Vec<_> = (0..COUNT).map(|i| format!("x{i},y{i}")).collect();
        let mut labels = format!("file,{}\n", columns.join(","));
        let mut five = "file,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,\
                        mouth_left_x,mouth_left_y,mouth_right_x,mouth_right_y,yaw\n"
            .to_owned();
        let landmarks = template_landmarks(64.0);
        for name in names {
            image::RgbImage::new(64, 64).save(folder.path().join(name)).unwrap();
            let values = |points: &[Point], off: f32| {
                points.iter().map(|p| format!("{},{}", p.x + off, p.y)).collect::<Vec<_>>().join(",")
            };
            labels += &format!("{name},{}\n", values(&landmarks.0, 0.0));
            five += &format!("{name},{},1.5\n", values(&landmarks.five().to_array(), off));
        }
        std::fs::write(folder.path().join("points68.csv"), labels).unwrap();
        std::fs::write(folder.path().join("points.csv"), five).unwrap();
        folder
    }

    #[test]
    fn val_is_kept_apart_and_pictures_are_halved() {
        let dataset = Dataset::read(folder(&["train/1.png", "train/2.png", "val/1.png"], 1.0).path()).unwrap();
        assert_eq!((dataset.train.len(), dataset.val.len(), dataset.doubtful), (2, 1, 0));
        assert_eq!((dataset.train[0].width, dataset.train[0].height), (32, 32));
        assert!(dataset.train[0].landmarks.error(&template_landmarks(32.0)) < 1e-5);
    }

    #[test]
    fn faces_with_two_opinions_are_measured_with_but_not_trained_on() {
        let folder = folder(&["train/1.png", "val/1.png"], 9.0);
        assert!(matches!(Dataset::read(folder.path()), Err(DatasetError::Empty { train: 0, val: 1, .. })));
        assert_eq!(Dataset::read_val(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_broken_picture_is_told_and_the_others_are_used() {
        let folder = folder(&["train/1.png", "train/2.png", "val/1.png"], 0.0);
        std::fs::write(folder.path().join("train/2.png"), b"no picture").unwrap();
        let dataset = Dataset::read(folder.path()).unwrap();
        assert_eq!(dataset.train.len(), 1);
        assert_eq!(dataset.unreadable[0].0, "train/2.png");
    }

    #[test]
    fn broken_labels_name_their_place() {
        let folder = folder(&["train/1.png", "val/1.png"], 0.0);
        let path = folder.path().join("points68.csv");
        let good = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, good.replacen("val/1.png,6.4", "val/1.png,six", 1)).unwrap();
        let error = Dataset::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("x0") && error.contains("six"), "{error}");
        std::fs::write(&path, good.replacen(",y67", ",y", 1)).unwrap();
        assert!(matches!(Dataset::read(folder.path()), Err(DatasetError::Column { column, .. }) if column == "y67"));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(Dataset::read(folder.path()), Err(DatasetError::Labels { .. })));
    }
}
