//! The law: what each kind may be. Names, defaults, preparation, validation, columns, subresources,
//! one file per kind. Pure: no I/O, no async, no clock (time is an argument).

mod law;
mod strategy;

pub use law::Law;
pub use strategy::{
    Action, Cell, Column, Context, Destination, Names, Route, Scope, Strategy, Subresource,
    SubresourceKind,
};
