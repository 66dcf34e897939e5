use super::*;
use crate::canvas::Canvas;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use proptest::prelude::*;

fn fit(size: u32, width: u32, lines: usize) -> Fit {
    Fit { size, width, height: u32::MAX, lines, align: Align::Start }
}

/// White on black, on a canvas that is a little larger.
fn drawn(block: &Block) -> Canvas {
    let mut canvas = Canvas::new(block.size + Size::new(40, 40));
    block.draw(&mut canvas, Point::new(20, 20), Rgb888::WHITE);
    canvas
}

fn ink(canvas: &Canvas) -> f32 {
    canvas.picture().pixels().map(|pixel| f32::from(pixel.0[0]) / 255.0).sum()
}

/// Mean of the columns that have ink.
fn middle(canvas: &Canvas) -> f32 {
    let lit = canvas.picture().enumerate_pixels().map(|(x, _, pixel)| (x as f32, f32::from(pixel.0[0]) / 255.0));
    let (sum, weight) = lit.fold((0.0, 0.0), |(sum, weight), (x, ink)| (sum + x * ink, weight + ink));
    sum / weight
}

#[test]
fn larger_type_has_the_same_shape() {
    let mut typesetter = Typesetter::new();
    let mut share = |size: u32| {
        let block = typesetter.set("40s", fit(size, 4000, 1));
        ink(&drawn(block)) / (size * size) as f32
    };
    let (small, large) = (share(40), share(320));
    assert!(small > 0.2 && (small / large - 1.0).abs() < 0.1, "{small} {large}");
}

#[test]
fn every_script_that_is_promised_leaves_ink_and_no_boxes() {
    let mut typesetter = Typesetter::new();
    for letter in "AzÄéñß¿Øç09ŁğΩλЖяạ中文镜子，。مرحباשלום“”«»…–·".chars() {
        let text = letter.to_string();
        assert_eq!(typesetter.covers(&text), Ok(()));
        assert!(ink(&drawn(typesetter.set(&text, fit(60, 200, 1)))) > 5.0, "{letter}");
    }
    assert_eq!(typesetter.covers("a\u{1f600}b\u{e000}\u{1f600}"), Err(vec!['\u{e000}', '\u{1f600}']));
    assert_eq!(ink(&drawn(typesetter.set("", fit(60, 200, 1)))), 0.0);
}

#[test]
fn letters_that_join_are_joined_and_run_from_right_to_left() {
    let mut typesetter = Typesetter::new();
    let mut width = |text: &str| typesetter.set(text, fit(100, 4000, 1)).size.width;
    assert!(width("مرحبا") + 20 < "مرحبا".chars().map(|letter| width(&letter.to_string())).sum());
    // Alef is high and slim, the tail of seen is low: the first letter stands on the right.
    let canvas = drawn(typesetter.set("اس", fit(100, 4000, 1)));
    let lit = |x: u32| (0..canvas.size().height).filter(|&y| canvas.picture().get_pixel(x, y).0[0] > 128).count();
    let columns: Vec<usize> = (0..canvas.size().width).map(lit).filter(|&lit| lit > 0).collect();
    let (left, right) = (columns[..8].iter().max(), columns[columns.len() - 8..].iter().max());
    assert!(left < Some(&45) && right > Some(&55), "{left:?} {right:?}");
}

#[test]
fn the_second_line_begins_where_reading_begins() {
    let mut typesetter = Typesetter::new();
    for (text, begins_left) in [("mmmmmmmm i", true), ("مممممممم ا", false)] {
        let width = typesetter.set(text, fit(40, 4000, 1)).size.width;
        let block = typesetter.set(text, fit(40, width - 4, 2));
        assert!(block.size.height > 90, "two lines");
        let (canvas, line) = (drawn(block), block.size.height / 2);
        let lower = image::imageops::crop_imm(canvas.picture(), 0, 20 + line, canvas.size().width, line).to_image();
        let lit: Vec<u32> = lower.enumerate_pixels().filter(|(.., p)| p.0[0] > 128).map(|(x, ..)| x).collect();
        let share = lit.iter().sum::<u32>() as f32 / lit.len() as f32 / canvas.size().width as f32;
        assert_eq!(share < 0.5, begins_left, "{text} {share}");
    }
}

#[test]
fn centred_lines_are_about_equally_long() {
    let mut typesetter = Typesetter::new();
    let text = "One two three four five six seven eight nine";
    let room = Fit { align: Align::Centre, ..fit(40, 800, 3) };
    let (ragged, balanced) = (typesetter.set(text, fit(40, 800, 3)).size, typesetter.set(text, room).size);
    assert_eq!(ragged.height, balanced.height);
    assert!(balanced.width + 100 < ragged.width, "{ragged} {balanced}");
    let canvas = drawn(typesetter.set(text, room));
    assert!((middle(&canvas) / canvas.size().width as f32 - 0.5).abs() < 0.03);
}

#[test]
fn texts_that_stay_are_kept_and_old_ones_make_room() {
    let mut typesetter = Typesetter::new();
    for number in 0..2 * CAPACITY {
        typesetter.set(&number.to_string(), fit(10, 100, 1));
        typesetter.set("stays", fit(10, 100, 1));
    }
    assert_eq!(typesetter.kept.len(), CAPACITY);
    let kept = typesetter.kept.iter().filter(|kept| kept.text == "stays").count();
    assert_eq!(kept, 1);
}

#[test]
fn what_lies_outside_of_the_canvas_is_cut_off() {
    let mut typesetter = Typesetter::new();
    let block = typesetter.set("mmm", fit(30, 200, 1));
    let mut canvas = Canvas::new(Size::new(20, 20));
    for at in [Point::new(-30, -10), Point::new(15, 15), Point::new(500, 0), Point::new(0, -500)] {
        block.draw(&mut canvas, at, Rgb888::WHITE);
    }
    assert!(ink(&canvas) > 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_block_stays_in_its_room(
        size in 8u32..200, width in 120u32..900, height in 40u32..400, lines in 1usize..6, pick in 0usize..4, centre: bool,
    ) {
        let text = ["Look inside", "Schau in den Spiegel und dir selbst", "在镜子里看看您自己的另一个年龄吧", "انظر إلى نفسك في عمر آخر"][pick];
        let align = if centre { Align::Centre } else { Align::Start };
        let mut typesetter = Typesetter::new();
        let block = typesetter.set(text, Fit { size, width, height, lines, align });
        prop_assert!(block.size.width <= width && block.size.height <= height);
        prop_assert!(block.size.height as f32 <= (lines as f32 * block.type_size as f32 * LINE).ceil());
        prop_assert!(block.type_size <= size && block.size.width > 0);
        let ink = block.inked(Point::zero());
        let room = block.type_size as i32 / 2;
        prop_assert!(ink.top_left.x >= -room && ink.top_left.y >= -room);
        let end = ink.top_left + ink.size;
        prop_assert!(end.x <= block.size.width as i32 + room && end.y <= block.size.height as i32 + room);
    }
}
