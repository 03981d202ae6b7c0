"""The living page: a machine in one HTML file, with an engine in JavaScript that integrates its graph file.

Python: `page` writes the file, with the laws in JavaScript, `contents` collects what it shows, `demonstrations` are the
networks of its first two screens, `analogies` those of nerve cells, rectifiers and descent with their closed forms,
`layers` what a classifier's layers tell. JavaScript: `engine.js` integrates networks and knows no LSTM and no law;
`digital.js` is the LSTM by its equations, `machine.js` says where a network bears the signals of one; `random.js` draws
numbers, `draw.js` has elements and plots, `app.js` the work in slices and the choice of the screen; `channels.js` is
the third material of the first screen, the others are a screen each.
"""

from lstm_analog.show.living.page import page, source

__all__ = ["page", "source"]
