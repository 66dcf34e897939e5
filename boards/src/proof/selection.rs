//! The names of a test program's tests come in; those that shall run go out.
//!
//! Emulation is about a hundred times slower than the machine itself. Therefore the quick selection, made for every commit,
//! has all tests but the longest on the plainest processor, and on the others those that compute by kernels made for them.

use super::Processor;

/// Tests that cannot run on an emulated processor: they start themselves as a second process, and the kernel cannot run it.
const IMPOSSIBLE: [&str; 3] = [
    "commands::run::tests::a_service_without",
    "service::notify::tests::each_message_arrives_once",
    "service::stop::tests::the_first_signal_asks_and_the_second_ends",
];

/// Tests that take 20 seconds to ten minutes each: whole visits, and every page in every language.
const LONG: [&str; 5] = [
    "kiosk::tests::",
    "commands::run::tests::a_visitor_is_aged",
    "clarity::tests::the_demo_visitors",
    "scene::tests::type_can_be_read_over_any_picture",
    "scene::tests::no_language_is_set_in_tiny_type",
];

/// Tests of what runs in tract or in the engine, which choose their kernels by the processor.
const KERNELS: [&str; 5] = ["agreement::", "ager::", "engine::", "face::net::", "mirror::"];

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("no test's name begins with `{0}`; boards/src/proof/selection.rs must follow the tests")]
pub struct Stale(&'static str);

/// Chooses among the tests of the crate `shared` or `edge`.
pub fn choose<'a>(crate_: &str, names: &[&'a str], processor: Processor, quick: bool) -> Result<Vec<&'a str>, Stale> {
    if crate_ == "shared" || names.is_empty() {
        return Ok(names.to_vec());
    }
    for begin in IMPOSSIBLE.iter().chain(&LONG).chain(&KERNELS) {
        if !names.iter().any(|name| name.starts_with(begin)) {
            return Err(Stale(begin));
        }
    }
    let is_of = |name: &str, begins: &[&str]| begins.iter().any(|begin| name.starts_with(begin));
    let is_chosen = |name: &&&str| match (quick, processor) {
        _ if is_of(name, &IMPOSSIBLE) => false,
        (false, _) => true,
        (true, Processor::CortexA72) => !is_of(name, &LONG),
        (true, _) => is_of(name, &KERNELS),
    };
    Ok(names.iter().filter(is_chosen).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<&'static str> {
        [&["canvas::tests::a_row"][..], &IMPOSSIBLE, &LONG, &KERNELS].concat()
    }

    #[test]
    fn quick_is_all_but_the_longest_on_one_processor_and_the_kernels_on_the_others() {
        let choose = |processor, quick| choose("edge", &names(), processor, quick).unwrap();
        assert_eq!(choose(Processor::Max, true), KERNELS);
        let quick = choose(Processor::CortexA72, true);
        assert!(quick.contains(&"canvas::tests::a_row") && KERNELS.iter().all(|name| quick.contains(name)));
        assert!(!quick.iter().any(|name| LONG.contains(name) || IMPOSSIBLE.contains(name)));
        assert_eq!(choose(Processor::CortexA76, false).len(), names().len() - IMPOSSIBLE.len());
    }

    #[test]
    fn the_small_crate_is_tested_whole() {
        assert_eq!(choose("shared", &["crop::tests::a"], Processor::Max, true), Ok(vec!["crop::tests::a"]));
    }

    #[test]
    fn a_name_that_no_test_has_any_more_is_an_error() {
        let stale = choose("edge", &names()[1..names().len() - 1], Processor::Max, true);
        assert_eq!(stale, Err(Stale("mirror::")));
    }
}
