//! The decades' average differences in the frame of the mean shape, from the training part of a cache.

use super::filters::{bands, blur, luma};
use super::masks;
use super::teacher::PriorError;
use crate::data::cache::{Cache, FaceRecord, Gender, Split};
use crate::data::tensors::faces_to_tensor;
use crate::nets::{BLACK, CODES, EditHead, FLOW_SHARE, ROWS, halved};
use shared::registration::{Field, MEAN};
use shared::{Decade, Landmarks, Point, decade};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor, no_grad};

/// What an edit's prototypes are made of. Genders: 0 male, 1 female.
#[derive(Debug)]
pub struct Bank {
    /// `[2, 6, 3, S, S]`: colour minus the mean over the decades, as a share of the local brightness.
    pub colour: Tensor,
    /// `[2, 6, 3, S, S]`: natural logarithm of each brightness band's contrast over its mean over the decades.
    pub gains: Tensor,
    /// `[2, 1, S, S]`: blended wrinkle texture as a share of the local brightness.
    pub wrinkles: Tensor,
    /// `[2, 6, 2, S/8, S/8]`: how far each place of the face lies from where it lies on average, in crop sides.
    pub shape: Tensor,
}

/// How strongly each part of the bank is applied, and where its decades lie. Averages wash ageing out; these bring it back to what single faces
/// show. Found by eye and by age judges.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strengths {
    pub colour: f64,
    /// Of each brightness band, finest first.
    pub gains: [f64; 3],
    pub wrinkles: f64,
    pub shape: f64,
    /// Where each decade lies among the averages of the decades: 0 is that of the 10s, 5 that of the 60s, straight between
    /// them and beyond. Averages of 20s that lie at 0.9 make everyone a little younger in their 20s.
    #[serde(default = "even")]
    pub places: [f64; decade::COUNT],
}

fn even() -> [f64; decade::COUNT] {
    std::array::from_fn(|decade| decade as f64)
}

/// Faces used of each gender, group and decade, so that no group outweighs the others.
const FACES_A_CELL: usize = 130;
/// A cell this full is believed half against the mean of all groups.
const BELIEVED: f64 = 80.0;
/// People whose wrinkles are blended, a gender: enough that nobody can be recognised.
const WRINKLED_FACES: usize = 24;
/// How much of the colour around the mouth is the cheeks' (see [`around_mouth`]).
const AROUND_MOUTH: f64 = 0.75;
/// How much is left out where marks are worn on the forehead.
const MARKED: f64 = 0.8;
const BATCH: usize = 16;
/// Contrast beyond this is an edge, not skin (20 of 255).
const BAND_LIMIT: f64 = 20.0 / 127.5;

impl Bank {
    pub fn build(cache: &Cache) -> Result<Self, PriorError> {
        no_grad(|| {
            let cells = cells(cache);
            let shape = shape(cache, &cells)?;
            let sums = Sums::over(cache, &cells)?;
            let wrinkles = wrinkles(cache, &cells)?;
            Ok(Self { colour: sums.colour(), gains: sums.gains(), wrinkles, shape })
        })
    }

    /// Lays the bank into a generator's head.
    pub fn fill(&self, head: &EditHead, strengths: Strengths) {
        no_grad(|| {
            let side = self.colour.size()[4];
            let placed = |maps: &Tensor| at(maps, &strengths.places);
            let rows = |maps: &Tensor, strength: f64| (halved(&placed(maps).flatten(0, 1)) * strength).view([ROWS, -1]);
            let put = |place: &Tensor, values: &Tensor| place.shallow_clone().copy_(values);
            put(&head.prototypes.colour, &rows(&around_mouth(&self.colour), strengths.colour));
            let bands = Tensor::from_slice(&strengths.gains.map(|gain| gain as f32)).view([3, 1, 1]);
            put(&head.prototypes.gains, &rows(&(&self.gains * bands), 1.0));
            put(&head.prototypes.wrinkles, &(&self.wrinkles * strengths.wrinkles).view([CODES, -1]));
            // A place that comes to lie further right takes its content from further left.
            put(&head.prototypes.flow, &(placed(&self.shape) * -strengths.shape).view([ROWS, -1]));
            let face = halved(&masks::face(&MEAN, side)).clamp(0.004, 0.985);
            let outside: Tensor = 1.0 - &face;
            put(&head.prototypes.place, &(face / outside).log());
            let (brows, eyes) = (masks::brows(&MEAN, side), masks::eyes(&MEAN, side));
            let eyes = eyes * (1.0 - &brows);
            put(&head.prototypes.spared, &halved(&Tensor::cat(&[brows, eyes], 1)).view([2, -1]));
        });
    }
}

