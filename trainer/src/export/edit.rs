//! The head `edit` as ONNX nodes: the visitor net, what the layers are told, and the edit itself, line for line as in
//! [`crate::nets`].

use super::onnx::{Attribute, GraphBuilder};
use super::operators::{Walk, values};
use crate::nets::{
    BLACK, CODES, COLOUR_REACH, DEEPENS, DEEPEST, DRAWN, EditHead, FADES, FLOW_REACH, FLOW_SHARE, GAINS, GROWS,
    GeneratorConfig, ROWS, SPARED, SPARED_AT_MOST, STEEPNESS, TEXTURE_REACH, Unit, Visitor, WRINKLES, doubling,
};
use crate::prior::filters::{BAND_SIGMAS, LUMA, gaussian};
use shared::decade;
use tch::{Device, Tensor};

const DECADES: i64 = decade::COUNT as i64;

/// Names of what the visitor net made of the face.
pub struct Told {
    /// `[1, CONDITION]` ([`crate::nets::CONDITION`]): what the layers are told.
    pub condition: String,
    /// `[1, 6]`: target minus apparent decade.
    way: String,
    /// `[1, 2]`: decades towards younger years, and towards older ones.
    decades: String,
    /// `[1, CODES]`
    code: String,
}

/// `face` and `age` → what the layers are told.
pub fn condition(graph: &mut GraphBuilder, visitor: &Visitor, face: &str, age: &str) -> Told {
    let two = [("kernel_shape", Attribute::Ints(vec![2; 2])), ("strides", Attribute::Ints(vec![2; 2]))];
    let small = graph.node("AveragePool", &[face], "visitor.small", &two);
    let mut x = unit(graph, "visitor.stem", &visitor.stem, &small);
    x = silu(graph, "visitor.stem.silu", &x);
    for (i, block) in visitor.blocks.iter().enumerate() {
        let name = |part: &str| format!("visitor.block{}.{part}", i + 1);
        let y = unit(graph, &name("first"), &block.first, &x);
        let y = silu(graph, &name("first.silu"), &y);
        let y = unit(graph, &name("second"), &block.second, &y);
        let past = graph.node("AveragePool", &[&x], &name("halved"), &two);
        let past = unit(graph, &name("past"), &block.past, &past);
        let sum = graph.add(&name("sum"), &y, &past);
        x = silu(graph, &name("silu"), &sum);
    }
    let mean = graph.mean_plane("visitor.mean", &x);
    let mean = graph.flatten("visitor.flat", &mean);
    let logits = graph.linear("visitor.logits", &mean, &visitor.weight, Some(&visitor.bias));
    let softmax = |graph: &mut GraphBuilder, name: &str, x: &str| {
        graph.node("Softmax", &[x], name, &[("axis", Attribute::Int(1))])
    };
    let steepness = graph.floats("visitor.steepness", &[1], &[STEEPNESS as f32]);
    let decades = graph.channels("visitor.decade.timid", &logits, 0..DECADES);
    let decades = graph.multiply("visitor.decade.logits", &decades, &steepness);
    let apparent = softmax(graph, "visitor.decade", &decades);
    let codes = graph.channels("visitor.code.logits", &logits, DECADES..DECADES + CODES);
    let code = softmax(graph, "visitor.code", &codes);
    let along = [("axis", Attribute::Int(1))];
    let condition = graph.node("Concat", &[age, &apparent, &code], "condition", &along);
    let way = graph.node("Sub", &[age, &apparent], "way", &[]);
    let decades = decades_apart(graph, &way);
    Told { condition, way, decades, code }
}

fn decades_apart(graph: &mut GraphBuilder, way: &str) -> String {
    let up: Vec<f32> = (0..DECADES).flat_map(|i| [-(i as f32), i as f32]).collect();
    let up = graph.floats("way.decades.table", &[DECADES, 2], &up);
    let decades = graph.node("MatMul", &[way, &up], "way.decades.signed", &[]);
    graph.relu("way.decades", &decades)
}

fn unit(graph: &mut GraphBuilder, name: &str, unit: &Unit, x: &str) -> String {
    let (weight, bias) = unit.folded();
    let zeros = weight.size()[2] / 2;
    graph.conv(name, x, &weight, Some(&bias), Walk { stride: unit.stride, zeros, groups: 1 })
}

