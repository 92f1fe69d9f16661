"""What things are and how decisions are made.

Pure: values in, values out. No clock, no I/O, no logging, no event loop; `now` is always a parameter.
"""
