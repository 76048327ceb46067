//! Names that go from one generation to the next.

use std::collections::HashMap;
use std::sync::Arc;

use crate::reader::generation::{FIRST_NAME, Generation};
use crate::reader::ids::StringId;
use crate::reader::names::Names;

/// Names that were carried into later generations, each once.
#[derive(Debug)]
pub(super) struct Carried {
    names: Arc<Names>,
    by_name: HashMap<Box<[u8]>, u32>,
}

impl Carried {
    pub(super) fn new() -> Carried {
        Carried { names: Arc::new(Names::new()), by_name: HashMap::new() }
    }

    pub(super) fn names(&self) -> Arc<Names> {
        self.names.clone()
    }

    /// The id that a string of this generation has in all later ones.
    pub(super) fn name(&mut self, id: StringId, of: &Generation) -> StringId {
        if id.0 >= FIRST_NAME {
            return id;
        }
        let bytes = of.bytes(id);
        let at = match self.by_name.get(bytes) {
            Some(&at) => at,
            None => self.add(bytes),
        };
        StringId(FIRST_NAME + at)
    }

    fn add(&mut self, bytes: &[u8]) -> u32 {
        let at = self.by_name.len() as u32;
        self.names.set(at, bytes);
        self.by_name.insert(bytes.into(), at);
        at
    }
}
