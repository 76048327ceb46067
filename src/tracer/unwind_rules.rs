//! The rules of unwinding that were learned: what leads from a place in a function to its caller.
//!
//! framehop knows the rules and has a cache of them, but keeps them to itself, and two places of a
//! stack that share a slot of that cache (a quarter of all stacks of seventeen frames have such a
//! pair) cost a look into the tables at every event. So a rule is learned by asking for the way up
//! from made-up registers, on a made-up stack whose words say where they stand: where the caller's
//! registers come from can be read off the answer. What two such questions agree on is the rule.

use super::unwind::Registers;

/// A place to unwind from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// The function is there now.
    Interrupted(usize),
    /// It waits for a call to return there.
    Return(usize),
}

impl Place {
    /// A number for each place but one that is never asked for. Code lies below 2^63.
    #[inline]
    fn key(self) -> usize {
        match self {
            Place::Interrupted(pc) => pc << 1 | 1,
            Place::Return(pc) => pc << 1,
        }
    }
}

/// How a function's caller is found: all by distances from one of two registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    /// From the frame pointer, else from the stack pointer.
    by_frame: bool,
    /// To the caller's stack pointer.
    stack: i32,
    /// To where the return address stands.
    pc: i32,
    /// To where the caller's frame pointer stands; `SAME`: it is still in its register.
    frame: i32,
}

const SAME: i32 = i32::MIN;

impl Rule {
    /// The caller's registers. `None`: `read` does not know a word.
    #[inline]
    pub(super) fn follow(
        &self,
        at: &Registers,
        read: impl Fn(usize) -> Option<usize>,
    ) -> Option<Registers> {
        let base = if self.by_frame { at.frame } else { at.stack };
        let place = |distance: i32| base.wrapping_add_signed(distance as isize);
        let frame = if self.frame == SAME { at.frame } else { read(place(self.frame))? };
        Some(Registers { pc: read(place(self.pc))?, stack: place(self.stack), frame })
    }
}

/// How far from a register things are looked for.
const REACH: usize = 1 << 24;
/// What a word of the made-up stack has more than its address.
const VALUE: usize = 1 << 40;

/// Learns a rule from what `ask` says of the way up from such registers, on a stack with such
/// words. `None`: there is none of this kind.
pub(super) fn learn(
    mut ask: impl FnMut(&Registers, &mut dyn FnMut(usize) -> Option<usize>) -> Option<Registers>,
) -> Option<Rule> {
    let mut learn_from = |stack: usize, frame: usize| {
        let at = Registers { pc: 0, stack, frame };
        let above = ask(&at, &mut |address| Some(address.wrapping_add(VALUE)))?;
        read_off(&at, &above)
    };
    let rule = learn_from(1 << 30, 1 << 31)?;
    (learn_from((1 << 30) + 0x5000, (1 << 31) + 0x3000) == Some(rule)).then_some(rule)
}

fn read_off(at: &Registers, above: &Registers) -> Option<Rule> {
    let distance = |to: usize, from: usize| {
        let distance = to.wrapping_sub(from) as isize;
        (distance.unsigned_abs() < REACH).then_some(distance as i32)
    };
    let by_frame = distance(above.stack, at.frame).is_some();
    let base = if by_frame { at.frame } else { at.stack };
    let stands = |word: usize| distance(word.wrapping_sub(VALUE), base);
    let frame = if above.frame == at.frame { SAME } else { stands(above.frame)? };
    Some(Rule { by_frame, stack: distance(above.stack, base)?, pc: stands(above.pc)?, frame })
}

/// Rules by their places: those of a place that goes to a full pair take the place of an older one.
pub(super) struct Rules(Box<[[(usize, Rule); 2]]>);

/// A power of two.
const PAIRS: usize = 512;
const EMPTY: (usize, Rule) = (0, Rule { by_frame: false, stack: 0, pc: 0, frame: 0 });

impl Rules {
    pub(super) fn new() -> Rules {
        Rules(vec![[EMPTY; 2]; PAIRS].into_boxed_slice())
    }

