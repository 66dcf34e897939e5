//! The head `edit`: what to do to a face rather than a new face. The decades' prototypes ([`crate::prior`]) lie in the net as
//! constants in the frame of the mean shape, mixed by how far the target decade is from the apparent one; the convolutions
//! draw what this face needs beyond them. Paint first, then reshape: [`Edit::apply`].

use super::generator::GeneratorConfig;
use super::layers::{Conv, Padding};
use super::visitor::{CODES, Visitor};
use crate::prior::filters::{bands, luma};
use shared::decade;
use tch::nn::Path;
use tch::{Device, Kind, Tensor};

/// Channels that the last convolution draws at half of the picture's resolution: colour 3, gains 3, mask 1, and 2×2 pixels
/// of texture.
pub const DRAWN: i64 = 11;
/// Entries of the condition: target decade, apparent decade, code.
pub const CONDITION: i64 = 2 * DECADES + CODES;
/// Rows of the prototypes: a code's decades after another's.
pub const ROWS: i64 = CODES * DECADES;
const DECADES: i64 = decade::COUNT as i64;
/// Side of the displacement field as a share of the picture's: 1 / 8.
pub const FLOW_SHARE: i64 = 8;
/// Largest colour change that the convolutions add, as a share of the local brightness.
pub const COLOUR_REACH: f64 = 0.25;
/// Largest texture that the convolutions add, as a share of the local brightness.
pub const TEXTURE_REACH: f64 = 0.2;
/// Longest way that the convolutions move a place, in crop sides.
pub const FLOW_REACH: f64 = 0.03;
/// Natural logarithms of the least and the greatest gain of a brightness band.
pub const GAINS: (f64, f64) = (-2.2, 1.1);
/// Added to brightness (−1..1) to make it positive, so that paint can be a share of it: skin reflects a share of the light that
/// falls on it, and what age does to skin is as dark as the shade it lies in.
pub const BLACK: f64 = 1.2;
/// How much further paint and coarse contrast go for each decade that a face is to become younger, and older: averages wash
/// ageing out, and far journeys more than near ones. What a net begins with: [`crate::train::calibrate`] moves them in the end.
pub const LIFTS: [f32; 2] = [0.21, 0.053];
/// Most that paint and coarse contrast change a place, as a share of the local brightness; what would be more bends towards it. In
/// side light, in haze and on folds all changes meet in one place, as a dark line or as dirt, and who changes most there is the
/// first whom nobody knows again (by judges of identity and of age).
pub const DEEPEST: f64 = 0.25;
/// How much deeper a change may be for each decade that a face is to become younger, and older, as a share of [`DEEPEST`]: what makes
/// sixty of fifteen is more than what makes it of fifty. Young faces gain nothing by it but darker eyes.
pub const DEEPENS: [f32; 2] = [0.0, 0.14];
/// How much further contrast goes for each decade that a face is to become younger (first row) or older (second), of each
/// brightness band, finest first: averages tell little of what wrinkled skin was like. What grows and what fades differ, since
/// coarse contrast that grows in a younger face darkens its eyes (found by eye and by age judges).
pub const GROWS: [[f32; 3]; 2] = [[0.7, 0.0, 0.0], [-0.12, 0.35, 0.35]];
/// As [`GROWS`], of contrast that fades.
pub const FADES: [[f32; 3]; 2] = [[0.465, 1.0, 1.0], [0.0, 0.0, 0.0]];
/// How much of the prototypes' colour and contrast is left out on brows and on eyes, for each decade that a face is to become younger
/// (first row) or older (second), up to [`SPARED_AT_MOST`]. Darker brows make young at little cost to who it is; paler ones hardly age
/// a face and make somebody else of it (measured). Brows that are there turn grey by what the convolutions draw. Young eyes are
/// darker, being wider open: painted on the narrow eyes of old faces, that makes black holes of them, the deeper, the further the way.
pub const SPARED: [[f32; 2]; 2] = [[0.3, 0.15], [1.0, 0.6]];
/// See [`SPARED`].
pub const SPARED_AT_MOST: [[f32; 2]; 2] = [[0.3, 0.6], [1.0, 0.6]];
/// Wrinkles a decade, as a share of the recipe's strength: found by eye, then all of them lowered by 0.07, as they cost more of who
/// somebody is than they give in years.
pub const WRINKLES: [f32; decade::COUNT] = [0.0, 0.0, 0.0, 0.28, 0.6, 0.93];

