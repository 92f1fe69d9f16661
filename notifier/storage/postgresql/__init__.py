"""PostgreSQL behind the interface of the daemon's database, through asyncpg.

`database` is what the daemon uses; `transaction` lets plain functions wait for the server (greenlets), `statements`
turns the shared SQL into what the server takes, `connection` is made again when it is lost, `ownership` keeps the
database with one daemon and tells what became of a commit. Needs the extra `postgresql`; imported only when configured.
"""
