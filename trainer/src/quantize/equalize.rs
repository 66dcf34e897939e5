//! Channels that an instance norm follows are brought to one range, so that one scale of bytes fits all of them.
//!
//! The norm takes a channel's mean away and divides by its deviation: neither changes what comes after it. So each channel is
//! shifted and stretched, through the weights and the bias before it, until it reaches from −1 to 1 on the calibration faces.

use super::calibrate::Survey;
use super::graph::FloatGraph;
use super::layers::{Layer, Plan};
use crate::export::int8::channels;
use crate::nets::INSTANCE_NORM_EPSILON;

/// A channel's variance must stay this many times above the norm's epsilon, or stretching would change what comes out.
const ABOVE_EPSILON: f64 = 100.0;

/// Changes the weights and biases of all normed layers, and the survey with them.
pub fn equalize(graph: &mut FloatGraph, plan: &Plan, survey: &mut Survey) {
    for layer in plan.layers.iter().filter(|layer| layer.normed) {
        let output = graph.output_of(layer.node).to_owned();
        let Some(channels) = survey.0.get_mut(&output) else { continue };
        let biased = graph.nodes[layer.node].input.len() > 2;
        let (mut middles, mut factors) = (Vec::new(), Vec::new());
        for ((low, high), variance) in channels.low.iter_mut().zip(&mut channels.high).zip(&mut channels.variance) {
            // Without a bias a channel stays where it is.
            let middle = if biased { 0.5 * (*low + *high) } else { 0.0 };
            let factor = stretch_by((*high - middle).max(middle - *low), *variance);
            (*low, *high) = ((*low - middle) * factor, (*high - middle) * factor);
            *variance *= f64::from(factor) * f64::from(factor);
            middles.push(middle);
            factors.push(factor);
        }
        stretch(graph, layer, &middles, &factors);
    }
}

/// By how much a channel that reaches to ±`reach`, with `variance` inside a picture, is stretched.
fn stretch_by(reach: f32, variance: f64) -> f32 {
    let factor = if reach > 0.0 { 1.0 / reach } else { 1.0 };
    let stretched = variance * f64::from(factor) * f64::from(factor);
    if variance.min(stretched) > ABOVE_EPSILON * INSTANCE_NORM_EPSILON { factor } else { 1.0 }
}

/// `(conv(x) − middle) · factor` for each channel.
fn stretch(graph: &mut FloatGraph, layer: &Layer, middles: &[f32], factors: &[f32]) {
    let inputs = graph.nodes[layer.node].input.clone();
    if let Some(weight) = graph.weights.get_mut(&inputs[1]) {
        for (value, channel) in weight.values.iter_mut().zip(channels(&weight.dims, layer.axis)) {
            *value *= factors[channel];
        }
    }
    if let Some(bias) = inputs.get(2).and_then(|name| graph.weights.get_mut(name)) {
        for ((value, middle), factor) in bias.values.iter_mut().zip(middles).zip(factors) {
            *value = (*value - middle) * factor;
        }
    }
}
