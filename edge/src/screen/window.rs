//! A window on a developer's desktop, in place of a display. Canvases of the window's size come in and are shown upright,
//! however the mirror's screen hangs. Out go the presses of the mouse, of touch screens and of the keys that are pressed
//! while the window is in front. Closing it asks the mirror to end.

use super::{Screen, ScreenError};
use crate::canvas::Canvas;
use crate::input::{Input, Keys, Press};
use crate::service::Stop;
use embedded_graphics::prelude::{Point, Size};
use softbuffer::{Context, SoftBufferError, Surface};
use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;
use winit::application::ApplicationHandler;
use winit::dpi::{PhysicalPosition, PhysicalSize};
use winit::event::{ElementState, KeyEvent, MouseButton, Touch, TouchPhase, WindowEvent};
use winit::event_loop::{ActiveEventLoop, EventLoop, OwnedDisplayHandle};
use winit::keyboard::PhysicalKey;
use winit::platform::pump_events::{EventLoopExtPumpEvents, PumpStatus};
use winit::platform::scancode::PhysicalKeyExtScancode;
use winit::window::{self, WindowId};

const TITLE: &str = "As Time Goes By";
/// The least that the pages are drawn for, in pixels.
const SMALLEST: PhysicalSize<u32> = PhysicalSize::new(240, 240);

/// A window that shows canvases. It stays in the thread that opened it, the main one.
pub struct Window {
    surface: Surface<OwnedDisplayHandle, window::Window>,
    events: EventLoop<()>,
    desk: Rc<RefCell<Desk>>,
}

/// What is pressed in a [`Window`]. It hears of events when the window shows a picture.
pub struct WindowInput(Rc<RefCell<Desk>>);

/// What the desktop has said so far.
struct Desk {
    size: PhysicalSize<u32>,
    mouse: PhysicalPosition<f64>,
    keys: Keys,
    presses: Vec<Press>,
    stop: Stop,
}

/// A window on its way to the screen.
struct Opening {
    size: PhysicalSize<u32>,
    window: Option<Result<window::Window, ScreenError>>,
}

impl Window {
    /// Opens a window of `width`×`height` pixels, unless the desktop wants another size. `stop` is asked when it is closed.
    pub fn open((width, height): (u32, u32), keys: Keys, stop: Stop) -> Result<(Self, WindowInput), ScreenError> {
        let mut events = EventLoop::new().map_err(no_desktop)?;
        let mut opening = Opening { size: PhysicalSize::new(width, height), window: None };
        events.pump_app_events(Some(Duration::ZERO), &mut opening);
        let window = opening.window.unwrap_or_else(|| Err(no_desktop("it does not answer")))?;
        let desk = Rc::new(RefCell::new(Desk::new(window.inner_size(), keys, stop)));
        let context = Context::new(events.owned_display_handle()).map_err(no_desktop)?;
        let surface = Surface::new(&context, window).map_err(no_desktop)?;
        let input = WindowInput(desk.clone());
        Ok((Self { surface, events, desk }, input))
    }
}

fn no_desktop(error: impl ToString) -> ScreenError {
    ScreenError::NoDesktop(error.to_string())
}

impl Screen for Window {
    fn size(&self) -> Size {
        let PhysicalSize { width, height } = self.desk.borrow().size;
        Size::new(width, height)
    }

    /// A canvas of another size is shown as far as it fits: the window was resized in the meantime.
    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let lost = |error: SoftBufferError| ScreenError::Window(error.to_string());
        let (width, height) = canvas.picture().dimensions();
        if let Some((width, height)) = NonZeroU32::new(width).zip(NonZeroU32::new(height)) {
            self.surface.resize(width, height).map_err(lost)?;
            let mut pixels = self.surface.buffer_mut().map_err(lost)?;
            let picture = canvas.picture().as_raw().as_chunks::<3>().0;
            pixels.iter_mut().zip(picture).for_each(|(to, &[r, g, b])| *to = u32::from_be_bytes([0, r, g, b]));
            pixels.present().map_err(lost)?;
        }
        let mut desk = self.desk.borrow_mut();
        if let PumpStatus::Exit(_) = self.events.pump_app_events(Some(Duration::ZERO), &mut *desk) {
            desk.stop.ask();
        }
        Ok(())
    }
}

impl Input for WindowInput {
    fn poll(&mut self, _: Duration, presses: &mut Vec<Press>) {
        presses.append(&mut self.0.borrow_mut().presses);
    }

    fn is_touched(&self) -> bool {
        true
    }
}

