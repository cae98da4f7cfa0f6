//! The parts of a control plane, for the kind that tells how they are.

/// A part of the control plane.
#[derive(Clone, Debug)]
pub struct Part {
    /// Upstream's name for it, such as `scheduler`.
    pub name: &'static str,
    /// What is wrong with it; none when it is well.
    pub fault: Option<String>,
}
