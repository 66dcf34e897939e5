//! Which of a display's modes is used. What it offers and what the settings ask for come in; the place of one goes out.

use super::KmsSettings;

/// A size and rate that a display offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub width: u32,
    pub height: u32,
    /// Hertz.
    pub rate: u32,
    /// The display's own pixels.
    pub preferred: bool,
    /// Half of the rows at a time.
    pub interlaced: bool,
}

/// More pixels than these cost time that the ageing needs, and show no more of a face: 1920×1200.
const MANY: u32 = 1920 * 1200;
/// Pixels of full HD, lying or standing.
const ENOUGH: u32 = 1920 * 1080;
/// Hertz.
const USUAL: u32 = 60;

/// Index of the mode to use: what the settings ask for, else what the display prefers, unless that is much larger than
/// full HD and full HD is there. `None` if nothing is offered.
pub fn choose(offers: &[Offer], settings: &KmsSettings) -> Option<usize> {
    let area = |offer: &Offer| offer.width * offer.height;
    let nearest = |rate: u32, fits: &dyn Fn(&Offer) -> bool| {
        let fitting = offers.iter().enumerate().filter(|(_, offer)| fits(offer));
        fitting.min_by_key(|(_, offer)| (offer.interlaced, offer.rate.abs_diff(rate))).map(|(index, _)| index)
    };
    let asked = settings.mode.and_then(|(width, height, rate)| {
        nearest(rate.unwrap_or(USUAL), &|offer| (offer.width, offer.height) == (width, height))
    });
    let own = || offers.iter().position(|offer| offer.preferred).filter(|&index| area(&offers[index]) <= MANY);
    let enough = || nearest(USUAL, &|offer| area(offer) == ENOUGH && offer.width.max(offer.height) == 1920);
    let any = || {
        let small = offers.iter().enumerate().filter(|(_, offer)| area(offer) <= MANY && !offer.interlaced);
        small.max_by_key(|(_, offer)| area(offer)).map(|(index, _)| index)
    };
    asked.or_else(own).or_else(enough).or_else(any).or((!offers.is_empty()).then_some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn offer(width: u32, height: u32, rate: u32) -> Offer {
        Offer { width, height, rate, preferred: false, interlaced: false }
    }

    const fn own(width: u32, height: u32, rate: u32) -> Offer {
        Offer { preferred: true, ..offer(width, height, rate) }
    }

    fn auto(offers: &[Offer]) -> Option<Offer> {
        choose(offers, &KmsSettings::default()).map(|index| offers[index])
    }

    #[test]
    fn a_display_shows_its_own_pixels_unless_there_are_many() {
        assert_eq!(auto(&[offer(800, 600, 60), own(1280, 1024, 60)]), Some(own(1280, 1024, 60)));
        assert_eq!(auto(&[own(1920, 1200, 60), offer(1920, 1080, 60)]), Some(own(1920, 1200, 60)));
        assert_eq!(auto(&[own(320, 240, 30)]), Some(own(320, 240, 30)));
        let television = [
            own(3840, 2160, 60),
            Offer { interlaced: true, ..offer(1920, 1080, 60) },
            offer(1920, 1080, 24),
            offer(1920, 1080, 60),
            offer(1920, 1080, 120),
        ];
        assert_eq!(auto(&television), Some(offer(1920, 1080, 60)));
        assert_eq!(auto(&[own(1440, 2560, 60), offer(1080, 1920, 60)]), Some(offer(1080, 1920, 60)));
        assert_eq!(auto(&[own(3840, 2160, 60)]), Some(own(3840, 2160, 60)));
        assert_eq!(auto(&[offer(640, 480, 60), offer(1024, 768, 60), offer(800, 600, 60)]), Some(offer(1024, 768, 60)));
        assert_eq!(auto(&[]), None);
    }

    #[test]
    fn the_settings_have_the_last_word_where_the_display_can() {
        let offers = [own(1920, 1080, 60), offer(1280, 720, 50), offer(1280, 720, 60), offer(3840, 2160, 30)];
        let ask = |mode| choose(&offers, &KmsSettings { mode: Some(mode), ..KmsSettings::default() });
        assert_eq!(ask((1280, 720, None)), Some(2));
        assert_eq!(ask((1280, 720, Some(50))), Some(1));
        assert_eq!(ask((3840, 2160, None)), Some(3));
        assert_eq!(ask((1234, 567, None)), Some(0));
    }
}