/// `[2, 6, 3, S, S]`: the colour around the mouth as on the cheeks, where averages show what not everyone wears: women's
/// lipstick, in all decades, and grey beards. Cheeks that darken around it would leave a pale ring.
fn around_mouth(colour: &Tensor) -> Tensor {
    let side = colour.size()[4];
    let (zone, cheeks) = (masks::beard(&MEAN, side), masks::cheeks(&MEAN, side));
    let share = &cheeks / cheeks.sum(Kind::Float);
    let cheek = (colour * share).sum_dim_intlist([3i64, 4].as_slice(), true, Kind::Float);
    let worn = Decade::ALL.map(|decade| if decade >= Decade::Fifties { AROUND_MOUTH } else { 0.0 });
    let shares = Tensor::from_slice(&[worn, [AROUND_MOUTH; decade::COUNT]].concat()).to_kind(Kind::Float);
    colour + (cheek - colour) * zone * shares.view([2, -1, 1, 1, 1])
}

/// The decades of `maps` `[2, 6, …]` at other places among them, the same shape.
fn at(maps: &Tensor, places: &[f64; decade::COUNT]) -> Tensor {
    let of = |decade: i64| maps.select(1, decade);
    let mixed = places.map(|place| {
        let below = (place.floor() as i64).clamp(0, decade::COUNT as i64 - 2);
        let share = place - below as f64;
        of(below) * (1.0 - share) + of(below + 1) * share
    });
    Tensor::stack(&mixed, 1)
}

/// The faces of one gender, group and decade, as indices into the cache.
type Cells = BTreeMap<(usize, String, usize), Vec<usize>>;

fn cells(cache: &Cache) -> Cells {
    let mut cells = Cells::new();
    for (index, record) in cache.records().iter().enumerate().filter(|(_, r)| r.split == Split::Train) {
        let key = |gender| (gender, record.group.clone().unwrap_or_default(), record.decade.index());
        for gender in genders_of(record) {
            let cell = cells.entry(key(gender)).or_default();
            if cell.len() < FACES_A_CELL {
                cell.push(index);
            }
        }
    }
    cells
}

/// A face of unknown gender counts for both.
fn genders_of(record: &FaceRecord) -> Vec<usize> {
    match record.gender {
        Some(Gender::Male) => vec![0],
        Some(Gender::Female) => vec![1],
        None => vec![0, 1],
    }
}

/// `[2, 6, 2, S/8, S/8]`: the decades' mean shapes, alike on both sides, against their mean, as displacement fields.
fn shape(cache: &Cache, cells: &Cells) -> Result<Tensor, PriorError> {
    let means = |gender: usize| {
        let of = |decade: Decade| {
            let members: Vec<usize> = cells
                .iter()
                .filter(|((g, _, d), _)| *g == gender && *d == decade.index())
                .flat_map(|(_, members)| members.iter().copied())
                .collect();
            let faces = members.iter().map(|&index| cache.records()[index].landmarks);
            let both: Vec<Landmarks> = faces.flat_map(|face| [face, face.mirrored(1.0)]).collect();
            if both.is_empty() { Err(PriorError::EmptyDecade { decade }) } else { Ok(middle(&both)) }
        };
        Decade::ALL.into_iter().map(of).collect::<Result<Vec<_>, _>>()
    };
    let side = cache.side() as i64 / FLOW_SHARE;
    let mut values = Vec::new();
    for gender in 0..2 {
        let shapes = means(gender)?;
        let mean = middle(&shapes);
        for shape in shapes {
            let field = Field::of(&Landmarks(std::array::from_fn(|i| MEAN.0[i] + (shape.0[i] - mean.0[i]))));
            let centre = |i: i64| (i as f32 + 0.5) / side as f32;
            let places = (0..side * side).map(|i| field.at(Point::new(centre(i % side), centre(i / side))));
            let places: Vec<Point> = places.collect();
            values.extend(places.iter().map(|p| p.x).chain(places.iter().map(|p| p.y)));
        }
    }
    Ok(Tensor::from_slice(&values).view([2, decade::COUNT as i64, 2, side, side]))
}