impl Desk {
    fn new(size: PhysicalSize<u32>, keys: Keys, stop: Stop) -> Self {
        Self { size, mouse: PhysicalPosition::default(), keys, presses: Vec::with_capacity(16), stop }
    }

    fn take(&mut self, event: WindowEvent) {
        match event {
            WindowEvent::CloseRequested | WindowEvent::Destroyed => self.stop.ask(),
            // A window that is put away has no size.
            WindowEvent::Resized(size) if size.width > 0 && size.height > 0 => self.size = size,
            WindowEvent::CursorMoved { position, .. } => self.mouse = position,
            WindowEvent::MouseInput { state: ElementState::Pressed, button: MouseButton::Left, .. } => {
                self.touch(self.mouse);
            }
            WindowEvent::Touch(Touch { phase: TouchPhase::Started, location, .. }) => self.touch(location),
            WindowEvent::KeyboardInput { event, .. } => {
                let KeyEvent { physical_key, state, repeat, .. } = event;
                if state == ElementState::Pressed && !repeat {
                    self.key(physical_key);
                }
            }
            _ => {}
        }
    }

    fn touch(&mut self, at: PhysicalPosition<f64>) {
        self.presses.push(Press::at(Point::new(at.x as i32, at.y as i32), self.size.width, self.size.height));
    }

    /// The desktop's code of a key is the kernel's.
    fn key(&mut self, key: PhysicalKey) {
        let code = key.to_scancode().and_then(|code| u16::try_from(code).ok());
        self.presses.extend(code.and_then(|code| self.keys.button(evdev::KeyCode::new(code))).map(Press::Key));
    }
}

impl ApplicationHandler for Desk {
    fn resumed(&mut self, _: &ActiveEventLoop) {}

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        self.take(event);
    }
}

impl ApplicationHandler for Opening {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        let wanted = window::Window::default_attributes();
        let wanted = wanted.with_title(TITLE).with_inner_size(self.size).with_min_inner_size(SMALLEST);
        self.window = Some(events.create_window(wanted).map_err(no_desktop));
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, _: WindowEvent) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Button;
    use winit::event::DeviceId;
    use winit::keyboard::KeyCode;

    fn desk() -> Desk {
        Desk::new(PhysicalSize::new(720, 960), Keys::default(), Stop::default())
    }

    fn mouse(state: ElementState, button: MouseButton) -> WindowEvent {
        WindowEvent::MouseInput { device_id: DeviceId::dummy(), state, button }
    }

    #[test]
    fn the_mouse_presses_where_it_came_down() {
        let mut desk = desk();
        let moved = |x, y| {
            let position = PhysicalPosition::new(x, y);
            WindowEvent::CursorMoved { device_id: DeviceId::dummy(), position }
        };
        let events = [
            moved(180.5, 900.0),
            mouse(ElementState::Pressed, MouseButton::Left),
            moved(300.0, 100.0),
            mouse(ElementState::Released, MouseButton::Left),
            mouse(ElementState::Pressed, MouseButton::Right),
        ];
        events.into_iter().for_each(|event| desk.take(event));
        let mut presses = Vec::new();
        WindowInput(Rc::new(RefCell::new(desk))).poll(Duration::ZERO, &mut presses);
        let points: Vec<_> = presses.iter().map(|press| press.point(720, 960)).collect();
        assert_eq!(points, [Some(Point::new(180, 900))]);
    }

    #[test]
    fn keys_mean_what_they_mean_on_the_device() {
        let mut desk = desk();
        let keys =
            [KeyCode::ArrowLeft, KeyCode::ArrowUp, KeyCode::Space, KeyCode::KeyL, KeyCode::KeyQ, KeyCode::Escape];
        keys.into_iter().for_each(|key| desk.key(PhysicalKey::Code(key)));
        let buttons = [Button::Younger, Button::Older, Button::Hold, Button::Language, Button::OptOut];
        assert_eq!(desk.presses, buttons.map(Press::Key));
    }

    #[test]
    fn the_size_follows_the_window_until_it_is_closed() {
        let mut desk = desk();
        desk.take(WindowEvent::Resized(PhysicalSize::new(640, 480)));
        desk.take(WindowEvent::Resized(PhysicalSize::new(0, 0)));
        assert_eq!(desk.size, PhysicalSize::new(640, 480));
        assert!(!desk.stop.is_asked_for());
        desk.take(WindowEvent::CloseRequested);
        assert!(desk.stop.is_asked_for());
    }
}
