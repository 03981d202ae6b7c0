"""Write the comparison of a machine with its LSTM as one HTML page."""