/// The mean place of each landmark. (The median's ways from the 10s to the 60s agree less with those of faces that were not averaged:
/// a cosine of 0.95 for 0.98 in women and 0.87 for 0.90 in men.)
fn middle(faces: &[Landmarks]) -> Landmarks {
    Landmarks(std::array::from_fn(|i| Point::mean(&faces.iter().map(|face| face.0[i]).collect::<Vec<_>>())))
}

/// Sums over faces (and their mirror images) a cell.
struct Sums {
    side: i64,
    /// Mean colour `[3, S, S]` and count of faces a cell.
    colour: BTreeMap<(usize, String, usize), (Tensor, usize)>,
    /// Summed band contrast `[3, S, S]` and count a gender and decade.
    contrast: BTreeMap<(usize, usize), (Tensor, usize)>,
}

impl Sums {
    fn over(cache: &Cache, cells: &Cells) -> Result<Self, PriorError> {
        let side = cache.side() as i64;
        let mut sums = Self { side, colour: BTreeMap::new(), contrast: BTreeMap::new() };
        for (key, members) in cells {
            let blank = || Tensor::zeros([3, side, side], (Kind::Float, Device::Cpu));
            let (mut colour, mut contrast) = (blank(), blank());
            for batch in members.chunks(BATCH) {
                let faces = faces_to_tensor(cache, batch)?;
                let both = Tensor::cat(&[&faces, &faces.flip([3])], 0);
                colour += both.sum_dim_intlist([0i64].as_slice(), false, Kind::Float) / 2.0;
                let bands = bands(&luma(&both)).abs().clamp_max(BAND_LIMIT);
                contrast += bands.sum_dim_intlist([0i64].as_slice(), false, Kind::Float) / 2.0;
            }
            let entry = sums.contrast.entry((key.0, key.2)).or_insert_with(|| (blank(), 0));
            entry.0 += contrast;
            entry.1 += members.len();
            sums.colour.insert(key.clone(), (colour / members.len() as f64, members.len()));
        }
        Ok(sums)
    }

    /// `[2, 6, 3, S, S]`: for each group the differences between its decades, believed as far as its faces are many, and
    /// the mean over the groups; without most of the overall change of skin tone, which is the sample's and not age's.
    fn colour(&self) -> Tensor {
        let face = masks::face(&MEAN, self.side);
        let genders = [0, 1].map(|gender| {
            let groups: std::collections::BTreeSet<&str> =
                self.colour.keys().filter(|key| key.0 == gender).map(|key| key.1.as_str()).collect();
            let overall = self.decades(gender, &groups);
            let overall = &overall - overall.mean_dim([0i64].as_slice(), true, Kind::Float);
            let group_differences: Vec<Tensor> = groups
                .iter()
                .map(|group| {
                    let own = self.decades(gender, &std::iter::once(*group).collect());
                    let own = &own - own.mean_dim([0i64].as_slice(), true, Kind::Float);
                    let counts = decade_counts(|d| self.cell(gender, group, d).map_or(0, |cell| cell.1));
                    let belief = (&counts / (&counts + BELIEVED)).view([-1, 1, 1, 1]);
                    &own * &belief + &overall * (1.0 - belief)
                })
                .collect();
            Tensor::stack(&group_differences, 0).mean_dim([0i64].as_slice(), false, Kind::Float)
        });
        let all = Tensor::stack(&genders, 0);
        let weight = &face / face.sum(Kind::Float);
        let tone = (&all * weight.view([1, 1, 1, self.side, self.side])).sum_dim_intlist(
            [3i64, 4].as_slice(),
            true,
            Kind::Float,
        );
        let shaped: Tensor = (all - tone * 0.8) * (1.0 - masks::mark(&MEAN, self.side) * MARKED);
        // Older men of the sample wear more beards; nobody should grow one that is not theirs.
        let beard: Tensor = 1.0 - masks::beard(&MEAN, self.side) * 0.6;
        let _ = shaped.select(0, 0).g_mul_(&beard.view([1, 1, self.side, self.side]));
        // Teenagers' fringes would be painted on foreheads.
        let row = Tensor::arange(self.side, (Kind::Float, Device::Cpu)) / self.side as f64;
        let brow = ((row - 0.17) / 0.11).clamp(0.25, 1.0).view([1, 1, self.side, 1]);
        let _ = shaped.select(1, 0).g_mul_(&brow);
        let shaped = &shaped - shaped.mean_dim([1i64].as_slice(), true, Kind::Float);
        shaped / self.ground()
    }

