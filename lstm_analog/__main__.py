"""`python -m lstm_analog` is the command `lstm-analog`."""

from lstm_analog.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
