//! From the ids of a file to places in a table.

use super::hash::Map;

/// Where things with ids are, of which a generation has each once.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// By id: the place, or [`ABSENT`].
    dense: Vec<u32>,
    sparse: Map<u64, u32>,
}

const ABSENT: u32 = u32::MAX;

impl Ids {
    /// Of things with these ids, the first of which has place 1. Place 0 has what id 0 stands for.
    ///
    /// The error is an id that is there twice.
    pub(crate) fn new(ids: &[u64]) -> Result<Ids, u64> {
        let largest = ids.iter().copied().max().unwrap_or(0);
        let is_dense = largest <= 64 + 4 * ids.len() as u64;
        let mut of = Ids::default();
        of.dense.resize(if is_dense { largest as usize + 1 } else { 1 }, ABSENT);
        of.dense[0] = 0;
        for (&id, place) in ids.iter().zip(1..) {
            if of.place(id).is_some() {
                return Err(id);
            }
            if is_dense {
                of.dense[id as usize] = place;
            } else {
                of.sparse.insert(id, place);
            }
        }
        Ok(of)
    }

    /// Where the thing with this id is.
    #[inline(always)]
    pub(crate) fn place(&self, id: u64) -> Option<u32> {
        match self.dense.get(id as usize) {
            Some(&place) => (place != ABSENT).then_some(place),
            None => self.place_of_sparse(id),
        }
    }

    #[cold]
    #[inline(never)]
    fn place_of_sparse(&self, id: u64) -> Option<u32> {
        self.sparse.get(&id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_ids() {
        for ids in [vec![], vec![3, 1, 2], vec![1 << 40, 7, u64::MAX]] {
            let table = Ids::new(&ids).unwrap();
            assert_eq!(table.place(0), Some(0));
            for (at, id) in ids.iter().enumerate() {
                assert_eq!(table.place(*id), Some(at as u32 + 1), "{ids:?}");
            }
            for absent in [4, 8, (1 << 40) + 1, u64::MAX - 1] {
                assert_eq!(table.place(absent), None, "{ids:?}");
            }
        }
    }

    #[test]
    fn an_id_is_there_once_and_is_not_0() {
        assert_eq!(Ids::new(&[5, 6, 5]).unwrap_err(), 5);
        assert_eq!(Ids::new(&[u64::MAX, 6, u64::MAX]).unwrap_err(), u64::MAX);
        assert_eq!(Ids::new(&[1, 0]).unwrap_err(), 0);
    }
}
