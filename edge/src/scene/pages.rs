//! What stands on each page, and in which order.

use super::brush::{Brush, Stack, Type};
use super::inside::{self, Lens};
use super::layout::{Layout, area, cut_top};
use super::palette::{GROUND, LINE, LIT};
use super::{buttons, scale, strip};
use crate::input::Button;
use crate::lettering::Align;
use crate::texts::Language;
use crate::view::{Notice, Page, Picture, View};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use shared::Decade;

/// One view that is being drawn.
pub struct Drawing<'a> {
    pub brush: Brush<'a>,
    pub layout: &'a Layout,
    pub lens: &'a mut Lens,
    pub buttons: &'a mut Vec<(Rectangle, Button)>,
    pub line: &'a mut String,
    pub view: &'a View<'a>,
    pub language: &'a Language,
    pub languages: &'a [Language],
}

/// How long one of the three waiting dots is lit, in milliseconds: slow enough to calm.
const DOT_MS: u128 = 800;

impl Drawing<'_> {
    pub fn draw(mut self) {
        let (em, language) = (self.layout.em, self.language);
        match self.view.page {
            Page::Attract { ref picture, age } => {
                let mut words = self.mirror(picture, age, true);
                words.text(&mut self.brush, &language.invitation, Type::new(em * 8 / 5, 5), 0.5);
                words.skip(em / 3);
                self.notice(words);
            }
            Page::Found { ref picture, waiting } => {
                let mut words = self.mirror(picture, None, true);
                let greeting = if waiting { &language.waiting } else { &language.found };
                words.text(&mut self.brush, greeting, Type::new(em * 8 / 5, 2), 0.4);
                if waiting {
                    self.waiting_dots(&mut words);
                }
                words.skip(em / 3);
                self.notice(words);
            }
            Page::Ageing { ref picture, age, held, limit, countdown } => {
                let mut words = self.mirror(picture, Some(age), false);
                words.text(&mut self.brush, decade(language, age), Type::new(em * 3, 1), 0.45);
                self.line.clear();
                self.line.push_str(&language.future);
                if held {
                    self.line.push_str(" · ");
                    self.line.push_str(&language.held);
                }
                words.text(&mut self.brush, self.line, Type::new(em, 2), 0.75);
                let spare = countdown.map_or(0, |_| em * 3 / 2);
                scale::draw(&mut self.brush, &mut words, em, age, limit, spare);
                self.countdown_if(words, countdown);
            }
            Page::Turned { ref picture, countdown } => {
                let mut words = self.mirror(picture, None, false);
                words.text(&mut self.brush, &language.turned, Type::new(em * 8 / 5, 4), 0.7);
                self.countdown_if(words, countdown);
            }
            Page::Strip { portraits, code, countdown } => {
                let mut words = self.panel(false);
                let (picture, _) = self.layout.split(false);
                let hint = code.map_or("", |_| &language.take_home);
                if !strip::code_beside(&mut self.brush, self.layout, &mut words, picture, code) {
                    strip::draw(&mut self.brush, self.layout, picture, portraits, language);
                }
                words.text(&mut self.brush, &language.strip, Type::new(em * 7 / 5, 3), 0.4);
                words.text(&mut self.brush, &language.erase, Type::new(em, 3), 0.3);
                words.text(&mut self.brush, hint, Type::new(em * 4 / 5, 4), 0.5);
                words.text(&mut self.brush, &language.synthetic, Type::faint(em * 4 / 5, 2), 0.5);
                self.countdown_if(words, countdown);
            }
            Page::Farewell { countdown } => {
                let words = self.calm(&language.erase, &language.farewell);
                self.countdown_if(words, countdown);
            }
            Page::OptedOut { ref picture } => self.plain_mirror(picture, &language.opted_out),
            Page::Plain { ref picture } => self.plain_mirror(picture, &language.plain),
            Page::NoCamera => {
                let mut words = self.calm(&language.no_camera, "");
                self.waiting_dots(&mut words);
            }
            Page::Rest => {
                self.calm(&language.rest, &language.farewell);
            }
            Page::Closed => {
                self.brush.fill(self.layout.whole(), GROUND);
                let room = self.layout.inner(self.layout.whole());
                self.brush.label(&language.closed, room, Type::faint(em, 2));
            }
            Page::Inside { ref picture, age, inside } => {
                let whole = self.layout.whole();
                self.brush.fill(whole, GROUND);
                let room = self.layout.inner(whole);
                let rest = self.layout.bar(room, self.view.buttons, self.buttons);
                self.lens.look(inside, self.view.now);
                inside::draw(&mut self.brush, self.layout, self.lens, rest, picture, age, inside, language);
                self.draw_buttons();
            }
        }
        self.staff_notice();
    }

    /// The picture in its part of the screen, and the panel beside it. `aged`: the age in years that the picture shows.
    fn mirror(&mut self, picture: &Picture, aged: Option<f32>, wordy: bool) -> Stack {
        let (place, _) = self.layout.split(wordy);
        self.brush.picture(picture, place);
        let words = self.panel(wordy);
        if let Some(age) = aged {
            self.line.clear();
            if wordy {
                self.line.push_str(decade(self.language, age));
                self.line.push_str(" · ");
            }
            self.line.push_str(&self.language.synthetic);
            let Layout { em, gap, .. } = *self.layout;
            let corner = place.top_left + Point::new(gap as i32, place.size.height as i32 - gap as i32);
            let kind = Type::new((em * 3 / 5).max(11), 2);
            self.brush.tag(self.line, corner, true, place.size.width.saturating_sub(2 * gap), kind);
        }
        words
    }

    /// The panel with the buttons; words go above them.
    fn panel(&mut self, wordy: bool) -> Stack {
        let (_, panel) = self.layout.split(wordy);
        self.brush.fill(panel, GROUND);
        let inner = self.layout.inner(panel);
        let names = buttons::names_height(self.languages.len(), inner.size.width, self.layout.em);
        let all = wordy && self.languages.len() > 1 && !self.layout.is_small();
        let wide = all.then_some((Button::Language, names));
        let room = self.layout.controls(inner, self.view.buttons, wide, self.buttons);
        self.draw_buttons();
        let align = if self.layout.upright { Align::Centre } else { Align::Start };
        Stack { room, align, gap: self.layout.em / 4 }
    }

    fn plain_mirror(&mut self, picture: &Picture, text: &str) {
        let mut words = self.mirror(picture, None, false);
        words.text(&mut self.brush, text, Type::new(self.layout.em * 8 / 5, 4), 1.0);
    }

    /// Plain ground with a large text and a small one.
    fn calm(&mut self, text: &str, more: &str) -> Stack {
        let em = self.layout.em;
        self.brush.fill(self.layout.whole(), GROUND);
        let room = self.layout.inner(self.layout.whole());
        let room = self.layout.bar(room, self.view.buttons, self.buttons);
        self.draw_buttons();
        let (_, lower) = cut_top(room, room.size.height * 2 / 5);
        let mut words = Stack { room: lower, align: Align::Centre, gap: em };
        words.text(&mut self.brush, text, Type::new(em * 2, 4), 0.6);
        if !more.is_empty() {
            words.text(&mut self.brush, more, Type::faint(em * 6 / 5, 2), 0.5);
        }
        words
    }

    /// What happens, and how to say no.
    fn notice(&mut self, mut words: Stack) {
        let Language { notice, decline_button, decline_leaving, .. } = self.language;
        let offered = self.buttons.iter().any(|(_, button)| *button == Button::OptOut);
        let decline = if offered { decline_button } else { decline_leaving };
        self.line.clear();
        for text in [notice, "\n", decline] {
            self.line.push_str(text);
        }
        words.text(&mut self.brush, self.line, Type::faint(self.layout.em, 12), 1.0);
    }

    fn countdown_if(&mut self, words: Stack, countdown: Option<u32>) {
        if let Some(seconds) = countdown {
            self.countdown(words, seconds);
        }
    }

    fn countdown(&mut self, mut words: Stack, seconds: u32) {
        self.language.count_down(seconds, self.line);
        words.text(&mut self.brush, self.line, Type::faint(self.layout.em * 9 / 10, 1), 1.0);
    }

    /// Three dots, one of them larger than the others: it moves on.
    fn waiting_dots(&mut self, words: &mut Stack) {
        let em = self.layout.em;
        let lit = (self.view.now.as_millis() / DOT_MS % 3) as u32;
        let (left, top) = (words.room.top_left.x, words.room.top_left.y);
        let start = if words.align == Align::Centre {
            left + words.room.size.width as i32 / 2 - em as i32 * 3 / 2
        } else {
            left
        };
        for dot in 0..3 {
            let (side, colour) = if dot == lit { (em * 3 / 5, LIT) } else { (em / 3, LINE) };
            let aside = (em - side) as i32 / 2;
            let place = area(start + (dot * em) as i32 + aside, top + aside, side, side);
            self.brush.rounded(place, side / 2, colour);
        }
        words.skip(em + em / 4);
    }

    fn draw_buttons(&mut self) {
        let held = matches!(self.view.page, Page::Ageing { held: true, .. });
        let inside = matches!(self.view.page, Page::Inside { .. });
        let state = buttons::State { held, inside, language: self.view.language, languages: self.languages };
        for (area, button) in self.buttons.iter_mut() {
            buttons::draw(&mut self.brush, self.layout, *area, *button, self.language, &state);
            *area = self.brush.place(*area);
        }
    }

    fn staff_notice(&mut self) {
        let Some(notice) = self.view.notice else { return };
        let staff = &self.language.staff;
        let text = match notice {
            Notice::Settings => &staff.settings,
            Notice::Generator => &staff.generator,
            Notice::Hot => &staff.hot,
        };
        let Layout { em, gap, size, margin, .. } = *self.layout;
        let kind = Type::faint((em / 2).max(11), 3);
        // The educator's view has its title there.
        let below = if matches!(self.view.page, Page::Inside { .. }) { margin + 2 * em } else { gap };
        self.brush.tag(text, Point::new(gap as i32, below as i32), false, size.width / 2, kind);
    }
}

/// What an age in years is called.
pub fn decade(language: &Language, age: f32) -> &str {
    let decade = Decade::from_age(age.round().clamp(10.0, 69.0) as u32).unwrap_or(Decade::Sixties);
    &language.decades[decade.index()]
}
