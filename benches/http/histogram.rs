//! How long requests took: a count for each of many spans, which grow with the time.

/// Spans for each power of two: within 2 % of the truth.
const FINE: u32 = 6;

pub(crate) struct Histogram {
    counts: Vec<u64>,
    max_ns: u64,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram { counts: vec![0; 64 << FINE], max_ns: 0 }
    }

    pub(crate) fn add(&mut self, ns: u64) {
        self.counts[index(ns)] += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What the share `q` of all is at most.
    pub(crate) fn quantile_ns(&self, q: f64) -> u64 {
        let wanted = (q * self.total() as f64).ceil().max(1.0) as u64;
        let mut sum = 0;
        let at = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        at.map_or(0, |at| upper(at).min(self.max_ns))
    }
}

fn index(ns: u64) -> usize {
    let power = (63 - (ns | 1).leading_zeros()).max(FINE);
    let within = (ns >> (power - FINE)) as usize & ((1 << FINE) - 1);
    let first = if ns >> FINE == 0 { 0 } else { ((power - FINE + 1) as usize) << FINE };
    first + within
}

/// The largest time of a span.
fn upper(index: usize) -> u64 {
    let (group, within) = (index >> FINE, (index & ((1 << FINE) - 1)) as u64);
    match group {
        0 => within,
        _ => ((within + 1 + (1 << FINE)) << (group - 1)) - 1,
    }
}
