//! Finding the routes that can be for a request, without looking at the others.
//!
//! A tree of path segments. It only ever leaves out what cannot match: each route that it proposes is
//! still asked, and a test holds it against asking all of them.

use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};

use super::pattern::{PathPattern, Segment, segments};

/// The routes by the beginnings of their paths.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: BTreeMap<String, usize>,
    parameter: Option<usize>,
    /// Routes for a path that ends here.
    here: Vec<usize>,
    /// Routes for a path that ends here or further down.
    below: Vec<usize>,
}

impl Default for Index {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Index {
    /// Adds a route. Routes are added in their order.
    pub(super) fn insert(&mut self, pattern: &PathPattern, route: usize) {
        let mut at = 0;
        for segment in pattern.stem() {
            at = self.child(at, segment);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            if pattern.is_open() { node.below.push(route) } else { node.here.push(route) }
        }
    }

    fn child(&mut self, parent: usize, segment: Segment) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(parent) else { return parent };
        let child = match segment {
            Segment::Literal(text) => *node.literals.entry(text).or_insert(next),
            Segment::Parameter => *node.parameter.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Calls `visit` with each list of routes that can be for a path; every list is in the routes' order.
    pub(super) fn candidates<'i>(&'i self, path: &str, mut visit: impl FnMut(&'i [usize])) {
        // Nodes reached by the segments so far: one as a rule, more where literal and parameter compete,
        // and never more than there are.
        let mut reached: Vec<&Node> = self.nodes.first().into_iter().collect();
        for segment in segments(path) {
            for node in &reached {
                visit(&node.below);
            }
            reached = reached
                .into_iter()
                .flat_map(|node| [node.literals.get(segment).copied(), node.parameter])
                .flatten()
                .filter_map(|child| self.nodes.get(child))
                .collect();
            if reached.is_empty() {
                return;
            }
        }
        for node in reached {
            visit(&node.here);
            visit(&node.below);
        }
    }
}
