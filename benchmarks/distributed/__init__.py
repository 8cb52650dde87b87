"""Rates inside engines that spread rows over machines."""
