"""Backtest: the production detector over a file of complaints, without daemon or database.

record      what a backtest has found: all that its report shows
"""
