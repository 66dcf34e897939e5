//! interim
use std::time::Duration;
#[derive(Debug, Default)]
pub struct Health;
impl Health {
    pub fn recovered(&self, _part: &'static str) {}
    pub fn captured(&self) {}
    pub fn stage(&self, _stage: &'static str, _time: Duration) {}
    pub fn shown(&self, _latency: Option<Duration>) {}
    pub fn pace(&self) -> f32 {
        1.0
    }
    pub fn missed(&self, _part: &'static str, _error: &dyn std::fmt::Display) {}
    pub fn found(&self, _part: &'static str) {}
}
