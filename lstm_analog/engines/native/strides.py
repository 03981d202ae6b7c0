"""How the numbers of arrays lie, for operations of the kernel: few axes, and matrices as linear algebra has them."""

Strides = tuple[int, ...]


class NotEncodableError(Exception):
    """The call has no operations of the kernel."""


def axes(shape: tuple[int, ...], strides: list[Strides]) -> tuple[list[int], list[list[int]]]:
    """Return the sizes and, array by array, the strides of as few axes as will do; the arrays have equal `shape`.

    The axes are in the order of the `strides` of the first array, the inner one last.
    """
    first = strides[0]
    order = sorted([k for k, size in enumerate(shape) if size > 1], key=lambda k: -abs(first[k]))
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis in order:
        size, own = shape[axis], [stride[axis] for stride in strides]
        if sizes and all(step[-1] == stride * size for step, stride in zip(steps, own, strict=True)):
            sizes[-1] *= size
            for step, stride in zip(steps, own, strict=True):
                step[-1] = stride
        else:
            sizes.append(size)
            for step, stride in zip(steps, own, strict=True):
                step.append(stride)
    return sizes, steps


def layout(rows: int, columns: int, down: int, across: int) -> tuple[int, int]:
    """Return the strides of a matrix as the products of linear algebra take them: one of them is 1.

    It has `rows` and `columns`, `down` and `across` apart. Raises `NotEncodableError` if neither is 1.
    """
    if across == 1 or columns == 1:
        found = (columns if rows == 1 else down, 1)
    elif down == 1 or rows == 1:
        found = (1, across)
    else:
        raise NotEncodableError
    if found[0] < (columns if found[1] == 1 else 1) or (found[1] != 1 and found[1] < rows):
        raise NotEncodableError
    return found
