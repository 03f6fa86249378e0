"""Planning: what is assumed of a population before it is asked, and what samples of each size would show."""
