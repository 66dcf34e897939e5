//! What recipes may say, and what they are told otherwise.

use super::*;

fn smoke(from: &str, to: &str) -> Result<Recipe, RecipeError> {
    let text = EMBEDDED[2].1;
    assert!(text.contains(from), "{from}");
    Recipe::parse("smoke", &text.replacen(from, to, 1))
}

#[test]
fn the_embedded_recipes_are_sound_and_carry_their_names() {
    for (name, text) in EMBEDDED {
        let recipe = Recipe::find(name).unwrap();
        assert_eq!((recipe.name.as_str(), recipe.text.as_str()), (name, text));
    }
}

#[test]
fn the_papers_recipe_is_the_papers() {
    let recipe = Recipe::find("paper").unwrap();
    assert_eq!((recipe.generator.width, recipe.generator.blocks, recipe.generator.size), (64, 6, 128));
    assert_eq!((recipe.training.batch, recipe.training.pool), (1, 50));
    assert_eq!(recipe.steps(2104), 50 * 2104);
    assert_eq!(recipe.rates(50 * 2103, 50 * 2104).generators, 0.002);
}

#[test]
fn unknown_keys_are_named_with_their_line() {
    let error = smoke("batch = 4", "batsch = 4").unwrap_err().to_string();
    assert!(error.contains("smoke") && error.contains("batsch") && error.contains("batch"), "{error}");
    let error = smoke("beta1 = 0.5", "beta3 = 0.5").unwrap_err().to_string();
    assert!(error.contains("beta3"), "{error}");
}

#[test]
fn each_impossible_value_is_named_with_what_is_allowed() {
    for (from, to, key, found) in [
        ("\"smoke\"", "\"Smoke!\"", "name", "Smoke!"),
        ("side = 64", "side = 66", "data.side", "66"),
        ("from = [\"10s\", \"20s\"", "from = [\"20s\", \"20s\"", "data.from", "Twenties"),
        ("to = [\"10s\", \"20s\", \"30s\", \"40s\", \"50s\", \"60s\"]", "to = [\"20s\"]", "data.to", "Twenties"),
        ("\"single\"", "\"pair\"", "data.from", "Tens"),
        ("width = 8", "width = 0", "generator.width", "0"),
        ("blocks = 2", "blocks = 99", "generator.blocks", "99"),
        ("blocks = 2", "blocks = 2\nstem_stride = 3", "generator.stem_stride", "3"),
        ("conditioned = true", "conditioned = false", "discriminator.conditioned", "false"),
        ("batch = 4", "batch = 0", "training.batch", "0"),
        ("steps = 60", "steps = 60\nepochs = 1", "training.epochs", "60"),
        ("steps = 60", "steps = 0", "training.epochs or steps", "0"),
        ("learning_rate = 0.004", "learning_rate = -1.0", "training.learning_rate", "-1"),
        ("learning_rate = 0.004", "learning_rate = nan", "training.learning_rate", "NaN"),
        ("pool = 20", "pool = 20\ndiscriminator_learning_rate = 0.0", "training.discriminator_learning_rate", "0.0"),
        ("beta2 = 0.999", "beta2 = 1.0", "training.optimizer.beta2", "1.0"),
        ("average = 0.9", "average = 1.0", "training.average", "1.0"),
        ("checkpoint_every = 20", "checkpoint_every = 0", "training.checkpoint_every", "0"),
        ("seed = 1", "seed = 1\nwarm_up = 5", "training.warm_up", "5"),
        ("cycle = 0.02", "cycle = -1.0", "losses.cycle", "-1.0"),
        ("head = \"edit\"", "head = \"rgb\"", "losses.judge", "0.1"),
    ] {
        match smoke(from, to) {
            Err(RecipeError::Value { file, key: told, found: seen, .. }) => {
                assert_eq!((file.as_str(), told), ("smoke", key), "{to}");
                assert!(seen.contains(found), "{to}: {seen}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
}

#[test]
fn decades_lie_near_themselves_and_in_order() {
    let placed = |places: &str| {
        let strengths = "colour = 1.0\ngains = [1.0, 1.0, 1.0]\nwrinkles = 1.0\nshape = 1.0";
        smoke("[losses]", &format!("[prototypes]\n{strengths}\n{places}\n[losses]"))
    };
    assert_eq!(placed("").unwrap().prototypes.unwrap().places, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert!(placed("places = [0.1, 0.9, 1.8, 3.0, 4.0, 5.4]").is_ok());
    for places in ["[0, 1, 1, 3, 4, 5]", "[0, 1, 2, 3, 4, 6.1]", "[0, 1, 2, nan, 4, 5]"] {
        let error = placed(&format!("places = {places}"));
        assert!(matches!(error, Err(RecipeError::Value { key: "prototypes.places", .. })), "{places}: {error:?}");
    }
}

#[test]
fn what_is_calibrated_for_is_near() {
    let kiosk = EMBEDDED[1].1;
    let offs: Vec<_> = kiosk.lines().filter(|line| line.starts_with("off = ")).collect();
    assert_eq!(offs.len(), 1);
    let key = |from: &str, to: &str| match Recipe::parse("kiosk", &kiosk.replacen(from, to, 1)) {
        Err(RecipeError::Value { key, .. }) => key,
        other => panic!("{to}: {other:?}"),
    };
    assert_eq!(key(offs[0], "off = [0, 0, 0, 0, 0, 2.1]"), "calibration.off");
    let without = smoke("[losses]", &format!("[calibration]\n{}\n[losses]", offs[0]));
    assert!(matches!(without, Err(RecipeError::Value { key: "calibration", .. })), "{without:?}");
}

#[test]
fn wrong_types_and_words_are_syntax_errors() {
    for (from, to) in
        [("batch = 4", "batch = -4"), ("\"edit\"", "\"magic\""), ("\"10s\"", "\"70s\""), ("[data]", "[data")]
    {
        assert!(matches!(smoke(from, to), Err(RecipeError::Syntax { .. })), "{to}");
    }
    assert!(matches!(Recipe::find("nonsense"), Err(RecipeError::Unknown { .. })));
    assert!(matches!(Recipe::find("no/such.toml"), Err(RecipeError::Read { .. })));
}

#[test]
fn the_learning_rate_falls_to_zero_after_the_constant_part() {
    let text = "learning_rate = 0.001\ndiscriminator_learning_rate = 0.0001\ndecay_from = 0.5";
    let recipe = smoke("learning_rate = 0.004", text).unwrap();
    for (step, left) in [(0, 1.0), (50, 1.0), (75, 0.5), (100, 0.0)] {
        let rates = recipe.rates(step, 100);
        assert!((rates.generators - 0.001 * left).abs() < 1e-12, "{step}");
        assert!((rates.discriminators - 0.0001 * left).abs() < 1e-12, "{step}");
    }
}

#[test]
fn discriminators_learn_at_the_generators_rate_unless_told_otherwise() {
    let rates = smoke("pool", "pool").unwrap().rates(0, 100);
    assert_eq!(rates.generators, rates.discriminators);
}
