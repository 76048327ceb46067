//! Names for the addresses of a stack, without what is the runtime's own.

use parking_lot::Mutex;

use crate::tracer::frames::{entry_frame, is_body_of, is_own, is_std};
use crate::tracer::stack_table::Site;
use crate::tracer::symbolize::{Frame, Symbolizer};

/// What was learned before of the program's symbols.
static KNOWN: Mutex<Option<Symbolizer>> = Mutex::new(None);

/// What of gort's own frames at a stack's inner end stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inner {
    /// The one that the user called.
    Called,
    /// All of them: where the time goes is the question.
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "for profiles of time"))]
    All,
}

/// A frame, and which of the stack's addresses it comes from; several do of one address where
/// functions are inlined.
pub(crate) struct Placed {
    /// `None`: none of them, it is known otherwise.
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "for profiles"))]
    pub(crate) call: Option<usize>,
    pub(crate) frame: Frame,
}

/// Knows names.
pub(crate) struct Names {
    symbolizer: Option<Symbolizer>,
}

impl Names {
    pub(crate) fn new() -> Names {
        let known = KNOWN.lock().take();
        Names { symbolizer: Some(known.unwrap_or_else(Symbolizer::new)) }
    }

    /// The frames of a stack, innermost first. Of a goroutine, which comes from `site`, the last one
    /// is its function; of a thread, the last one known.
    pub(crate) fn stack(&mut self, pcs: &[usize], site: Option<Site>, inner: Inner) -> Vec<Placed> {
        let mut all = self.look_up(pcs);
        let is_runtime = |placed: &Placed| is_own(&placed.frame) || is_std(&placed.frame);
        while site.is_some() && all.last().is_some_and(is_runtime) {
            all.pop();
        }
        let leading = all.iter().take_while(|placed| is_runtime(placed)).count();
        let called = all[..leading].iter().rposition(|placed| is_own(&placed.frame));
        if let Some(called) = called.filter(|_| inner == Inner::Called) {
            all.drain(..called);
        }
        if let Some(site) = site {
            let mut entry = Placed { call: None, frame: entry_frame(site) };
            if let Some(body) = all.pop_if(|placed| is_body_of(&placed.frame, site)) {
                entry.call = body.call;
                (entry.frame.file, entry.frame.line) = (body.frame.file, body.frame.line);
            }
            all.push(entry);
        }
        all
    }

    fn look_up(&mut self, pcs: &[usize]) -> Vec<Placed> {
        let (mut all, mut frames) = (Vec::new(), Vec::new());
        let Some(symbolizer) = &mut self.symbolizer else { return all };
        for (call, &pc) in pcs.iter().enumerate() {
            symbolizer.frames(pc, &mut frames);
            all.extend(frames.drain(..).map(|frame| Placed { call: Some(call), frame }));
        }
        all
    }

    /// Where the function begins that has the call that returns to `return_pc`, if that is known.
    #[cfg(feature = "pprof")]
    pub(crate) fn function_start(&mut self, return_pc: usize) -> Option<usize> {
        self.symbolizer.as_mut()?.function_start(return_pc)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        *KNOWN.lock() = self.symbolizer.take();
    }
}
