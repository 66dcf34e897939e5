//! What an ablation trains: a recipe comes in; the same recipe, each time with one thing left out or changed, goes out.

use crate::nets::Head;
use crate::recipe::{Recipe, RecipeError};
use std::ops::RangeInclusive;
use toml::{Table, Value};

/// The unchanged recipe where the teacher's part ends: rows of the whole training go on from there.
pub const TAUGHT: &str = "after-teacher";
/// The unchanged recipe.
pub const WHOLE: &str = "whole";

/// One training.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Names its folder.
    pub name: String,
    /// What differs, for people.
    pub says: String,
    pub recipe: Recipe,
    /// Begins after the steps that [`TAUGHT`] has done: what differs counts from there on only.
    pub taught: bool,
    /// Steps after which it ends; `None` for the recipe's last.
    pub steps: Option<u64>,
}

/// Widths that are worth a row: narrower nets have layers that stay float ([`crate::quantize::layers::LEAST_CHANNELS`]), and recipes
/// may ask for no wider ones.
const WIDTHS: RangeInclusive<i64> = 8..=512;
const UNCHANGED: &str = "as it is";

impl Row {
    /// Whether others are compared with it.
    pub fn is_unchanged(&self) -> bool {
        self.says == UNCHANGED
    }
}

/// What is done to a key of a recipe, `section.key`; without a value it is removed.
type Change = (&'static str, Option<Value>);

/// All rows that the recipe has something to leave out for. Those that change what the teacher shows or what learns it end
/// with the teacher's part, those that change the objective after it take the whole training.
pub fn rows(base: &Recipe) -> Result<Vec<Row>, RecipeError> {
    let warm_up = base.training.warm_up;
    let mut rows = Vec::new();
    let mut add = |name: &str, says: &str, changes: &[Change], taught: bool, steps: Option<u64>| {
        if let Some(recipe) = changed(base, says, changes) {
            rows.push(Row { name: name.to_owned(), says: says.to_owned(), recipe: recipe?, taught, steps });
        }
        Ok::<(), RecipeError>(())
    };
    let steps = (warm_up > 0).then_some(warm_up);
    if warm_up > 0 {
        add(TAUGHT, UNCHANGED, &[], false, steps)?;
    } else {
        add(WHOLE, UNCHANGED, &[], false, None)?;
    }
    let off = || Some(Value::Float(0.0));
    add("no-shape", "without shape", &[("prototypes.shape", off())], false, steps)?;
    add("no-contrast", "without contrast", &[("prototypes.gains", Some(vec![0.0; 3].into()))], false, steps)?;
    add("no-colour", "without colour", &[("prototypes.colour", off())], false, steps)?;
    add("no-wrinkles", "without wrinkles", &[("prototypes.wrinkles", off())], false, steps)?;
    let generator = &base.generator;
    let widths = [generator.width / 2, generator.width * 3 / 2, generator.width * 2];
    for width in widths.into_iter().filter(|width| WIDTHS.contains(width)) {
        let (name, says) = (format!("width-{width}"), format!("{width} channels wide"));
        add(&name, &says, &[("generator.width", Some(width.into()))], false, steps)?;
    }
    if generator.blocks > 1 {
        let blocks = generator.blocks / 2;
        let (name, says) = (format!("blocks-{blocks}"), format!("{blocks} residual blocks"));
        add(&name, &says, &[("generator.blocks", Some((blocks as i64).into()))], false, steps)?;
    }
    add("inverted", "inverted residual blocks", &[("generator.block", Some("inverted".into()))], false, steps)?;
    if generator.head == Head::Edit && base.data.side.is_multiple_of(16) {
        let stride = [("generator.stem_stride", Some(Value::Integer(4)))];
        add("stem-4", "a first layer that strides by 4", &stride, false, steps)?;
    }
    let side = base.data.side / 2;
    if side >= 64 && i64::from(side) % (4 * generator.stem_stride) == 0 {
        let (name, says) = (format!("side-{side}"), format!("crops of {side} pixels"));
        add(&name, &says, &[("data.side", Some(side.into()))], false, steps)?;
    }
    let taught = warm_up > 0;
    if taught {
        add(WHOLE, UNCHANGED, &[], true, None)?;
    }
    add("no-reading", "without the visitor net's reading", &[("losses.judge", off())], taught, None)?;
    add("no-adversarial", "without the adversarial loss", &[("losses.adversarial", off())], taught, None)?;
    add("no-cycle", "without the cycle loss", &[("losses.cycle", off())], taught, None)?;
    add("no-identity", "without the identity loss", &[("losses.identity", off())], taught, None)?;
    let alone = [("losses.prior", off()), ("training.warm_up", Some(Value::Integer(0)))];
    add("no-teacher", "without the teacher (distillation)", &alone, false, None)?;
    let movable = base.calibration.map(|_| ("calibration", None));
    let bare: Vec<Change> = [("prototypes", None)].into_iter().chain(alone).chain(movable.clone()).collect();
    add("no-prototypes", "without prototypes and teacher", &bare, false, None)?;
    if movable.is_some() {
        add("no-calibration", "without calibration", movable.as_slice(), taught, None)?;
    }
    Ok(rows)
}

/// The recipe with the changes; `None` where they leave it as it is, or want to remove what it has not.
fn changed(base: &Recipe, says: &str, changes: &[Change]) -> Option<Result<Recipe, RecipeError>> {
    let mut table: Table = base.text.parse().ok()?;
    for (key, value) in changes {
        let (sections, key) = key.rsplit_once('.').map_or((None, *key), |(section, key)| (Some(section), key));
        let table = match sections {
            Some(section) => table.get_mut(section)?.as_table_mut()?,
            None => &mut table,
        };
        match value {
            Some(value) => drop(table.insert(key.to_owned(), value.clone())),
            None => drop(table.remove(key)?),
        }
    }
    let name = format!("{}, {says}", base.name);
    let recipe = Recipe::parse(&name, &format!("# {name}\n{table}"));
    let same = |recipe: &Recipe| Recipe { text: base.text.clone(), ..recipe.clone() } == *base;
    let void = !changes.is_empty() && recipe.as_ref().is_ok_and(same);
    (!void).then_some(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::BlockKind;

    #[test]
    fn each_row_of_the_kiosk_differs_from_it_in_what_it_says() {
        let base = Recipe::find("kiosk").unwrap();
        let rows = rows(&base).unwrap();
        let find = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!(rows.iter().filter(|row| row.is_unchanged()).count(), 2);
        for row in &rows {
            let plain = Recipe { text: base.text.clone(), ..row.recipe.clone() };
            assert_eq!(plain == base, row.is_unchanged(), "{}", row.name);
            assert_eq!(row.recipe.name, base.name);
        }
        assert_eq!((find(TAUGHT).steps, find(WHOLE).steps), (Some(base.training.warm_up), None));
        assert!(find(WHOLE).taught && find("no-cycle").taught && !find("no-teacher").taught);
        assert_eq!(find("no-cycle").recipe.losses.cycle, 0.0);
        assert_eq!(find("no-contrast").recipe.prototypes.unwrap().gains, [0.0; 3]);
        assert_eq!(find("width-32").recipe.generator.width, 32);
        assert_eq!(find("side-64").recipe.data.side, 64);
        assert_eq!((find("width-8").recipe.generator.width, find("blocks-2").recipe.generator.blocks), (8, 2));
        assert_eq!(find("inverted").recipe.generator.block, BlockKind::Inverted);
        assert_eq!(find("stem-4").recipe.generator.stem_stride, 4);
        assert!(find("no-prototypes").recipe.prototypes.is_none());
        assert!(find("no-calibration").recipe.calibration.is_none() && find("no-cycle").recipe.calibration.is_some());
    }

    #[test]
    fn a_recipe_without_prototypes_and_teacher_has_no_rows_about_them() {
        let rows = rows(&Recipe::find("paper").unwrap()).unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let shapes = ["width-32", "width-96", "width-128", "blocks-3", "inverted", "side-64"];
        let losses = ["no-adversarial", "no-cycle", "no-identity"];
        assert_eq!(names, [&[WHOLE], &shapes[..], &losses].concat());
        assert!(rows.iter().all(|row| !row.taught && row.steps.is_none()));
    }

    #[test]
    fn rows_have_names_of_their_own() {
        for (name, _) in crate::recipe::EMBEDDED {
            let mut names: Vec<_> =
                rows(&Recipe::find(name).unwrap()).unwrap().into_iter().map(|row| row.name).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{name}");
        }
    }
}