/// The head's constants and its own small nets.
#[derive(Debug)]
pub struct EditHead {
    pub visitor: Visitor,
    pub prototypes: Prototypes,
    /// `[2]`, see [`LIFTS`]; not trained.
    pub lifts: Tensor,
    /// Draws the displacement field from the middle features, `[N, 2, S/8, S/8]` once it is shuffled
    /// ([`GeneratorConfig::patch`]).
    pub flow: Conv,
    size: i64,
}

/// What the decades' average faces have in common, row by row (see [`ROWS`]). Not trained further.
#[derive(Debug)]
pub struct Prototypes {
    /// `[ROWS, 3 · S/2 · S/2]`: colour to add as a share of the local brightness.
    pub colour: Tensor,
    /// `[ROWS, 3 · S/2 · S/2]`: natural logarithm of the gain of three brightness bands.
    pub gains: Tensor,
    /// `[CODES, S · S]`: wrinkle texture of the sixties as a share of the local brightness.
    pub wrinkles: Tensor,
    /// `[ROWS, 2 · S/8 · S/8]`: where a place looks for its content, in crop sides.
    pub flow: Tensor,
    /// `[1, 1, S/2, S/2]`: logit of the mask where the convolutions say nothing.
    pub place: Tensor,
    /// `[2, S/2 · S/2]` in 0..1: brows and eyes, see [`SPARED`].
    pub spared: Tensor,
}

/// What to do to faces; see [`shared::manifest::Kind::Edit`].
#[derive(Debug)]
pub struct Edit {
    /// `[N, 3, S, S]`, masked.
    pub change: Tensor,
    /// `[N, 1, S, S]`, masked.
    pub detail: Tensor,
    /// `[N, 1, S, S]`
    pub smooth: Tensor,
    /// `[N, 2, S/8, S/8]`
    pub flow: Tensor,
    /// `[N, 1, S/2, S/2]` in 0..1.
    pub mask: Tensor,
}

/// Whose faces, and what they are to become: `[N, 6]` target, `[N, 6]` apparent decade, `[N, CODES]` code.
#[derive(Clone, Copy, Debug)]
pub struct Ages<'a> {
    pub target: &'a Tensor,
    pub apparent: &'a Tensor,
    pub code: &'a Tensor,
}

impl EditHead {
    pub fn new(path: &Path, config: &GeneratorConfig) -> Self {
        let GeneratorConfig { size, precision, .. } = *config;
        let (half, coarse) = (size / 2, size / FLOW_SHARE);
        let constant = |name: &str, rows: i64, values: i64| path.zeros_no_train(name, &[rows, values]);
        let prototypes = Prototypes {
            colour: constant("colour", ROWS, 3 * half * half),
            gains: constant("gains", ROWS, 3 * half * half),
            wrinkles: constant("wrinkles", CODES, size * size),
            flow: constant("flow", ROWS, 2 * coarse * coarse),
            place: path.zeros_no_train("place", &[1, 1, half, half]),
            spared: constant("spared", 2, half * half),
        };
        let visitor = Visitor::new(&(path / "visitor"));
        visitor.freeze();
        let places = config.patch() * config.patch();
        let flow = Conv::new(path / "reshape", (4 * config.width, 2 * places), 3, 1, Padding::Zeros(1), precision);
        flow.quieten();
        let lifts = path.zeros_no_train("lifts", &[2]);
        tch::no_grad(|| lifts.shallow_clone().copy_(&Tensor::from_slice(&LIFTS)));
        Self { visitor, prototypes, lifts, flow, size }
    }

    /// Takes another's visitor net, prototypes and lifts.
    pub fn copy(&self, other: &Self) {
        self.visitor.copy(&other.visitor);
        let tensors = |head: &Self| {
            let Prototypes { colour, gains, wrinkles, flow, place, spared } = &head.prototypes;
            [colour, gains, wrinkles, flow, place, spared, &head.lifts].map(Tensor::shallow_clone)
        };
        tch::no_grad(|| {
            for (mut mine, theirs) in tensors(self).into_iter().zip(tensors(other)) {
                mine.copy_(&theirs);
            }
        });
    }

