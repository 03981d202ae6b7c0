"""The analogies beside the LSTM: each a network of parts that runs, held against the numeric thing it stands for."""
