//! What the tests of this folder share.

use crate::export::source::Trained;
use crate::recipe::Recipe;

/// The smoke recipe's nets with fresh weights, small.
pub fn trained() -> Trained {
    let mut recipe = Recipe::find("smoke").unwrap();
    recipe.generator.size = 64;
    recipe.generator.width = 8;
    Trained::fresh(recipe)
}
