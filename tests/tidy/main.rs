//! The rules of the house, checked on the source as text. `CONTRIBUTING.md` and `ARCHITECTURE.md`
//! say why they are.

mod comments;
mod documents;
mod layers;
mod shape;
mod tree;
