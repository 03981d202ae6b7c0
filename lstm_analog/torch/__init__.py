"""PyTorch modules: read them, `from_torch` and `model_from_torch`; run a machine as one, `AnalogLSTM`; `finetune` them.

This is the only sub-package that imports torch.
"""

from lstm_analog.errors import LibraryMissingError, explain

try:
    import torch  # noqa: F401 - whether it is there
except ImportError:
    raise LibraryMissingError(
        explain("lstm_analog.torch", must="have torch", got="none", do="pip install 'lstm_analog[torch]'")
    ) from None

from lstm_analog.torch.analog import AnalogLSTM
from lstm_analog.torch.finetuning import finetune
from lstm_analog.torch.reading import from_torch
from lstm_analog.torch.whole import model_from_torch

__all__ = ["AnalogLSTM", "finetune", "from_torch", "model_from_torch"]
