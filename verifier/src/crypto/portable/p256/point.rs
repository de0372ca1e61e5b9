//! Sums of points of P-256.

use alloc::vec::Vec;

use super::field::{Element, Words};

/// A point, not the one at infinity, as tables store it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Affine {
    pub(super) x: Words,
    pub(super) y: Words,
}

impl Affine {
    /// The point of these coordinates, big-endian. That it lies on the curve is the caller's to know.
    pub(super) fn from_bytes(x: &[u8; 32], y: &[u8; 32]) -> Self {
        Self { x: Element::from_bytes(x).to_stored(), y: Element::from_bytes(y).to_stored() }
    }
}

/// A sum of points, with x = X / ZZ and y = Y / ZZZ, where ZZ³ = ZZZ².
///
/// Two points that are equal or opposite cannot be added by the formulas used here (`madd-2008-s` and
/// `dbl-2008-s-1` for XYZZ coordinates in Bernstein and Lange's Explicit-Formulas Database). Then ZZ becomes zero, and
/// remains so, as every ZZ is a multiple of the one before. So nothing is watched on the way, and at
/// the end [`is_no_result`](Self::is_no_result) tells.
///
/// By the bounds of [`Element`], X stays within ±4 p, Y within ±2 p and the others within ±1.1 p.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    x: Element,
    y: Element,
    zz: Element,
    zzz: Element,
}

impl Sum {
    /// The sum of one point, or of its opposite.
    pub(super) fn of(point: &Affine, opposite: bool) -> Self {
        let (x, y) = coordinates(point, opposite);
        Self { x, y: y.carried(), zz: Element::ONE, zzz: Element::ONE }
    }

    /// The sum and itself once more. In this group, that is never infinity.
    pub(super) fn doubled(&self) -> Self {
        let twice_y = self.y.minus(&Element::ZERO.minus(&self.y)).carried();
        let squared = twice_y.squared();
        let cubed = twice_y.times(&squared);
        let old_x = self.x.times(&squared);
        // 3 X² + a ZZ², and a = −3.
        let third = self.x.squared().minus(&self.zz.squared());
        let slope = third.minus(&Element::ZERO.minus(&third).minus(&third)).carried();
        let x = slope.squared().minus(&old_x).minus(&old_x).carried();
        let y = Element::cross(&slope, &old_x.minus(&x), &cubed, &self.y);
        Self { x, y, zz: self.zz.times(&squared), zzz: self.zzz.times(&cubed) }
    }

    /// The sum and one more point, or its opposite.
    #[inline]
    pub(super) fn plus(&self, point: &Affine, opposite: bool) -> Self {
        let (x, y) = coordinates(point, opposite);
        let run = self.zz.times(&x).minus(&self.x);
        let rise = self.zzz.times(&y).minus(&self.y);
        let squared = run.squared();
        let cubed = run.times(&squared);
        let old_x = self.x.times(&squared);
        let x = rise.squared().minus(&cubed).minus(&old_x).minus(&old_x).carried();
        let y = Element::cross(&rise, &old_x.minus(&x), &self.y, &cubed);
        Self { x, y, zz: self.zz.times(&squared), zzz: self.zzz.times(&cubed) }
    }

    /// Whether two points on the way were equal or opposite, so that this is not their sum.
    pub(super) fn is_no_result(&self) -> bool {
        self.zz.is_zero()
    }

    pub(super) fn has_x(&self, x: &Element) -> bool {
        self.x.minus(&x.times(&self.zz)).carried().is_zero()
    }

    /// The sums' coordinates, by one inversion for all of them (Montgomery's trick). All are results.
    pub(super) fn to_affine(sums: &[Self]) -> Vec<Affine> {
        let mut product = Element::ONE;
        let before: Vec<Element> = sums
            .iter()
            .map(|sum| {
                let before = product;
                product = product.times(&sum.zzz);
                before
            })
            .collect();
        let mut inverse = product.inverted();
        let mut points: Vec<Affine> = sums
            .iter()
            .zip(before)
            .rev()
            .map(|(sum, before)| {
                let zzz = inverse.times(&before);
                inverse = inverse.times(&sum.zzz);
                let z = sum.zz.times(&zzz);
                Affine { x: sum.x.times(&z.squared()).to_stored(), y: sum.y.times(&zzz).to_stored() }
            })
            .collect();
        points.reverse();
        points
    }
}

/// The coordinates of a point or of its opposite. The y is not carried.
#[inline]
fn coordinates(point: &Affine, opposite: bool) -> (Element, Element) {
    let y = Element::from_stored(&point.y);
    (Element::from_stored(&point.x), if opposite { Element::ZERO.minus(&y) } else { y })
}

#[cfg(test)]
mod tests;
