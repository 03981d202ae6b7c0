from importlib.util import find_spec

# The reader of KiCad netlists is a test dependency that an older environment lacks.
collect_ignore = [] if find_spec("kinparse") else ["test_board.py"]