fn silu(graph: &mut GraphBuilder, name: &str, x: &str) -> String {
    let gate = graph.sigmoid(&format!("{name}.gate"), x);
    graph.multiply(name, x, &gate)
}

/// The outputs `change`, `detail`, `smooth` and `flow` of [`EditHead::edit`]. `drawn` is what the last convolution drew, `middle`
/// the features before the way up.
pub fn outputs(
    graph: &mut GraphBuilder,
    head: &EditHead,
    config: &GeneratorConfig,
    face: &str,
    told: &Told,
    drawn: &str,
    middle: &str,
) {
    let size = config.size;
    let (half, coarse) = (size / 2, size / FLOW_SHARE);
    let prototypes = &head.prototypes;

    // Rows of the prototypes, mixed.
    let one = graph.floats("one", &[1], &[1.0]);
    let column = graph.reshape("code.column", &told.code, &[CODES, 1]);
    let weights = graph.node("MatMul", &[&column, &told.way], "weights.table", &[]);
    let weights = graph.reshape("weights", &weights, &[1, ROWS]);
    let mut mixed = |name: &str, rows: &Tensor, dims: [i64; 4]| {
        let table = graph.weight(&format!("{name}.table"), &rows.size(), &values(rows), 0);
        let row = graph.node("MatMul", &[&weights, &table], &format!("{name}.row"), &[]);
        graph.reshape(name, &row, &dims)
    };
    let colour = mixed("prototype.colour", &prototypes.colour, [1, 3, half, half]);
    let gains = mixed("prototype.gains", &prototypes.gains, [1, 3, half, half]);
    let flow = mixed("prototype.flow", &prototypes.flow, [1, 2, coarse, coarse]);
    let painted = painted(graph, told, &prototypes.spared, half);
    let colour = graph.multiply("prototype.colour.painted", &colour, &painted);
    let gains = graph.multiply("prototype.gains.painted", &gains, &painted);
    let gains = led(graph, told, &gains);
    let curve = graph.floats("wrinkling.curve", &[DECADES, 1], &WRINKLES);
    let amount = graph.node("MatMul", &[&told.way, &curve], "wrinkling.amount", &[]);
    let amount = graph.relu("wrinkling.more", &amount);
    let amount = graph.multiply("wrinkling", &told.code, &amount);
    let table = graph.weight("prototype.wrinkles.table", &prototypes.wrinkles.size(), &values(&prototypes.wrinkles), 0);
    let wrinkles = graph.node("MatMul", &[&amount, &table], "prototype.wrinkles.row", &[]);
    let wrinkles = graph.reshape("prototype.wrinkles", &wrinkles, &[1, 1, size, size]);

    // What the convolutions drew is added.
    let drawn = &patched(graph, config, "own", drawn, DRAWN, half);
    let reach = |graph: &mut GraphBuilder, name: &str, x: &str, reach: f64| {
        let bounded = graph.tanh(&format!("{name}.bounded"), x);
        let reach = graph.floats(&format!("{name}.reach"), &[1], &[reach as f32]);
        graph.multiply(name, &bounded, &reach)
    };
    let own = graph.channels("own.colour.logits", drawn, 0..3);
    let own = reach(graph, "own.colour", &own, COLOUR_REACH);
    let colour = graph.add("colour", &colour, &own);
    let own = graph.channels("own.gains", drawn, 3..6);
    let gains = graph.add("gains", &gains, &own);
    let own = graph.channels("own.mask", drawn, 6..7);
    let place = graph.constant("place", &prototypes.place);
    let mask = graph.add("mask.logits", &own, &place);
    let mask = graph.sigmoid("mask", &mask);
    let own = graph.channels("own.texture.logits", drawn, 7..11);
    let own = reach(graph, "own.texture.four", &own, TEXTURE_REACH);
    let own = shuffle(graph, "own.texture", &own, [1, 2, half]);
    let texture = graph.add("texture", &wrinkles, &own);
    let walk = Walk::padded(1);
    let moved = graph.conv("own.flow.logits", middle, &head.flow.weight, Some(&head.flow.bias), walk);
    let moved = patched(graph, config, "own.flow.patched", &moved, 2, coarse);
    let moved = reach(graph, "own.flow", &moved, FLOW_REACH);
    graph.add("flow", &flow, &moved);

    // Masked, and twice as large.
    let (low, high) =
        (graph.floats("gains.low", &[], &[GAINS.0 as f32]), graph.floats("gains.high", &[], &[GAINS.1 as f32]));
    let gains = graph.node("Clip", &[&gains, &low, &high], "gains.held", &[]);
    let factors = graph.node("Exp", &[&gains], "gains.factors", &[]);
    let factors = graph.node("Sub", &[&factors, &one], "factors", &[]);
    let colour = graph.multiply("colour.masked", &colour, &mask);
    let factors = graph.multiply("factors.masked", &factors, &mask);
    let along = [("axis", Attribute::Int(1))];
    let whole = graph.node("Concat", &[&colour, &factors, &mask], "whole.half", &along);
    let whole = doubled(graph, "whole", &whole, 7, half);
    let colour = graph.channels("whole.colour", &whole, 0..3);
    let finest = graph.channels("detail", &whole, 3..4);
    let second = graph.channels("whole.second", &whole, 4..5);
    let third = graph.channels("whole.third", &whole, 5..6);
    let soft = graph.channels("whole.mask", &whole, 6..7);

    // Bands of the face's brightness.
    let weights = Tensor::from_slice(&LUMA).view([1, 3, 1, 1]);
    let brightness = graph.conv("brightness", face, &weights, None, Walk::padded(0));
    let smooth = blurred(graph, "smooth", &brightness, BAND_SIGMAS[0]);
    let smoother = blurred(graph, "smoother", &smooth, BAND_SIGMAS[1]);
    let smoothest = blurred(graph, "smoothest", &smoother, BAND_SIGMAS[2]);
    let band = graph.node("Sub", &[&smooth, &smoother], "band.second", &[]);
    let second = graph.multiply("second", &second, &band);
    let band = graph.node("Sub", &[&smoother, &smoothest], "band.third", &[]);
    let third = graph.multiply("third", &third, &band);

    // The change.
    let black = graph.floats("black", &[1], &[BLACK as f32]);
    let ground = graph.add("ground", &smoother, &black);
    let texture = graph.multiply("texture.soft", &texture, &soft);
    let paint = graph.add("paint", &colour, &texture);
    let bands = graph.add("coarse", &second, &third);
    let bands = graph.node("Div", &[&bands, &ground], "coarse.share", &[]);
    let share = graph.add("change.share", &paint, &bands);
    let lift = further(graph, told, "lift", &values(&head.lifts));
    let deepens = further(graph, told, "deepens", &DEEPENS);
    let deepest = graph.floats("deepest.near", &[1], &[DEEPEST as f32]);
    let deepest = graph.multiply("deepest", &deepens, &deepest);
    let lift = graph.node("Div", &[&lift, &deepest], "lift.steep", &[]);
    let share = graph.multiply("change.lifted", &share, &lift);
    let share = graph.tanh("change.bent", &share);
    let reach = graph.multiply("change.reach", &ground, &deepest);
    let change = graph.multiply("change", &share, &reach);

    graph.output(&change, &[1, 3, size, size]);
    graph.output(&finest, &[1, 1, size, size]);
    graph.output(&smooth, &[1, 1, size, size]);
    graph.output("flow", &[1, 2, coarse, coarse]);
}

