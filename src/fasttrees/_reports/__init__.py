"""Reports as single HTML files: pages, plots and the metrics that they show.

Nothing is imported here: the metrics need numpy alone, pages need Jinja2, and plots matplotlib.
"""

__all__: list[str] = []