    /// The edit of `faces` `[N, 3, S, S]`. `drawn` `[N, DRAWN, S/2, S/2]` and `moved` `[N, 2, S/8, S/8]` are what the
    /// convolutions drew; without them the prototypes speak alone.
    pub fn edit(&self, faces: &Tensor, ages: Ages, drawn: Option<(&Tensor, &Tensor)>) -> Edit {
        let (n, half, coarse) = (faces.size()[0], self.size / 2, self.size / FLOW_SHARE);
        let Prototypes { colour, gains, wrinkles, flow, place, spared } = &self.prototypes;
        let way = Way::of(ages, &self.lifts);
        let mixed = |rows: &Tensor, channels: i64, side: i64| way.rows.matmul(rows).view([n, channels, side, side]);
        let painted: Tensor = 1.0 - way.spared.matmul(spared).view([n, 1, half, half]);
        let (mut colour, gains) = (mixed(colour, 3, half) * &painted, mixed(gains, 3, half) * &painted);
        let mut gains = gains.relu() * &way.grows - (-gains).relu() * &way.fades;
        let (mut flow, mut logit) = (mixed(flow, 2, coarse), place.expand([n, 1, half, half], false));
        let mut texture = way.wrinkles.matmul(wrinkles).view([n, 1, self.size, self.size]);
        if let Some((drawn, moved)) = drawn {
            colour += drawn.narrow(1, 0, 3).tanh() * COLOUR_REACH;
            gains += drawn.narrow(1, 3, 3);
            logit = logit.g_add(&drawn.narrow(1, 6, 1));
            texture += (drawn.narrow(1, 7, 4).tanh() * TEXTURE_REACH).pixel_shuffle(2);
            flow += moved.tanh() * FLOW_REACH;
        }
        let mask = logit.sigmoid();
        let factors = gains.clamp(GAINS.0, GAINS.1).exp() - 1.0;
        let whole = doubled(&Tensor::cat(&[&colour * &mask, &factors * &mask, mask.shallow_clone()], 1));
        let (colour, factors, soft) = (whole.narrow(1, 0, 3), whole.narrow(1, 3, 3), whole.narrow(1, 6, 1));
        let brightness = luma(faces);
        let bands = bands(&brightness);
        let coarser =
            (factors.narrow(1, 1, 2) * bands.narrow(1, 1, 2)).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        let smooth = &brightness - bands.narrow(1, 0, 1);
        let ground = &smooth - bands.narrow(1, 1, 1) + BLACK;
        let share = colour + texture * soft + coarser / &ground;
        let change = (share * (&way.lift / &way.deepest)).tanh() * ground * &way.deepest;
        Edit { change, detail: factors.narrow(1, 0, 1), smooth, flow, mask }
    }
}

/// How far faces are to go.
struct Way {
    /// What the rows of the prototypes are mixed with, `[N, ROWS]`: target minus apparent decade, shared out over the codes.
    rows: Tensor,
    /// How much more contrast grows where it grows, `[N, 3, 1, 1]`, from 1 on.
    grows: Tensor,
    /// As `grows`, where it fades.
    fades: Tensor,
    /// How much further paint and coarse contrast go, `[N, 1, 1, 1]`, from 1 on.
    lift: Tensor,
    /// Most that they change a place, `[N, 1, 1, 1]`, from [`DEEPEST`] on.
    deepest: Tensor,
    /// How much is left out on brows and on eyes, `[N, 2]` in 0..1.
    spared: Tensor,
    /// `[N, CODES]`: wrinkles to add; none are taken away, that is the gains' part.
    wrinkles: Tensor,
}

impl Way {
    fn of(ages: Ages, lifts: &Tensor) -> Self {
        let way = ages.target - ages.apparent;
        let table = |values: &[f32]| Tensor::from_slice(values).to_device(way.device());
        let up = Tensor::arange(DECADES, (Kind::Float, way.device()));
        let decades = way.matmul(&Tensor::stack(&[-&up, up], 1)).relu();
        let of_parts = |shares: &[[f32; 2]; 2]| table(shares.as_flattened()).view([1, 2, 2]);
        let spared = decades.unsqueeze(2) * of_parts(&SPARED);
        let by =
            |more: &Tensor, channels: i64| (decades.matmul(&more.view([2, channels])) + 1.0).view([-1, channels, 1, 1]);
        let further = |bands: &[f32], channels: i64| by(&table(bands), channels);
        Self {
            rows: (ages.code.unsqueeze(2) * way.unsqueeze(1)).view([-1, ROWS]),
            grows: further(GROWS.as_flattened(), 3),
            fades: further(FADES.as_flattened(), 3),
            lift: by(lifts, 1),
            deepest: further(&DEEPENS, 1) * DEEPEST,
            spared: spared.minimum(&of_parts(&SPARED_AT_MOST)).sum_dim_intlist([1i64].as_slice(), false, Kind::Float),
            wrinkles: ages.code * way.matmul(&table(&WRINKLES).view([DECADES, 1])).relu(),
        }
    }
}

