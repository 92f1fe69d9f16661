"""The rehearsal kit: a generated town, complaint streams with their ground truth, an SMTP receiver, and the demo.

Operators rehearse with it, the tests and `make demo` are built on it. Nothing here reaches beyond this machine, and
every address it makes up is reserved: mail at example.com, telephone numbers 555-01XX.
"""
