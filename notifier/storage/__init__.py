"""Where facts live: schema, migrations, transactions, one repository per aggregate, and the read side.

Repositories are plain functions of an open `Transaction`; they hold no state and start no transaction themselves.
"""
