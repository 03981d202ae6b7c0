"""Where warnings point: into the code of the one who called, however deep in the package they arise."""

import warnings

from lstm_analog.errors import LimitWarning, warn_caller


def test_a_warning_names_the_caller_of_the_package():
    inside = {"__name__": "lstm_analog.study.deep", "warn_caller": warn_caller, "LimitWarning": LimitWarning}
    source = "def outer():\n    inner()\ndef inner():\n    [warn_caller(LimitWarning('so')) for _ in range(1)]\n"
    exec(compile(source, "deep.py", "exec"), inside)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        inside["outer"]()
    assert [warning.filename for warning in told] == [__file__]


def test_code_of_another_name_is_not_the_package():
    outside = {"__name__": "lstm_analog_users", "warn_caller": warn_caller, "LimitWarning": LimitWarning}
    exec(compile("def call():\n    warn_caller(LimitWarning('so'))\n", "user.py", "exec"), outside)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        outside["call"]()
    assert [warning.filename for warning in told] == ["user.py"]