    /// `[2, 1, 1, S, S]`: the mean face's local brightness above black, as [`EditHead::edit`] sees it.
    fn ground(&self) -> Tensor {
        let genders = [0, 1].map(|gender| {
            let groups = self.colour.keys().filter(|key| key.0 == gender).map(|key| key.1.as_str()).collect();
            let mean = self.decades(gender, &groups).mean_dim([0i64].as_slice(), true, Kind::Float);
            let brightness = luma(&mean);
            &brightness - bands(&brightness).narrow(1, 0, 2).sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
                + BLACK
        });
        Tensor::stack(&genders, 0)
    }

    /// Mean colour a decade `[6, 3, S, S]` over some groups; a decade nobody is in takes the mean of the others.
    fn decades(&self, gender: usize, groups: &std::collections::BTreeSet<&str>) -> Tensor {
        let mean_of = |decade: usize| {
            let cells: Vec<_> = groups.iter().filter_map(|group| self.cell(gender, group, decade)).collect();
            let weight = |count: usize| count.min(60) as f64;
            let total: f64 = cells.iter().map(|cell| weight(cell.1)).sum();
            cells.iter().map(|cell| &cell.0 * (weight(cell.1) / total)).reduce(|a, b| a + b)
        };
        let means: Vec<Option<Tensor>> = (0..decade::COUNT).map(mean_of).collect();
        let present: Vec<Tensor> = means.iter().flatten().map(Tensor::shallow_clone).collect();
        let fallback = Tensor::stack(&present, 0).mean_dim([0i64].as_slice(), false, Kind::Float);
        let filled: Vec<Tensor> =
            means.into_iter().map(|mean| mean.unwrap_or_else(|| fallback.shallow_clone())).collect();
        Tensor::stack(&filled, 0)
    }

    fn cell(&self, gender: usize, group: &str, decade: usize) -> Option<&(Tensor, usize)> {
        self.colour.get(&(gender, group.to_owned(), decade))
    }

    /// `[2, 6, 3, S, S]`
    fn gains(&self) -> Tensor {
        let means: Vec<Tensor> = self.contrast.values().map(|(sum, count)| sum / *count as f64).collect();
        let means = blur(&Tensor::stack(&means, 0), 1.6) + 1e-4;
        let logs = means.log().view([2, decade::COUNT as i64, 3, self.side, self.side]);
        let mark = masks::mark(&MEAN, self.side) * MARKED;
        (&logs - logs.mean_dim([1i64].as_slice(), true, Kind::Float)) * (1.0 - mark)
    }
}

fn decade_counts(count: impl Fn(usize) -> usize) -> Tensor {
    let counts: Vec<f32> = (0..decade::COUNT).map(|d| count(d) as f32).collect();
    Tensor::from_slice(&counts)
}

