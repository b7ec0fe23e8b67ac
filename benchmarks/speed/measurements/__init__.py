"""One module a measurement: `measure(bench)` yields its rows; its docstring says what is compared and why so."""