/// Where the prototypes paint, `[1, 1, side, side]` in 0..1: not on all of brows and eyes, see [`SPARED`].
fn painted(graph: &mut GraphBuilder, told: &Told, spared: &Tensor, side: i64) -> String {
    let decades = graph.reshape("spared.decades", &told.decades, &[2, 1]);
    let shares = graph.floats("spared.table", &[2, 2], SPARED.as_flattened());
    let shares = graph.multiply("spared.ways", &decades, &shares);
    let most = graph.floats("spared.most", &[2, 2], SPARED_AT_MOST.as_flattened());
    let shares = graph.node("Min", &[&shares, &most], "spared.held", &[]);
    let both = graph.floats("spared.both", &[1, 2], &[1.0, 1.0]);
    let shares = graph.node("MatMul", &[&both, &shares], "spared.shares", &[]);
    let parts = graph.constant("spared.parts", spared);
    let parts = graph.node("MatMul", &[&shares, &parts], "spared.row", &[]);
    let parts = graph.reshape("spared", &parts, &[1, 1, side, side]);
    let whole = graph.floats("painted.whole", &[1], &[1.0]);
    graph.node("Sub", &[&whole, &parts], "painted", &[])
}

/// The prototypes' gains as far as the way leads them.
fn led(graph: &mut GraphBuilder, told: &Told, gains: &str) -> String {
    let negative = graph.node("Neg", &[gains], "gains.negative", &[]);
    let mut part = |name: &str, part: &str, bands: &[[f32; 3]; 2]| {
        let part = graph.relu(&format!("{name}.part"), part);
        let factors = further(graph, told, &format!("{name}.factors"), bands.as_flattened());
        graph.multiply(name, &part, &factors)
    };
    let grown = part("gains.grown", gains, &GROWS);
    let faded = part("gains.faded", &negative, &FADES);
    graph.node("Sub", &[&grown, &faded], "gains.led", &[])
}