impl Edit {
    /// `[N, 3, S, S]`: the faces painted, then reshaped, not yet clamped.
    pub fn apply(&self, faces: &Tensor) -> Tensor {
        const BICUBIC: i64 = 2;
        const BORDER: i64 = 1;
        let [n, _, h, w] = faces.size()[..] else { unreachable!("faces are [N, 3, S, S]") };
        let painted = faces + &self.change + &self.detail * (luma(faces) - &self.smooth);
        let field = self.flow.upsample_bilinear2d([h, w], false, None, None).permute([0, 2, 3, 1]) * 2.0;
        let identity = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0]).view([1, 2, 3]).to_device(faces.device());
        let centres = Tensor::affine_grid_generator(&identity.expand([n, 2, 3], false), [n, 1, h, w], false);
        painted.grid_sampler(&(centres + field), BICUBIC, BORDER, false)
    }
}

/// Twice the size by linear interpolation, `[N, C, H, W]` → `[N, C, 2H, 2W]`, mirrored at the border; written as a convolution
/// to the four pixels of each, which every runtime has.
pub fn doubled(x: &Tensor) -> Tensor {
    let [n, c, h, w] = x.size()[..] else { unreachable!("pictures are [N, C, H, W]") };
    let padded = x.reshape([n * c, 1, h, w]).reflection_pad2d([1, 1, 1, 1]);
    let four = padded.conv2d(&doubling(x.device()), None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1);
    four.pixel_shuffle(2).view([n, c, 2 * h, 2 * w])
}

