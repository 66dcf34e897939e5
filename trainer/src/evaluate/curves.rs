//! Numbers by decade as curves in SVG, a line a group.

use super::{EvaluateError, Evaluation};
use plotters::prelude::*;
use shared::Decade;

const SIZE: (u32, u32) = (560, 340);

/// A curve: its name and a number a decade (or a step).
type Curve = (String, Vec<f64>);

/// Ages by judge and group, identity by group, sharpness by group.
pub fn all(evaluation: &Evaluation) -> Result<Vec<String>, EvaluateError> {
    let groups = || evaluation.groups.iter().map(|group| (format!("{} ({})", group.name, group.people), group));
    let mut charts = Vec::new();
    for (judge, ages) in evaluation.ages.iter().enumerate() {
        let mut curves =
            vec![("real faces".to_owned(), ages.real.to_vec()), ("all aged".to_owned(), ages.aged.to_vec())];
        curves.extend(groups().filter_map(|(name, group)| Some((name, group.ages.get(judge)?.aged.to_vec()))));
        charts.push(chart(
            &format!("{}: judged age by target decade", ages.judge),
            "target decade",
            "years",
            &curves,
            decade,
        )?);
    }
    if let Some(identity) = &evaluation.identity {
        let mut curves = vec![("all".to_owned(), identity.cosine_by_step.to_vec())];
        curves.extend(
            groups().filter_map(|(name, group)| Some((name, group.identity.as_ref()?.cosine_by_step.to_vec()))),
        );
        charts.push(chart("Identity by decades bridged", "decades bridged", "cosine", &curves, |x| format!("{x:.0}"))?);
    }
    let mut curves = vec![("all".to_owned(), evaluation.limits.energy.to_vec())];
    curves.extend(groups().map(|(name, group)| (name, group.limits.energy.to_vec())));
    charts.push(chart("Sharpness inside the face over the source's", "target decade", "ratio", &curves, decade)?);
    Ok(charts)
}

fn decade(x: f64) -> String {
    Decade::from_index(x.round() as usize).map_or_else(String::new, |decade| decade.name().to_owned())
}

fn chart(
    title: &str,
    x: &str,
    y: &str,
    curves: &[Curve],
    label: impl Fn(f64) -> String,
) -> Result<String, EvaluateError> {
    let mut svg = String::new();
    let drawn = draw(&mut svg, title, x, y, curves, label);
    drawn.map_err(|error| EvaluateError::Write { path: super::report::PAGE.into(), reason: error.to_string() })?;
    Ok(svg)
}

fn draw(
    svg: &mut String,
    title: &str,
    x: &str,
    y: &str,
    curves: &[Curve],
    label: impl Fn(f64) -> String,
) -> Result<(), Box<dyn std::error::Error>> {
    let values = || curves.iter().flat_map(|(_, values)| values).filter(|value| value.is_finite());
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
    let air = 0.05 * (high - low).max(0.01);
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    // On the right there is room for the names.
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..7.5, low - air..high + air)?;
    let label = |x: &f64| if *x <= 5.0 && (x - x.round()).abs() < 1e-6 { label(*x) } else { String::new() };
    chart
        .configure_mesh()
        .x_desc(x)
        .y_desc(y)
        .x_labels(8)
        .x_label_formatter(&label)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, (name, values)) in curves.iter().enumerate() {
        let (colour, width) = if index == 0 { (BLACK.to_rgba(), 3) } else { (Palette99::pick(index).to_rgba(), 2) };
        let points =
            values.iter().enumerate().filter(|(_, value)| value.is_finite()).map(|(i, &value)| (i as f64, value));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(width)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(width)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_drawn_without_what_was_not_measured() {
        let curves = [("all".to_owned(), vec![1.0, f64::NAN, 3.0]), ("nobody & nothing".to_owned(), vec![f64::NAN])];
        let svg = chart("Ages", "decade", "years", &curves, decade).unwrap();
        assert!(
            svg.starts_with("<svg")
                && svg.contains("nobody &amp; nothing")
                && svg.contains("20s")
                && !svg.contains("NaN")
        );
    }
}
