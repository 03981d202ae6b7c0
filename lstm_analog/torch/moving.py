"""The names of PyTorch functions that move elements, that ask for shapes and that fill shapes."""

JOINS = frozenset(["cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack"])
"""Functions that join several tensors."""

MOVES = JOINS | frozenset(
    """
    T mT __getitem__ adjoint atleast_2d atleast_3d broadcast_to chunk clone contiguous data detach expand
    expand_as flatten flip index_select movedim moveaxis narrow permute ravel repeat reshape roll select split
    split_with_sizes squeeze swapaxes swapdims t tensor_split tile transpose unbind unflatten unsqueeze view
    """.split()  # noqa: SIM905 - forty names are read better as words
)
"""Functions whose result has only elements of their first argument."""

FILLS = frozenset(["zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"])
"""Functions that return numbers which depend only on the shape of a tensor."""

ASKS = frozenset(
    """
    __len__ device dim dtype element_size get_device grad_fn is_complex is_contiguous is_cpu is_cuda
    is_floating_point is_leaf is_mps is_nested is_quantized is_sparse layout ndim ndimension nelement numel
    requires_grad shape size storage_offset stride
    """.split()  # noqa: SIM905 - so are these
)
"""Functions that return no tensor, and nothing that depends on elements."""
