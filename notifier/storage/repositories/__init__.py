"""Saving and loading of aggregates: plain functions of an open transaction, one module per aggregate."""
