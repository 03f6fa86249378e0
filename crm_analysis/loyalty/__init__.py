"""Do feelings become deeds? Who is loyal, how loyal, and why the satisfied leave all the same."""