/// `[1, C, 1, 1]`: 1, and `more` `[2, C]` for each decade towards younger years, and towards older ones.
fn further(graph: &mut GraphBuilder, told: &Told, name: &str, more: &[f32]) -> String {
    let channels = more.len() as i64 / 2;
    let table = graph.floats(&format!("{name}.table"), &[2, channels], more);
    let more = graph.node("MatMul", &[&told.decades, &table], &format!("{name}.more"), &[]);
    let one = graph.floats(&format!("{name}.one"), &[1], &[1.0]);
    let sum = graph.add(&format!("{name}.sum"), &more, &one);
    graph.reshape(name, &sum, &[1, channels, 1, 1])
}

/// Gaussian blur of one channel, mirrored at the border, across and then down.
fn blurred(graph: &mut GraphBuilder, name: &str, x: &str, sigma: f64) -> String {
    let kernel = gaussian(sigma);
    let n = kernel.len() as i64;
    let padded = graph.reflect(&format!("{name}.padded"), x, n / 2);
    let weights = Tensor::from_slice(&kernel);
    let across = graph.conv(&format!("{name}.across"), &padded, &weights.view([1, 1, 1, n]), None, Walk::padded(0));
    graph.conv(name, &across, &weights.view([1, 1, n, 1]), None, Walk::padded(0))
}

/// [`crate::nets::doubling`] of `[1, channels, side, side]`.
fn doubled(graph: &mut GraphBuilder, name: &str, x: &str, channels: i64, side: i64) -> String {
    let planes = graph.reshape(&format!("{name}.planes"), x, &[channels, 1, side, side]);
    let padded = graph.reflect(&format!("{name}.padded"), &planes, 1);
    let four = graph.conv(&format!("{name}.four"), &padded, &doubling(Device::Cpu), None, Walk::padded(0));
    shuffle(graph, name, &four, [channels, 2, side])
}

/// What a layer drew, with all its places side by side ([`GeneratorConfig::patch`]): `[1, channels, side, side]`.
fn patched(
    graph: &mut GraphBuilder,
    config: &GeneratorConfig,
    name: &str,
    x: &str,
    channels: i64,
    side: i64,
) -> String {
    match config.patch() {
        1 => x.to_owned(),
        patch => shuffle(graph, name, x, [channels, patch, side / patch]),
    }
}

/// As `pixel_shuffle`: `[…, channels · by · by, side, side]` → `[1, channels, by · side, by · side]`.
fn shuffle(graph: &mut GraphBuilder, name: &str, x: &str, [channels, by, side]: [i64; 3]) -> String {
    let split = graph.reshape(&format!("{name}.split"), x, &[channels, by, by, side, side]);
    let order = [("perm", Attribute::Ints(vec![0, 3, 1, 4, 2]))];
    let woven = graph.node("Transpose", &[&split], &format!("{name}.woven"), &order);
    graph.reshape(name, &woven, &[1, channels, by * side, by * side])
}
