"""Sparse matrices of fixed structure, made of the partial derivatives of blocks, which come as flat arrays.

Where each derivative goes is worked out once; matrices are filled many times.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.laws import Block, BlockForm

_SMALL = 4096
"""Entries, zeros counted, up to which a matrix is stored as a dense one; larger: more is multiplied by zero."""


def positions(size: int, chosen: Indices) -> Indices:
    """Return the place of each of `size` unknowns in the list of the `chosen`, -1 if it is not there, shape (size,)."""
    place = np.full(size, -1, dtype=np.int64)
    place[chosen] = np.arange(chosen.size)
    return place


@dataclass(frozen=True, kw_only=True, eq=False)
class Scatter:
    """Adds up flat values (batch, k) to sums (batch, r) by a `matrix` (r, k) of ones and zeros."""

    matrix: "scipy.sparse.csr_array | Floats"

    def __call__(self, values: Floats) -> Floats:
        """Return the sums of `values`, shape (batch, r)."""
        result: Floats = (self.matrix @ values.T).T
        return result


def scatter(targets: Indices, size: int) -> Scatter:
    """Return the `Scatter` that adds value k to sum `targets[k]` of `size`, and drops it if that is below 0."""
    kept = np.flatnonzero(targets >= 0)
    ones = np.ones(kept.size)
    matrix = scipy.sparse.csr_array((ones, (targets[kept], kept)), shape=(size, targets.size))
    return Scatter(matrix=small(matrix))


def small(matrix: "scipy.sparse.csr_array") -> "scipy.sparse.csr_array | Floats":
    """Return a sparse `matrix`, as a dense one if it is small: products with it then take a tenth of the time."""
    rows, columns = matrix.shape
    return np.asarray(matrix.toarray()) if rows * columns <= _SMALL else matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """A sparse matrix of fixed structure whose entries are sums of block partials.

    `scatter` adds the flat partials up to the entries of a matrix by columns (scipy's CSC) with these `indices`,
    `indptr` and `shape`; `diagonal` tells that it is square with entries on all of its diagonal and nowhere else.
    """

    scatter: Scatter
    indices: Indices
    indptr: Indices
    shape: tuple[int, int]
    diagonal: bool

    def dense(self, values: Floats) -> Floats:
        """Return the matrices at flat partials `values` (batch, k), dense: (batch, rows, columns)."""
        matrix = np.zeros((len(values), *self.shape))
        matrix[:, self.indices, np.repeat(np.arange(self.shape[1]), np.diff(self.indptr))] = self.scatter(values)
        return matrix

    def fill(self, values: Floats) -> "scipy.sparse.csc_array":
        """Return the matrix at flat partials `values` (batch, k): block diagonal, one block a batch entry."""
        data = self.scatter(values)
        batch, (rows, columns) = len(data), self.shape
        shift = np.arange(batch)[:, None]
        indices = (self.indices + rows * shift).ravel()
        starts = (self.indptr[:-1] + self.indices.size * shift).ravel()
        indptr = np.append(starts, batch * self.indices.size)
        return scipy.sparse.csc_array((data.ravel(), indices, indptr), shape=(batch * rows, batch * columns))


def block_rows(block: Block) -> Indices:
    """Return the row of every flat entry of `block`."""
    return np.repeat(block.rows, block.columns.size) if block.form is BlockForm.DENSE else block.rows


def block_columns(block: Block) -> Indices:
    """Return the column of every flat entry of `block`."""
    return np.tile(block.columns, block.rows.size) if block.form is BlockForm.DENSE else block.columns


def pattern(entry_rows: Indices, entry_columns: Indices, shape: tuple[int, int]) -> Pattern:
    """Return the `Pattern` of flat entries at (`entry_rows`, `entry_columns`) of a matrix of `shape`.

    Entries with a row or column below 0 are dropped; entries at the same place are added.
    """
    rows, columns = shape
    kept = (entry_rows >= 0) & (entry_columns >= 0)
    code = np.where(kept, entry_columns * rows + entry_rows, -1)
    places = np.unique(code[kept])
    slot = np.where(kept, np.searchsorted(places, code), -1)
    indptr = np.searchsorted(places, np.arange(columns + 1) * rows)
    indices = places % max(rows, 1)
    size = np.arange(columns + 1)
    diagonal = rows == columns and np.array_equal(indptr, size) and np.array_equal(indices, size[:-1])
    target = scatter(slot, places.size)
    return Pattern(scatter=target, indices=indices, indptr=indptr, shape=shape, diagonal=diagonal)