/// `[4, 1, 3, 3]`: the weights of [`doubled`].
pub fn doubling(device: Device) -> Tensor {
    let ends = Tensor::from_slice(&[0.25f32, 0.75, 0.0, 0.0, 0.75, 0.25]).view([2, 3]);
    let kernel = ends.view([2, 1, 3, 1]) * ends.view([1, 2, 1, 3]);
    kernel.view([4, 1, 3, 3]).to_device(device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::testing::config;
    use crate::nets::{ConditionMode, Head};
    use tch::nn;

    fn head() -> EditHead {
        tch::manual_seed(3);
        let store = nn::VarStore::new(Device::Cpu);
        let head = EditHead::new(&store.root(), &config(Head::Edit, ConditionMode::Film));
        tch::no_grad(|| {
            for tensor in
                [&head.prototypes.colour, &head.prototypes.gains, &head.prototypes.wrinkles, &head.prototypes.flow]
            {
                let _ = tensor.shallow_clone().uniform_(-0.1, 0.1);
            }
        });
        head
    }

    fn shares(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).unsqueeze(0)
    }

    #[test]
    fn the_apparent_decade_itself_changes_nothing() {
        let face = Tensor::rand([1, 3, 32, 32], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        let (thirties, code) = (shares(&[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), shares(&[0.3, 0.7]));
        let same = Ages { target: &thirties, apparent: &thirties, code: &code };
        let edit = head().edit(&face, same, None);
        assert!((edit.apply(&face) - &face).abs().max().double_value(&[]) < 1e-5);
        let sixties = shares(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let aged = head().edit(&face, Ages { target: &sixties, ..same }, None).apply(&face);
        assert!((aged - &face).abs().mean(Kind::Float).double_value(&[]) > 1e-3);
    }

    #[test]
    fn contrast_that_fades_goes_the_further_the_further_the_way() {
        let (sixties, code) = (shares(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]), shares(&[1.0, 0.0]));
        let head = head();
        tch::no_grad(|| {
            let _ = head.prototypes.gains.shallow_clone().zero_();
            let _ = head.prototypes.gains.narrow(0, 5, 1).fill_(0.1);
        });
        let face = Tensor::rand([1, 3, 32, 32], (Kind::Float, Device::Cpu));
        // In whole faces the finest band's factor is 1 + detail.
        let log = |from: &Tensor, to: &Tensor| {
            let edit = head.edit(&face, Ages { target: to, apparent: from, code: &code }, None);
            (edit.detail / doubled(&edit.mask) + 1.0).log().mean(Kind::Float).double_value(&[])
        };
        let (fifties, tens) = (shares(&[0.0, 0.0, 0.0, 0.0, 1.0, 0.0]), shares(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]));
        let (near, far, back) = (log(&sixties, &fifties), log(&sixties, &tens), log(&fifties, &sixties));
        assert!(near < -0.1 && far < 2.0 * near, "{near} {far}");
        let growth = 0.1 * f64::from(1.0 + GROWS[1][0]);
        assert!((back - growth).abs() < 1e-3, "{back} {growth}");
    }

    /// What a head whose colour rises by the same amount a decade paints on a flat face, as a share of its brightness.
    fn painted(step: f64, from: usize, to: usize) -> f64 {
        painted_on([0.0, 0.0], step, from, to)
    }

    /// As [`painted`], where it is all brows and eyes to these shares.
    fn painted_on(parts: [f64; 2], step: f64, from: usize, to: usize) -> f64 {
        let (face, code) = (Tensor::zeros([1, 3, 32, 32], (Kind::Float, Device::Cpu)), shares(&[1.0, 0.0]));
        let head = head();
        let one = |decade: usize| shares(&std::array::from_fn::<f32, 6, _>(|i| f32::from(u8::from(i == decade))));
        tch::no_grad(|| {
            let rows = Tensor::arange(DECADES, (Kind::Float, Device::Cpu)).repeat([CODES]).view([ROWS, 1]) * step;
            head.prototypes.colour.shallow_clone().copy_(&rows.expand_as(&head.prototypes.colour));
            for tensor in [&head.prototypes.gains, &head.prototypes.wrinkles] {
                let _ = tensor.shallow_clone().zero_();
            }
            let _ = head.prototypes.place.shallow_clone().fill_(20.0);
            for (row, share) in parts.into_iter().enumerate() {
                let _ = head.prototypes.spared.get(row as i64).fill_(share);
            }
        });
        let ages = Ages { target: &one(to), apparent: &one(from), code: &code };
        head.edit(&face, ages, None).change.mean(Kind::Float).double_value(&[]) / BLACK
    }

    #[test]
    fn small_changes_go_the_further_the_further_the_way() {
        for (from, to) in [(0, 1), (0, 5), (2, 5), (5, 0), (4, 3)] {
            let way = to as f64 - from as f64;
            let lift = f64::from(LIFTS[usize::from(to > from)]) * way.abs() + 1.0;
            let share = painted(1e-4, from, to) / 1e-4;
            assert!((share - way * lift).abs() < 0.01 * lift, "{from} → {to}: {share}");
        }
    }

    #[test]
    fn brows_and_eyes_are_spared_by_the_way_up_to_a_limit() {
        for (from, to) in [(3usize, 2usize), (3, 1), (5, 0), (2, 3), (2, 4), (2, 2)] {
            let (direction, decades) = (usize::from(to > from), from.abs_diff(to) as f32);
            for part in 0..2 {
                let share = (SPARED[direction][part] * decades).min(SPARED_AT_MOST[direction][part]);
                let parts = std::array::from_fn(|i| if i == part { 1.0 } else { 0.0 });
                let expected = painted(1e-4, from, to) * (1.0 - f64::from(share));
                let found = painted_on(parts, 1e-4, from, to);
                assert!((found - expected).abs() < 1e-7, "{from} → {to}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn no_change_is_deeper_than_it_may_be() {
        let deepest = |from: usize, to: usize| {
            DEEPEST * (1.0 + f64::from(DEEPENS[usize::from(to > from)]) * from.abs_diff(to) as f64)
        };
        for step in [-9.0, -0.2, 0.05, 0.4] {
            let (near, far) = (painted(step, 1, 2), painted(step, 1, 3));
            assert!(near * step > 0.0 && near.abs() <= far.abs() && far.abs() <= deepest(1, 3) + 1e-5, "{near} {far}");
        }
        for (from, to) in [(0, 1), (0, 5), (5, 0)] {
            assert!(painted(9.0, from, to).abs() > 0.99 * deepest(from, to), "{from} → {to}");
        }
    }

    #[test]
    fn doubling_keeps_flat_flat_and_ramps_straight() {
        let ramp = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([1, 1, 1, 8]).expand([1, 1, 8, 8], true);
        let twice = doubled(&ramp);
        assert_eq!(twice.size(), [1, 1, 16, 16]);
        for x in 2..14 {
            assert!((twice.double_value(&[0, 0, 5, x]) - (x as f64 / 2.0 - 0.25)).abs() < 1e-5);
        }
    }

    #[test]
    fn flow_moves_content_against_itself() {
        let face =
            Tensor::arange(32, (Kind::Float, Device::Cpu)).view([1, 1, 1, 32]).expand([1, 3, 32, 32], true) / 64.0;
        let zeros = |c: i64| Tensor::zeros([1, c, 32, 32], (Kind::Float, Device::Cpu));
        let flow = Tensor::full([1, 2, 4, 4], 2.0 / 32.0, (Kind::Float, Device::Cpu));
        let edit = Edit { change: zeros(3), detail: zeros(1), smooth: zeros(1), flow, mask: zeros(1) };
        let moved = edit.apply(&face);
        assert!((moved.double_value(&[0, 0, 16, 10]) - 12.0 / 64.0).abs() < 1e-3);
    }
}
