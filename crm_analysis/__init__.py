"""Customer analytics in notebooks: who customers are, what they feel, whether it becomes deeds, who leaves."""

__version__ = "0.1.0"