/// `[2, 1, S, S]`: what lies above a blur of the skin, over the local brightness, blended over the people of each gender
/// in whom it is strongest on both sides of the face alike; noise and side light are not.
fn wrinkles(cache: &Cache, cells: &Cells) -> Result<Tensor, PriorError> {
    let side = cache.side() as i64;
    let unit = side as f64 / 128.0;
    let skin = masks::skin(&MEAN, side);
    // Glasses are alike on both sides too: whoever has strong edges around the eyes is passed over.
    let spared: Tensor = masks::mark(&MEAN, side);
    let judged = 1.0 - masks::glasses(&MEAN, side).maximum(&spared) * 3.0;
    let mut blended = Vec::new();
    for gender in 0..2 {
        let old = cells.iter().filter(|((g, _, d), _)| *g == gender && *d >= Decade::Fifties.index());
        let indices: Vec<usize> = old.flat_map(|(_, members)| members.iter().copied()).collect();
        let (mut textures, mut strengths) = (Vec::new(), Vec::new());
        for batch in indices.chunks(BATCH) {
            let brightness = luma(&faces_to_tensor(cache, batch)?);
            let ground = blur(&brightness, 4.0 * unit);
            let texture = ((brightness - &ground) / (ground + 1.2)).clamp(-0.35, 0.25) * &skin;
            let alike = &texture * texture.flip([3]);
            let alike = (&alike * &judged).mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float);
            textures.push(texture);
            strengths.push(alike);
        }
        let (textures, strengths) = (Tensor::cat(&textures, 0), Tensor::cat(&strengths, 0));
        let count = WRINKLED_FACES.min(indices.len()) as i64;
        let strongest = strengths.topk(count, 0, true, true).1;
        // Between a mean, in which nothing is left, and a sum, which nobody has; what only a few have falls out.
        let (ordered, _) = textures.index_select(0, &strongest).sort(0, false);
        let few = count / 6;
        let kept = ordered.narrow(0, few, count - 2 * few).mean_dim([0i64].as_slice(), true, Kind::Float);
        let mut texture = kept * (count as f64).powf(0.25);
        if gender == 0 {
            let beard: Tensor = masks::beard(&MEAN, side);
            texture *= 1.0 - beard * 0.65;
        }
        texture = (&texture - blur(&texture, 6.0 * unit)) * (1.0 - masks::glasses(&MEAN, side) * 0.4);
        blended.push(texture * (1.0 - &spared * MARKED));
    }
    // Men and women wrinkle about as strongly.
    let strengths = blended.iter().map(|texture: &Tensor| texture.square().mean(Kind::Float).sqrt());
    let strengths = Tensor::stack(&strengths.collect::<Vec<_>>(), 0).view([2, 1, 1, 1]);
    Ok(Tensor::cat(&blended, 0) / &strengths * strengths.mean(Kind::Float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn around_the_mouth_is_the_cheeks_colour_where_lipstick_or_grey_beards_are_worn() {
        let side = 64;
        // 0.2 wherever beards grow, 0.1 above.
        let colour =
            (masks::beard(&MEAN, side).view([1, 1, 1, side, side]) * 0.1 + 0.1).expand([2, 6, 3, side, side], false);
        let mixed = around_mouth(&colour);
        assert_eq!(mixed.size(), colour.size());
        let at = |gender: i64, decade: i64, [x, y]: [f32; 2]| {
            let pixel = |place: f32| (place * side as f32) as i64;
            mixed.double_value(&[gender, decade, 1, pixel(y), pixel(x)])
        };
        let (chin, forehead) = ([0.5, 0.95], [0.5, 0.15]);
        for decade in 0..6 {
            assert!((0..2).all(|gender| (at(gender, decade, forehead) - 0.1).abs() < 1e-4));
            let cheek = |gender| 0.2 - (0.2 - at(gender, decade, chin)) / AROUND_MOUTH;
            assert!((0.1..0.15).contains(&cheek(1)), "cheeks are mostly above the beard, found {}", cheek(1));
            let beardless = if decade < 4 { 0.2 } else { cheek(1) };
            assert!((cheek(0) - beardless).abs() < 1e-4, "decade {decade}: {}", cheek(0));
        }
    }

    #[test]
    fn decades_lie_where_they_are_placed() {
        // The decade `d` of gender `g` holds 10 g + d².
        let maps = Tensor::from_slice(&[0.0f32, 1.0, 4.0, 9.0, 16.0, 25.0, 10.0, 11.0, 14.0, 19.0, 26.0, 35.0]);
        let maps = maps.view([2, 6, 1, 1, 1]);
        let placed = at(&maps, &[-0.5, 1.0, 1.5, 3.25, 4.0, 5.5]);
        assert_eq!(placed.size(), maps.size());
        let found: Vec<f64> = (0..6).map(|d| placed.double_value(&[1, d, 0, 0, 0]) - 10.0).collect();
        assert_eq!(found, [-0.5, 1.0, 2.5, 10.75, 16.0, 29.5]);
    }
}
