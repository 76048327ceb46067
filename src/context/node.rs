//! A context among those it comes from.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use super::Context;
use super::cancel::Cancel;
use crate::time::Instant;

/// What a context has, or has from those it comes from.
pub(super) struct Node {
    kind: Kind,
    parent: Context,
    /// The nearest end; `None`: it never ends.
    pub(super) cancel: Option<Arc<Cancel>>,
    pub(super) deadline: Option<Instant>,
    pub(super) task: u64,
}

/// What a context adds.
pub(super) enum Kind {
    Todo,
    Cancel,
    Deadline,
    WithoutCancel,
    Task,
    Value { key: TypeId, name: &'static str, value: Box<dyn Any + Send + Sync> },
}

impl Kind {
    pub(super) fn value<T: Send + Sync + 'static>(value: T) -> Kind {
        let (key, name) = (TypeId::of::<T>(), std::any::type_name::<T>());
        Kind::Value { key, name, value: Box::new(value) }
    }
}

impl Context {
    /// What a child has that adds nothing.
    fn node_below(&self, kind: Kind) -> Node {
        let (cancel, deadline, task) = match self.node.as_deref() {
            Some(node) => (node.cancel.clone(), node.deadline, node.task),
            None => (None, None, 0),
        };
        Node { kind, parent: self.clone(), cancel, deadline, task }
    }

    pub(super) fn child(&self, kind: Kind) -> Context {
        Context { node: Some(Arc::new(self.node_below(kind))) }
    }

    pub(super) fn with_end(&self, cancel: &Arc<Cancel>) -> Context {
        let mut node = self.node_below(Kind::Cancel);
        node.cancel = Some(Arc::clone(cancel));
        Context { node: Some(Arc::new(node)) }
    }

    pub(super) fn with_deadline(&self, cancel: &Arc<Cancel>, deadline: Instant) -> Context {
        let mut node = self.node_below(Kind::Deadline);
        (node.cancel, node.deadline) = (Some(Arc::clone(cancel)), Some(deadline));
        Context { node: Some(Arc::new(node)) }
    }

    pub(super) fn without_end(&self) -> Context {
        let mut node = self.node_below(Kind::WithoutCancel);
        (node.cancel, node.deadline) = (None, None);
        Context { node: Some(Arc::new(node)) }
    }

    /// The context of work that belongs to this task.
    pub(crate) fn with_task(&self, task: u64) -> Context {
        let mut node = self.node_below(Kind::Task);
        node.task = task;
        Context { node: Some(Arc::new(node)) }
    }
}

impl Node {
    /// The value of type `T` that is nearest.
    pub(super) fn find<T: 'static>(&self) -> Option<&T> {
        let mut next = Some(self);
        while let Some(node) = next {
            match &node.kind {
                Kind::Value { key, value, .. } if *key == TypeId::of::<T>() => {
                    return value.downcast_ref();
                }
                _ => next = node.parent.node.as_deref(),
            }
        }
        None
    }
}

/// No recursion: chains of contexts may be longer than a goroutine's stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.parent.node.take();
        while let Some(node) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.parent.node.take());
        }
    }
}

/// As Go: `context.Background.WithCancel`.
pub(super) fn describe(ctx: &Context, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let up = std::iter::successors(ctx.node.as_deref(), |node| node.parent.node.as_deref());
    let mut nodes: Vec<&Node> = up.collect();
    match nodes.last().map(|node| &node.kind) {
        Some(Kind::Todo) => {
            nodes.pop();
            f.write_str("context.TODO")?;
        }
        _ => f.write_str("context.Background")?,
    }
    nodes.into_iter().rev().try_for_each(|node| match &node.kind {
        Kind::Todo => Ok(()),
        Kind::Cancel => f.write_str(".WithCancel"),
        Kind::Deadline => describe_deadline(node, f),
        Kind::WithoutCancel => f.write_str(".WithoutCancel"),
        Kind::Task => write!(f, ".WithTask({})", node.task),
        Kind::Value { name, .. } => write!(f, ".WithValue({name})"),
    })
}

fn describe_deadline(node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(deadline) = node.deadline else { return Ok(()) };
    let now = Instant::now();
    if deadline <= now {
        return write!(f, ".WithDeadline({:?} ago)", now.duration_since(deadline));
    }
    write!(f, ".WithDeadline(in {:?})", deadline.duration_since(now))
}
