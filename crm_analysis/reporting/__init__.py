"""From notebooks to a report: which notebooks there are, how they run, what is kept, how it is shown."""