    pub(super) fn clear(&mut self) {
        self.0.fill([EMPTY; 2]);
    }

    #[inline]
    fn pair(key: usize) -> usize {
        // Fibonacci hashing: the upper bits of a product with 2^64 by the golden ratio.
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - PAIRS.ilog2())
    }

    #[inline]
    pub(super) fn get(&self, place: Place) -> Option<&Rule> {
        let key = place.key();
        let pair = &self.0[Self::pair(key)];
        pair.iter().find(|(of, _)| *of == key).map(|(_, rule)| rule)
    }

    pub(super) fn put(&mut self, place: Place, rule: Rule) {
        let key = place.key();
        let pair = &mut self.0[Self::pair(key)];
        pair[1] = pair[0];
        pair[0] = (key, rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read<'a> = &'a mut dyn FnMut(usize) -> Option<usize>;

    /// A function that has pushed the frame pointer and 24 bytes.
    fn pushed(at: &Registers, read: Read<'_>) -> Option<Registers> {
        Some(Registers {
            stack: at.stack + 40,
            pc: read(at.stack + 32)?,
            frame: read(at.stack + 24)?,
        })
    }

    /// A function with a frame pointer.
    fn framed(at: &Registers, read: Read<'_>) -> Option<Registers> {
        Some(Registers { stack: at.frame + 16, pc: read(at.frame + 8)?, frame: read(at.frame)? })
    }

    /// A function that leaves the frame pointer alone.
    fn bare(at: &Registers, read: Read<'_>) -> Option<Registers> {
        Some(Registers { stack: at.stack + 8, pc: read(at.stack)?, frame: at.frame })
    }

    #[test]
    fn what_is_learned_is_what_was_asked() {
        let words: Vec<usize> = (0..64).map(|n| 0x7000_0000 + n * n).collect();
        let read = |address: usize| words.get(address.checked_sub(0x100)? / 8).copied();
        let at = Registers { pc: 1, stack: 0x108, frame: 0x140 };
        for ask in [pushed, framed, bare] {
            let rule = learn(ask).unwrap();
            let (learned, asked) = (rule.follow(&at, read), ask(&at, &mut { read }));
            assert_eq!(format!("{learned:?}"), format!("{asked:?}"));
            assert!(learned.is_some());
            let nowhere = Registers { pc: 1, stack: 0, frame: 0 };
            assert!(rule.follow(&nowhere, read).is_none());
        }
    }

    #[test]
    fn what_is_no_rule_is_not_learned() {
        assert_eq!(learn(|_, _| None), None);
        // By way of a pointer on the stack.
        assert_eq!(
            learn(|at, read| framed(&Registers { frame: read(at.stack)?, ..*at }, read)),
            None
        );
        // By way of an address at the end of all.
        assert_eq!(learn(|_, read| framed(&Registers { pc: 0, stack: 0, frame: !23 }, read)), None);
        // By how the stack lies.
        let aligned = |at: &Registers| Registers { stack: at.stack & !0x7fff, ..*at };
        assert_eq!(learn(|at, read| bare(&aligned(at), read)), None);
    }

    #[test]
    fn rules_of_a_pair_make_room_for_the_next() {
        let mut rules = Rules::new();
        let rule = |n| Rule { stack: n, ..EMPTY.1 };
        let same: Vec<Place> = (1..)
            .map(Place::Return)
            .filter(|place| Rules::pair(place.key()) == Rules::pair(Place::Return(1).key()))
            .take(3)
            .collect();
        for (n, &place) in same.iter().enumerate() {
            rules.put(place, rule(n as i32));
        }
        let found: Vec<_> = same.iter().map(|&place| rules.get(place).copied()).collect();
        assert_eq!(found, [None, Some(rule(1)), Some(rule(2))]);
        assert_eq!(rules.get(Place::Interrupted(1)), None);
        rules.clear();
        assert_eq!(rules.get(same[2]), None);
    }
}
