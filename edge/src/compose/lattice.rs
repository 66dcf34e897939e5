//! Which place of the edit, and which place of the picture, each pixel shows. Alignment and flow are smooth: both are looked
//! up on a lattice of the picture's pixels only, and between its nodes everything runs along straight lines.

use crate::mask::Mask;
use shared::registration::NODES;
use shared::{Alignment, Point};

/// Pixels between two nodes, at most.
const STEP: usize = 8;
/// Nodes across the crop, at most, unless [`STEP`] asks for more.
const FINEST: f32 = 64.0;

/// The generator's displacements: x and y planes of `cells · cells` values, in crop sides, at the cells' centres.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    pub values: &'a [f32],
    pub cells: usize,
}

impl Flow<'_> {
    /// Bilinear between the cells' centres; beyond the outermost ones as there.
    pub fn at(&self, p: Point) -> Point {
        let last = self.cells - 1;
        let split = |place: f32| {
            let place = (place * self.cells as f32 - 0.5).clamp(0.0, last as f32);
            let whole = place as usize;
            (whole, (whole + 1).min(last), place - whole as f32)
        };
        let ((left, right, fx), (upper, lower, fy)) = (split(p.x), split(p.y));
        let cell = |x: usize, y: usize| {
            let i = y * self.cells + x;
            Point::new(self.values[i], self.values[self.cells * self.cells + i])
        };
        let above = cell(left, upper) * (1.0 - fx) + cell(right, upper) * fx;
        let below = cell(left, lower) * (1.0 - fx) + cell(right, lower) * fx;
        above * (1.0 - fy) + below * fy
    }
}

/// The place of the edit in crop units (x, y), and how far off the pixel's colour lies in the picture, in pixels (x, y).
type Node = [f32; 4];

/// A rectangle of the picture with a node about every eight pixels. Keeps its buffer from frame to frame.
#[derive(Debug, Default)]
pub struct Lattice {
    pub left: usize,
    pub top: usize,
    /// Pixels across and down; 0 where the crop lies outside of the picture.
    pub width: usize,
    pub height: usize,
    /// How far the furthest colour lies off, in pixels.
    pub reach: f32,
    step: usize,
    columns: usize,
    nodes: Vec<Node>,
    /// Whether the mask reaches the nodes.
    face: Vec<bool>,
}

/// A piece of a row between two nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// The first pixel, and how many there are.
    pub x: usize,
    pub length: usize,
    /// What the first pixel shows, and how much further on each next one is.
    pub start: Node,
    pub slope: Node,
}

impl Lattice {
    /// Lays the lattice over the part of a picture of `width`×`height` that the crop's square covers.
    pub fn lay(&mut self, alignment: &Alignment, (width, height): (u32, u32), flow: Flow, mask: &Mask) {
        let (least, most) = bounds(alignment);
        let span = |least: f32, most: f32, limit: u32| {
            let start = least.floor().clamp(0.0, limit as f32) as usize;
            (start, (most.ceil().clamp(0.0, limit as f32) as usize).saturating_sub(start))
        };
        (self.left, self.width) = span(least.x, most.x, width);
        (self.top, self.height) = span(least.y, most.y, height);
        self.reach = 0.0;
        self.nodes.clear();
        self.face.clear();
        if self.width == 0 || self.height == 0 {
            (self.width, self.height) = (0, 0);
            return;
        }
        let size = alignment.to_upright_picture().scale();
        self.step = ((size / FINEST) as usize).clamp(1, STEP);
        // So near to the border nothing moves: no pixel outside of the crop hangs on a node that does.
        let margin = 2.0 * self.step as f32 / size;
        self.columns = self.width.div_ceil(self.step) + 1;
        let rows = self.height.div_ceil(self.step) + 1;
        for i in 0..self.columns * rows {
            let (column, row) = (i % self.columns, i / self.columns);
            let pixel = |start: usize, n: usize| (start + n * self.step) as f32 + 0.5;
            let r = alignment.to_crop(Point::new(pixel(self.left, column), pixel(self.top, row)));
            let face = mask.moving(r, 0.0) > 0.0;
            self.face.push(face);
            let way = if face { flow.at(r) * mask.moving(r, margin) } else { Point::default() };
            let node = if way == Point::default() {
                [r.x, r.y, 0.0, 0.0]
            } else {
                let s = Point::new((r.x + way.x).clamp(0.0, 1.0), (r.y + way.y).clamp(0.0, 1.0));
                let off = alignment.to_picture(s) - alignment.to_picture(r);
                self.reach = self.reach.max(off.x.abs()).max(off.y.abs());
                [s.x, s.y, off.x, off.y]
            };
            self.nodes.push(node);
        }
    }

    /// The pieces of a row of the picture that the mask reaches; `y` counts from the picture's top.
    pub fn row(&self, y: usize) -> impl Iterator<Item = Run> + '_ {
        let down = y.saturating_sub(self.top);
        let (row, share) = (down / self.step, (down % self.step) as f32 / self.step as f32);
        let first = row * self.columns;
        let node = move |i: usize| -> Node {
            let (upper, lower) = (&self.nodes[i], &self.nodes[i + self.columns]);
            std::array::from_fn(|k| upper[k] + (lower[k] - upper[k]) * share)
        };
        // The outline is wide: it does not bend into a square of the lattice without reaching a corner.
        let reached =
            move |i: usize| [i, i + 1, i + self.columns, i + self.columns + 1].into_iter().any(|i| self.face[i]);
        let pieces = if first + 2 * self.columns > self.nodes.len() { 0 } else { self.columns - 1 };
        (0..pieces).filter(move |piece| reached(first + piece)).map(move |piece| {
            let (start, end) = (node(first + piece), node(first + piece + 1));
            let slope = std::array::from_fn(|k| (end[k] - start[k]) / self.step as f32);
            let x = piece * self.step;
            Run { x: self.left + x, length: self.step.min(self.width - x), start, slope }
        })
    }
}

impl Run {
    /// Whether all its pixels keep their own colours.
    pub fn rests(&self) -> bool {
        [self.start[2], self.start[3], self.slope[2], self.slope[3]] == [0.0; 4]
    }
}

/// The smallest upright rectangle about the crop's square in the picture.
fn bounds(alignment: &Alignment) -> (Point, Point) {
    let place = |n: usize| n as f32 / (NODES - 1) as f32;
    let nodes = (0..NODES * NODES).map(|i| alignment.to_picture(Point::new(place(i % NODES), place(i / NODES))));
    let start = (Point::new(f32::INFINITY, f32::INFINITY), Point::new(f32::NEG_INFINITY, f32::NEG_INFINITY));
    nodes.fold(start, |(least, most), p| {
        (Point::new(least.x.min(p.x), least.y.min(p.y)), Point::new(most.x.max(p.x), most.y.max(p.y)))
    })
}
