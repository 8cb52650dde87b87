"""Measure the server beside the usual Python container; see README.md beside this file."""
