"""Rates inside engines that spread rows over machines, and what follows on paper."""
