from importlib.util import find_spec

# EPANET comes with wntr, which has no wheels for Python 3.14 yet.
collect_ignore = [] if find_spec("wntr") else ["test_epanet.py", "test_epanet_state.py"]
