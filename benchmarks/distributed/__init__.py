"""Measure rates inside engines that distribute rows over machines."""
